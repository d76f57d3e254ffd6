"""What routes have in common: parameters of the query, and answers as JSON or bytes."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..answers import json_bytes
from ..refusals import RefusedError
from ..service import Microscope
from ..service import several as several

WHOLE = re.compile(r"-?[0-9]{1,18}")


def microscope_of(request: Request) -> Microscope:
    """The microscope that the request is for."""
    return request.app.state.microscope


def json_response(value: Any, status: int = 200) -> Response:
    return Response(json_bytes(value), status, media_type="application/json", headers={"cache-control": "no-cache"})


def bytes_response(request: Request, data: bytes, media: str) -> Response:
    """Bytes with a tag, so that a page that has them is told so instead of sent them again."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    known = request.headers.get("if-none-match", "")
    if tag in (each.strip().removeprefix("W/") for each in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media, headers=headers)


def text(request: Request, name: str, default: str | None = None) -> str | None:
    """A parameter that may be given once."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise RefusedError(422, f"{name} is asked for once, not {len(values)} times")
    return values[0] if values and values[0] else default


def needed(request: Request, name: str, what: str) -> str:
    """A parameter that must be given."""
    value = text(request, name)
    if value is None:
        raise RefusedError(422, f"{name} is missing: {what}")
    return value


def whole(request: Request, name: str, default: int, least: int = 0, most: int = 1 << 31) -> int:
    """A whole number."""
    value = text(request, name)
    if value is None:
        return default
    if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
        raise RefusedError(422, f"{name} is a whole number from {least} to {most}, not {value!r}")
    return int(value)


def real(request: Request, name: str, what: str) -> float:
    """A finite number that must be given."""
    value = needed(request, name, what)
    try:
        number = float(value)
    except ValueError:
        raise RefusedError(422, f"{name} is a number, not {value!r}") from None
    if number - number != 0:
        raise RefusedError(422, f"{name} is a finite number, not {value!r}")
    return number
