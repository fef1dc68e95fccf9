"""Settings of the reading of new files, which may differ from the files of the training."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from rnnlab.data.processors.base import Processor, type_adapter
from rnnlab.errors import ConfigError, DataError, Problem, unknown_name

SECTION = "data."
COLUMN_ADVICE = re.compile(rf"Name the right ones? with ({SECTION}\w+(?: and {SECTION}\w+)?)")


def change_reading(processor: Processor, settings: Mapping[str, Any]) -> Processor:
    """Return a processor that reads files with other settings.

    Args:
        processor: of a run.
        settings: name, such as data.encoding or data.text_column, -> value.

    Raises:
        ConfigError: there is no such setting, or its value is invalid.
    """
    if not settings:
        return processor
    adapter = type_adapter(type(processor))
    content = adapter.dump_python(processor, mode="json", warnings=False)
    for name, value in settings.items():
        choices = [SECTION + choice for choice in processor.reading]
        if name not in choices:
            begin, empty = f"{name}: is not read with a file; ", "this run has no such settings"
            raise ConfigError(unknown_name(begin, name, choices, empty=empty))
        for path in processor.reading[name.removeprefix(SECTION)]:
            *parents, field = path.split(".")
            target = content
            for parent in parents:
                target = target[parent]
            is_name = name.endswith("_column") and value is not None
            target[field] = str(value) if is_name else value  # a name may be a number
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        words = ", ".join(f"{name}={value}" for name, value in settings.items())
        raise ConfigError(f"{words}: {error.errors()[0]['msg']}") from error


@contextmanager
def advise_reading(names: Collection[str]) -> Iterator[None]:
    """Replace advice on settings of a training in errors where it does not apply to a new file.

    Args:
        names: of the settings that can be given; see Processor.reading.
    """
    try:
        yield
    except (ConfigError, DataError) as error:
        raise type(error)(*(advise_new_file(one, names) for one in error.problems)) from error


def advise_new_file(problem: Problem, names: Collection[str]) -> Problem:
    """Return a problem with advice for a new file; without its setting, if that cannot be given."""
    message = advise_renaming(problem, names)
    setting = problem.setting if message == problem else None
    suggestions = problem.suggestions if setting else []
    return Problem(message, setting, problem.value, problem.choices, suggestions)


def advise_renaming(message: str, names: Collection[str]) -> str:
    """Return a message that advises to rename a column, if no setting of these names helps.

    >>> advise_renaming("no column 'a'. Name the right one with data.target_columns", ["encoding"])
    "no column 'a'. Rename the column of the table"
    """

    def rename(match: re.Match[str]) -> str:
        settings = re.findall(rf"{SECTION}(\w+)", match[1])
        return match[0] if set(settings) <= set(names) else "Rename the column of the table"

    return COLUMN_ADVICE.sub(rename, message)
