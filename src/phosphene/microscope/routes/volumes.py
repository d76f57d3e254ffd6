"""All layers of a network's drawing as boxes with values on their faces."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..volumes import packed_volumes, volumes_of
from .answering import bytes_response, microscope_of, text
from .looking import described


async def volumes(request: Request) -> Response:
    """The largest values of each layer over channels, columns and rows, as bytes (see `volumes.packed_volumes`)."""
    microscope, name, image = microscope_of(request), text(request, "network"), text(request, "image")

    def ask() -> bytes:
        network, photo = microscope.library.networks.open(name), microscope.library.photo(image)
        layers = [row["name"] for row in described(network)["strip"]]
        return packed_volumes(*volumes_of(network, photo, layers))

    data = await microscope.answered(request, "volumes", ask, name)
    return bytes_response(request, data, "application/octet-stream")


routes = [Route("/api/volumes.bin", volumes)]
