"""HTML pages from the templates in report/templates; values are escaped."""

from functools import cache
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


@cache
def template_environment() -> Any:
    """Return the jinja2 environment, which escapes every value and refuses undefined names."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_html(template: str, **values: Any) -> str:
    """Return a page.

    Args:
        template: name of the file in report/templates.
        values: names that the template uses.
    """
    return str(template_environment().get_template(template).render(values))
