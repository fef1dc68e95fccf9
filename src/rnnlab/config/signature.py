"""A constructor as the schema of its settings: unknown names, wrong types, values out of range."""

import inspect
import shlex
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Len

from rnnlab.config.overrides import format_override
from rnnlab.config.quoting import quote, quote_for_shell, type_as_text
from rnnlab.errors import Problem, did_you_mean, nearest_names

if TYPE_CHECKING:
    from pydantic import BaseModel

# Arguments that the run, or a class to its base, passes to a component; they are no settings.
RUNTIME: dict[str, frozenset[str]] = {
    "task": frozenset({"spec"}),
    "analysis": frozenset(),
    "data": frozenset(),
    "model": frozenset({"task", "optimizer_config", "layer"}),
    "optimizer": frozenset({"params"}),
    "scheduler": frozenset({"optimizer", "context"}),
    "callbacks": frozenset({"folder"}),
    "logger": frozenset({"folder", "save_dir"}),
    "sampler": frozenset({"search_space"}),
    "pruner": frozenset(),
    "launcher": frozenset(),
}
Finder = Callable[[str], Any]
THIRD_PARTY = {"torch", "lightning", "optuna"}  # with unreliable type hints; see dry_build


def component_problems(
    path: str, component: Mapping[str, Any], section: str, find: Finder | None = None
) -> list[str]:
    """Return the problems of one component, checked against the signature of its `_target_`.

    `find` returns the class or function of a target, or None to skip it; None for `locate`.
    """
    if "_target_" not in component:
        message = f"{path}._target_: must be given, the class or function to build"
        return [Problem(message, f"{path}._target_")]
    target = str(component["_target_"])
    try:
        builder = (find or locate)(target)
    except ImportError as error:
        return [Problem(f"{path}._target_={target}: {error}", f"{path}._target_", target)]
    if builder is None:
        return []
    hydra_keys = ("_target_", "_partial_", "_convert_", "_recursive_")
    settings = {key: value for key, value in component.items() if key not in hydra_keys}
    runtime = RUNTIME[section] - ({"save_dir"} & settings.keys())  # the run's folder, unless set
    return signature_problems(path, builder, settings, runtime)


def locate(target: str) -> Any:
    """Return the class or function at a dotted path; raise ImportError if there is none."""
    module, _, name = target.rpartition(".")
    if not module:
        raise ImportError("must be a dotted path, such as rnnlab.models.GRU")
    members = import_module(module)
    if not hasattr(members, name):
        public = [n for n in dir(members) if not n.startswith("_")]
        raise ImportError(f"{module} has no {name!r}; {did_you_mean(name, public)}")
    return getattr(members, name)


def locate_torch(target: str) -> Any:
    """Return a class of torch; None for another package, whose import takes longer."""
    return locate(target) if target.startswith("torch.") else None


def signature_problems(
    path: str,
    builder: Any,
    settings: Mapping[str, Any],
    runtime: frozenset[str] = frozenset(),
    label: str | None = None,
) -> list[str]:
    """Return the problems of settings for a constructor, one line each.

    `path` is the key of the settings in the config, `runtime` has the parameters that are no
    settings, and `label` is the name of the builder in messages instead of its own.
    """
    from pydantic import ValidationError

    model, types = _create_settings_model(builder, runtime)
    try:
        model.model_validate(dict(settings))
    except ValidationError as error:
        label = label or str(builder.__name__)
        reasons: dict[str, dict[Problem, None]] = {}  # each type of a union has its own
        for detail in error.errors():
            setting, reason = _problem(path, label, types, settings, detail)
            reasons.setdefault(setting, {})[reason] = None
        return [
            next(iter(problems)).with_message(f"{setting}: {', or '.join(problems)}")
            for setting, problems in reasons.items()
        ]
    return []


@cache
def _create_settings_model(
    builder: Any, runtime: frozenset[str]
) -> "tuple[type[BaseModel], dict[str, Any]]":
    """Return a model that validates the settings of a constructor, and the settings' types."""
    from pydantic import ConfigDict, create_model

    types, open_ended = configurable_parameters(builder, runtime)
    rules = ConfigDict(
        extra="allow" if open_ended else "forbid",
        strict=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )
    return create_model("Settings", __config__=rules, **types), types


def configurable_parameters(builder: Any, runtime: frozenset[str]) -> tuple[dict[str, Any], bool]:
    """Return type and default of each setting, and whether other names are accepted."""
    parameters = dict(inspect.signature(builder).parameters)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    initializer = builder.__init__ if inspect.isclass(builder) else builder
    is_third_party = builder.__module__.split(".")[0] in THIRD_PARTY
    if is_third_party:  # only the types of numbers and truth values are reliable
        hints = {name: hint for name, p in parameters.items() if (hint := reliable_type(p))}
    else:
        hints = get_type_hints(initializer, include_extras=True)
    types = {
        name: (hints.get(name, Any), ... if p.default is p.empty else p.default)
        for name, p in parameters.items()
        if name not in runtime and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    }
    if open_ended and not is_third_party and inspect.isclass(builder):
        # other arguments go to the base class
        excluded_names = runtime | getattr(builder, "fixed_settings", frozenset())
        base_types, open_ended = configurable_parameters(builder.__bases__[0], excluded_names)
        types = {**base_types, **types}
    return types, open_ended


def reliable_type(parameter: inspect.Parameter) -> Any:
    """Return the type of a parameter of another project if its default value shows it.

    That is a number, a truth value, or a tuple of numbers, such as the betas of Adam.
    """
    default = parameter.default
    if type(default) in (int, float):
        return float
    if isinstance(default, tuple) and {type(value) for value in default} in ({int}, {float}):
        return Annotated[list[float], Len(len(default), len(default))]
    return parameter.annotation if parameter.annotation in (bool, bool | None) else None


def _problem(
    path: str,
    label: str,
    types: Mapping[str, Any],
    settings: Mapping[str, Any],
    detail: Mapping[str, Any],
) -> tuple[str, Problem]:
    """Return a setting with its value, and the reason why it is invalid."""
    name, *inner = detail["loc"]
    key = f"{path}.{name}" if path else str(name)
    value: Any = settings.get(name)
    for step in inner:  # an index or key of the value, or the name of a type
        if isinstance(step, int) or (isinstance(value, Mapping) and step in value):
            key, value = f"{key}.{step}", value[step]
    if detail["type"] == "extra_forbidden":
        message = f"no such setting of {label}; {did_you_mean(name, types)}"
        suggestions = [f"{path}.{other}".lstrip(".") for other in nearest_names(name, types)]
        return key, Problem(message, key, value, types, suggestions)
    choices = list_literals(types[name][0])
    if detail["type"] == "missing":
        return key, Problem("must be given", key, None, choices)
    reason = detail["msg"].replace("Input should be", "must be").removeprefix("Value error, ")
    is_keyword = detail["input"] is None or isinstance(detail["input"], bool)
    text = format_override(detail["input"]) if is_keyword else detail["input"]
    hint, word = _explain_type(key, detail["type"], detail["input"])
    message = f"{reason[0].lower()}{reason[1:]}" + (f"; {hint}: {word}" if hint else "")
    suggestions = [word] if word else [f"{key}={c}" for c in nearest_names(str(text), choices)]
    return f"{key}={text}", Problem(message, key, detail["input"], choices, suggestions)


def list_literals(hint: Any) -> list[str]:
    """Return the words that a type accepts, in its own order.

    >>> list_literals(int | Literal["auto", "none"])
    ['auto', 'none']
    """
    if get_origin(hint) is Literal:
        return [str(word) for word in get_args(hint)]
    return [word for part in get_args(hint) for word in list_literals(part)]


def _explain_type(key: str, problem: str, value: Any) -> tuple[str, str]:
    """Return how to type a text that Hydra reads as a number, or a list of one, and the word."""
    parent, _, name = key.rpartition(".")
    if problem == "string_type" and isinstance(value, int | float) and name.isdecimal():
        return "a text in a list is typed in quotes", f"\"{parent}=['{value}']\""
    if problem == "string_type" and isinstance(value, list) and name.isdecimal():
        text = quote(f"[{','.join(map(str, value))}]")
        return "a text with brackets is typed in quotes", quote_for_shell(f"{parent}=[{text}]")
    if problem == "string_type" and isinstance(value, int | float):
        return "a text is typed in quotes", type_as_text(key, format_override(value))
    if problem == "dict_type" and isinstance(value, str) and ":" in value:
        return "a dictionary is typed in quotes", quote_for_shell(f"{key}={{{value}}}")
    if problem in ("list_type", "tuple_type") and isinstance(value, str) and value[:1] != "[":
        word = f"{key}=[{value}]"
        word = word if value.isidentifier() else shlex.quote(word)
        return "a list is typed in brackets", word
    return "", ""
