"""HTML pages from jinja2 templates; values are escaped, and hide no characters."""

from functools import cache
from pathlib import Path
from typing import Any

from rnnlab.runtime.console import show_hidden

TEMPLATES = Path(__file__).parent / "templates"


@cache
def template_environment(folder: Path) -> Any:
    """Return the environment of a folder, which escapes every value and refuses undefined names."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        finalize=show_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def show_value(value: Any) -> Any:
    """Return a value of a template; a text that is not HTML shows what it hides."""
    return show_hidden(value) if type(value) is str else value


def render_html(template: str, folder: Path = TEMPLATES, **values: Any) -> str:
    """Return the page of a template file, with the values that it uses."""
    return str(template_environment(folder).get_template(template).render(values))
