"""Frames of a camera, answered one by one; nothing of them is stored."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..frames import frame_of
from ..refusals import RefusedError
from ..values import packed
from .answering import microscope_of, needed, text


async def camera(request: Request) -> Response:
    """Takes a camera's frame as the request's body; its answer and a layer's maps (see `values.packed`)."""
    microscope, name = microscope_of(request), text(request, "network")
    layer = needed(request, "layer", "which layer's maps")
    data = await request.body()
    if not data:
        raise RefusedError(422, "the request holds no frame; send it as a JPEG file in the body")

    def ask() -> bytes:
        network = microscope.library.networks.open(name)
        frame = frame_of(network, microscope.library.images.decode(data), layer)
        return packed(frame.maps, microscope.limits.map_values, **frame.header())

    answer = await microscope.answered(request, "camera", ask, name)
    return Response(answer, media_type="application/octet-stream", headers={"cache-control": "no-store"})


routes = [Route("/api/camera", camera, methods=["POST"])]
