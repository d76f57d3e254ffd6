"""What can be asked: the forms of instruments for the page's controls, and the whole interface as OpenAPI."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ... import __version__
from ...instrument.fields import Field, Role
from ..answers import KINDS
from ..asking import form, group_of, instruments, names_a_photo
from .answering import bytes_response, json_response

EXPECTED = {  # what a field of a role takes, in an address
    Role.NETWORK: "a network's name, of /api/networks",
    Role.NETWORKS: "networks' names, of /api/networks",
    Role.IMAGES: "an image's name, of /api/images",
    Role.PHOTO: "an image's name, of /api/images",
    Role.IMAGE_SET: "images' names, of /api/images; folder/ for all of the folder",
    Role.PHOTOS: "images' names, of /api/images; folder/ for all of the folder",
    Role.SOURCE: "images' names, of /api/images; folder/ for all of the folder",
    Role.ATLAS: "an atlas's name",
    Role.FOLDER: "folder/, the folder that the microscope was started with",
}
NOT_HERE = (Role.FOLDERS, Role.FILE, Role.RUN)  # what lies on the server's disk, and how a long run goes
SCALARS = {int: "integer", float: "number", bool: "boolean"}


async def forms(request: Request) -> Response:
    """Every instrument: its group, its line of help, and for each field its role, choices, default and help."""
    return json_response({"instruments": described()})


@cache
def described() -> list[dict[str, Any]]:
    """All forms as JSON."""
    return [_form(name) for name in instruments()]


def _form(name: str) -> dict[str, Any]:
    asked = form(name)
    return {
        "name": name,
        "group": group_of(name),
        "line": asked.line,
        "details": asked.details,
        "draws": asked.draws,
        "stepwise": asked.stepwise,
        "films": asked.films,
        "fields": [_field(field) for field in asked.fields if field.role not in NOT_HERE],
        "drawing": [_field(field) for field in asked.drawing],
    }


def _field(field: Field) -> dict[str, Any]:
    kind, several = field.kind, False
    type: Any = kind.type if kind is not None else str
    if get_args(type):
        type, several = get_args(type)[0], True
    choices = [choice.value for choice in type] if hasattr(type, "__members__") else None
    role = Role.PHOTO if names_a_photo(field) else field.role
    default = None if field.required else field.default
    if isinstance(default, (tuple, list)):
        default = [str(each) for each in default]
    elif default is not None and not isinstance(default, (bool, int, float, str)):
        default = str(default)
    return {
        "name": field.name,
        "role": str(role),
        "help": field.help,
        "required": field.required,
        "default": default,
        "type": "choice" if choices else SCALARS.get(type, "text"),
        "choices": choices,
        "several": several or role in (Role.NETWORKS, Role.IMAGES, Role.IMAGE_SET, Role.PHOTOS, Role.SOURCE),
        "unit": kind.metavar if kind is not None else None,
    }


async def openapi(request: Request) -> Response:
    """The interface as an OpenAPI 3.1 document, made from the routes and from the forms."""
    paths: dict[str, Any] = {}
    for route in request.app.routes:
        if isinstance(route, Route) and route.path.startswith("/api") and route.path != "/api/run/{name}":
            for method in sorted((route.methods or set()) - {"HEAD"}):
                lines = (route.endpoint.__doc__ or "").strip().splitlines()
                operation = {"summary": lines[0] if lines else "", "responses": {"200": {"description": "the answer"}}}
                paths.setdefault(route.path, {})[method.lower()] = operation
    for name in instruments():
        paths[f"/api/run/{name}.{{form}}"] = {"get": _operation(name)}
    return json_response(
        {
            "openapi": "3.1.0",
            "info": {"title": "Phosphene's microscope", "version": __version__},
            "paths": paths,
        }
    )


def _operation(name: str) -> dict[str, Any]:
    asked = form(name)
    form_of_answer = {
        "name": "form",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": list(KINDS)},
        "description": "picture, sheet (title, SVG, table) or numbers",
    }
    parameters = [form_of_answer]
    for field in (*asked.fields, *asked.drawing):
        if field.role in NOT_HERE:
            continue
        about = _field(field)
        schema: dict[str, Any] = {"type": about["type"] if about["type"] in SCALARS.values() else "string"}
        if about["choices"]:
            schema["enum"] = about["choices"]
        if about["several"]:
            schema = {"type": "array", "items": schema}
        if about["default"] is not None:
            schema["default"] = about["default"]
        opened = field.role in (Role.NETWORK, Role.IMAGES, Role.PHOTO, Role.ATLAS)
        parameters.append(
            {
                "name": field.name,
                "in": "query",
                "required": field.required and not opened,
                "schema": schema,
                "description": field.help or EXPECTED.get(field.role, ""),
            }
        )
    content: dict[str, Any] = {media: {} for media in dict.fromkeys(KINDS.values())}
    responses = {
        "200": {"description": "the answer", "content": content},
        "404": {"description": "a name that is not known: one sentence under 'error'"},
        "422": {"description": "a question that can't be answered: one sentence under 'error'"},
    }
    return {"summary": asked.line, "description": asked.details, "parameters": parameters, "responses": responses}


def marked(line: str) -> str:
    """A docstring's line as HTML, its names in code type."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(line))


async def index(request: Request) -> Response:
    """A page that lists what can be asked."""
    rows = []
    for route in request.app.routes:
        if isinstance(route, Route) and route.path.startswith("/api"):
            methods = " ".join(sorted((route.methods or set()) - {"HEAD"}))
            line = (route.endpoint.__doc__ or "").strip().splitlines()[0]
            rows.append(f"<tr><td><code>{methods} {escape(route.path)}</code></td><td>{marked(line)}</td></tr>")
    groups: dict[str, list[str]] = {}
    for name in instruments():
        path = f"/api/run/{name}.png"
        row = f'<tr><td><a href="{path}"><code>{path}</code></a></td><td>{marked(form(name).line)}</td></tr>'
        groups.setdefault(group_of(name), []).append(row)
    tables = "".join(f"<h2>{escape(group)}</h2><table>{''.join(some)}</table>" for group, some in groups.items())
    body = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>What can be asked · Phosphene</title>"
        '<link rel="icon" href="/page/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/theme.css">'
        '<link rel="stylesheet" href="/page/style/base.css">'
        '<link rel="stylesheet" href="/page/style/index.css"><main class="index"><h1>What a running microscope can be '
        f"asked</h1><p>Instruments answer under <code>/api/run/NAME.FORM</code>; FORM is {', '.join(KINDS)}. Their "
        "options are parameters of the address, written as on the command line. Networks, images and atlases have the "
        'names of this page\'s lists. <a href="/api/openapi.json">The same as OpenAPI</a>. '
        '<a href="/look">Back to the microscope</a>.</p>'
        f"<h2>The page's own questions</h2><table>{''.join(rows)}</table>{tables}</main></html>"
    )
    return bytes_response(request, body.encode(), "text/html; charset=utf-8")


routes = [
    Route("/api", index),
    Route("/api/forms", forms),
    Route("/api/openapi.json", openapi),
]
