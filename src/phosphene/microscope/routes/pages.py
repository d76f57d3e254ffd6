"""The page itself: its one HTML file, its scripts and styles, the session that it belongs to, and its events."""

from __future__ import annotations

from pathlib import Path

from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ... import __version__
from ...picture import THEMES, swatch
from ..service import page_of
from .answering import bytes_response, json_response, microscope_of

FOLDER = Path(__file__).parents[1] / "page"
VIEWS = ("", "look", "why", "map", "dream", "compare")


async def page(request: Request) -> Response:
    """The page; each view has a path of its own."""
    return bytes_response(request, (FOLDER / "index.html").read_bytes(), "text/html; charset=utf-8")


async def theme(request: Request) -> Response:
    """The colours of both themes, those of every picture, as CSS; the page may ask for one of them."""
    light, dark = (_variables(name) for name in ("light", "dark"))
    css = (
        f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"
        f":root[data-theme=light]{{{light}}}\n:root[data-theme=dark]{{{dark}}}\n"
    )
    return bytes_response(request, css.encode(), "text/css")


def _variables(theme: str) -> str:
    roles = "".join(f"--phosphene-{role}:{colour};" for role, colour in THEMES[theme].items())
    return f"color-scheme:{theme};{roles}"


async def session(request: Request) -> Response:
    """What the page has to know first: its token, the server's start, the lists, the colour maps and themes."""
    microscope = microscope_of(request)
    assert microscope.guard is not None
    return json_response(
        {
            "version": __version__,
            "token": microscope.guard.token,
            **microscope.library.to_dict(),
            "upload_bytes": microscope.limits.upload_bytes,
            "colours": {
                name: swatch(name, 256)[0][:, :3].ravel().tolist() for name in ("grey", "sequential", "diverging")
            },
        }
    )


async def events(request: Request) -> Response:
    """The page's events, for as long as it is open."""
    microscope = microscope_of(request)
    assert microscope.channels is not None
    client = page_of(request, request.query_params.get("page"))  # a browser sends no header of its own here
    microscope.channels.open(client)  # refuses before the stream begins
    return EventSourceResponse(microscope.channels.stream(client), ping=10)


routes = [
    *(Route(f"/{view}", page) for view in VIEWS),
    Route("/theme.css", theme),
    Route("/session", session),
    Route("/events", events),
    Mount("/page", StaticFiles(directory=FOLDER)),
]
