"""HTML pages from jinja2 templates; values are escaped, and hide no characters."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from rnnlab.runtime.texts import show_hidden

TEMPLATES = Path(__file__).parent / "templates"


@cache
def template_environment(folder: Path) -> Any:
    """Return the environment of a folder, which escapes every value and refuses undefined names.

    The templates of this folder can extend those of TEMPLATES.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        finalize=show_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["plain_text"] = str
    return environment


def show_value(value: Any) -> Any:
    """Return a value of a template; a text that is not HTML shows what it hides."""
    return show_hidden(value) if type(value) is str else value


def render_html(template: str, folder: Path = TEMPLATES, **values: Any) -> str:
    """Return the page of a template file, with the values that it uses."""
    return str(template_environment(folder).get_template(template).render(values))


def render_markdown(text: str) -> Any:
    """Return a page of Markdown as HTML that is safe in a template.

    HTML in the text is escaped; images and links stay text. Headings are one level lower.
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    parser = MarkdownIt("commonmark", {"html": False}).disable(["image", "link", "autolink"])
    html = parser.render(show_hidden(text))
    return Markup(re.sub(r"(</?h)2>", r"\g<1>3>", html))  # HTML of the text is escaped
