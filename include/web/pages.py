"""Renders a template into a response, with headers that let no script run and no other site frame it."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from include.core.dimensions import percent
from include.web.figures import failed, most_first, what_moved

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "style.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
PAGE_HEADERS = _COMMON | {
    "Content-Security-Policy": f"{_NOTHING}; style-src 'sha256-{_STYLE_HASH}'; img-src data:; frame-src 'self'"
}
# A report holds scraped text inside markup that another library wrote: no script, whatever it says. The same
# origin is kept so that Airflow's page can read where its frame is.
REPORT_HEADERS = _COMMON | {
    "Content-Security-Policy": f"{_NOTHING}; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " sandbox allow-same-origin"
}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["thousands"] = lambda number: f"{number:,}".replace(",", "\u202f")
    environment.filters["moment"] = lambda at: at.strftime("%Y-%m-%d %H:%M")
    environment.filters["percent"] = percent
    environment.filters["failed"] = failed
    environment.filters["most_first"] = most_first
    environment.filters["what_moved"] = what_moved
    environment.globals["style"] = Markup(_STYLE)  # noqa: S704  # our own file
    return environment


_ENVIRONMENT = _environment()


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page of our own. Links start at `root`, the path under which Airflow mounts the app."""
    root = request.scope.get("root_path", "")
    text = _ENVIRONMENT.get_template(template).render(root=root, **values)
    return Response(text, status, PAGE_HEADERS, "text/html; charset=utf-8")
