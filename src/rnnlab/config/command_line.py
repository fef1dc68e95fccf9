"""Check of the words of a command line before Hydra reads them."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rnnlab.config.compose import compose
from rnnlab.config.keys import flat
from rnnlab.config.paths import list_choices, list_groups
from rnnlab.config.suggestions import suggest_settings
from rnnlab.errors import ConfigError, Problem

SWITCHES = frozenset(
    {"--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m"}
)
VALUE_FLAGS = frozenset(  # the next word is their value
    {"--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"}
    | {"--info", "-i", "--experimental-rerun"}
)
NO_FLAGS = frozenset[str]()
MULTIRUN = frozenset({"--multirun", "-m"})


def split_flags(
    conf: Path, arguments: Sequence[str], flags: frozenset[str] = SWITCHES | VALUE_FLAGS
) -> tuple[list[str], list[str]]:
    """Return the flags of a command line with their values, and its overrides.

    Args:
        conf: directory of the configuration, for suggestions.
        arguments: all words.
        flags: that the program accepts.

    Raises:
        ConfigError: words that are neither a flag nor key=value, one per line.
    """
    options: list[str] = []
    overrides: list[str] = []
    problems: list[Problem] = []
    remaining = list(arguments)
    while remaining:
        word = remaining.pop(0)
        if word.partition("=")[0] in flags:
            options.append(word)
            takes_value = word in VALUE_FLAGS and remaining and "=" not in remaining[0]
            options += [remaining.pop(0)] if takes_value else []
        elif word.startswith("-"):
            problems.append(explain_flag(conf, word, remaining))
        elif "=" in word or word.startswith("~"):
            overrides.append(word)
        else:
            problems.append(explain_word(conf, word, overrides))
    if problems:
        raise ConfigError(*problems)
    return options, overrides


def explain_flag(conf: Path, word: str, remaining: list[str]) -> Problem:
    """Return what to type instead of an unknown flag; its value leaves the remaining words."""
    flag, equals, value = word.partition("=")
    if not equals and remaining and "=" not in remaining[0] and not remaining[0].startswith("-"):
        value = remaining.pop(0)
    name = flag.lstrip("-").replace("-", "_")
    words = f"{flag}{equals or ' '}{value}".strip()
    keys = [name] if name in list_groups(conf) else suggest_settings(name, base_settings(conf))
    examples = [shlex.quote(f"{key}={value or '...'}") for key in keys]
    nearest = f"did you mean {' or '.join(examples)}?"
    hint = nearest if examples else "such as model=gru or optimizer.lr=0.01"
    message = f"{words}: no such flag; settings are typed as key=value, {hint}"
    return Problem(message, flag, value or None, suggestions=examples)


def explain_word(conf: Path, word: str, overrides: Sequence[str]) -> Problem:
    """Return what to type instead of a word without `=`."""
    groups = [group for group in list_groups(conf) if word in list_choices(conf, group)]
    suggestions = [f"{group}={word}" for group in groups]
    if groups:
        hint = f"did you mean {' or '.join(suggestions)}?"
    elif overrides:
        suggestions = [shlex.quote(f"{overrides[-1]} {word}")]
        hint = f"if it belongs to {overrides[-1]}, type {suggestions[0]}"
    else:
        hint = "such as model=gru or optimizer.lr=0.01"
    message = f"{word}: a setting is typed as key=value; {hint}"
    return Problem(message, None, word, suggestions=suggestions)


def base_settings(conf: Path) -> list[str]:
    """Return the dotted keys of the configuration without overrides."""
    return list(flat(compose(conf, [])))


def has_multirun(flags: Sequence[str]) -> bool:
    """Return whether the flags ask for one run after the other."""
    return bool(MULTIRUN & set(flags))
