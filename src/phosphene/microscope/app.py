"""The server's application: its routes, and every refusal as one sentence of JSON."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from .events import Channels
from .guard import Guard
from .refusals import ASKED_WRONGLY, RefusedError, refusal_of
from .routes import atlas, camera, describing, instruments, looking, pages, patches, volumes
from .routes.answering import json_response
from .service import Microscope

log = logging.getLogger(__name__)


def application(microscope: Microscope, port: Callable[[], int]) -> ASGIApp:
    """The application, guarded. `port` tells which port it is served at."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        microscope.channels = Channels(microscope.jobs, microscope.limits)
        sweeping = asyncio.create_task(microscope.channels.sweep())
        # opens all instruments, which takes long
        reading = asyncio.create_task(asyncio.to_thread(describing.described))
        yield
        reading.cancel()
        sweeping.cancel()
        await asyncio.to_thread(microscope.close)

    app = Starlette(
        routes=[
            *atlas.routes,
            *patches.routes,
            *describing.routes,
            *looking.routes,
            *volumes.routes,
            *camera.routes,
            *instruments.routes,
            *pages.routes,
        ],
        exception_handlers={
            RefusedError: _refused,
            ClientDisconnect: _gone,
            HTTPException: _unknown,
            Exception: _failed,
            **dict.fromkeys(ASKED_WRONGLY, _failed),
        },
        lifespan=lifespan,
    )
    app.state.microscope = microscope
    microscope.guard = Guard(app, microscope.limits, port)
    return microscope.guard


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return json_response({"error": error.sentence}, error.status)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # which nobody reads


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {
        404: f"there is nothing at {request.url.path}; /api lists what there is",
        405: f"{request.url.path} does not take {request.method}",
    }
    return json_response({"error": sentences.get(error.status_code, error.detail)}, error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    refusal = refusal_of(error)
    if refusal.status == 500:
        log.exception("%s failed", request.url.path, exc_info=error)
    return json_response({"error": refusal.sentence}, refusal.status)
