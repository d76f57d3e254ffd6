"""Networks, images, layers and the values of layers: what the page shows of one image, all from one forward pass."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...inspection import draw
from ...network import Network
from ...network.answers import NoScoresError
from ...picture import Photo, webp
from ..refusals import RefusedError
from ..values import packed, strongest_at
from .answering import bytes_response, json_response, microscope_of, needed, real, text, whole

LARGEST = 2048  # pixels a side of an image as the page shows it
PLACE_UNITS = 6  # of each layer, where a place of the photo is asked about
PLACE_LAYERS = 60  # at most; of more every second, every third, ...


async def networks(request: Request) -> Response:
    """The networks that can be chosen, the first of them the one that is shown at the start."""
    return json_response({"networks": microscope_of(request).library.networks.names})


async def images(request: Request) -> Response:
    """The names of images, some at a time from `start`; those that hold `search`."""
    library = microscope_of(request).library
    return json_response(library.images.listed(whole(request, "start", 0), text(request, "search") or ""))


async def upload(request: Request) -> Response:
    """Takes an image's file as the request's body; answers with the name by which it can be asked about."""
    microscope = microscope_of(request)
    data = await microscope.body(request)
    if not data:
        raise RefusedError(422, "the request holds no image; send its file as the body")
    name, photo = await asyncio.to_thread(microscope.library.images.upload, data)
    return json_response({"image": name, **about(photo)}, status=201)


async def image(request: Request) -> Response:
    """What is known of an image: its size and what was done to it on the way in."""
    photo = await asyncio.to_thread(microscope_of(request).library.photo, text(request, "image"))
    return json_response({"image": text(request, "image"), **about(photo)})


async def image_file(request: Request) -> Response:
    """An image as WebP, upright and in sRGB, at most `side` pixels wide and high."""
    photo = await asyncio.to_thread(microscope_of(request).library.photo, text(request, "image"))
    side = whole(request, "side", LARGEST, 16, LARGEST)

    def encode() -> tuple[bytes, str]:
        small = photo.pil()
        small.thumbnail((side, side))
        return webp(np.asarray(small), lossless=False)

    data, media = await asyncio.to_thread(encode)
    return bytes_response(request, data, media)


def about(photo: Photo) -> dict[str, Any]:
    return {"name": photo.name, "width": photo.width, "height": photo.height, "notes": list(photo.notes)}


async def layers(request: Request) -> Response:
    """A network's layers: those that its drawing shows in order, and every value that it computes."""
    microscope, name = microscope_of(request), text(request, "network")

    def ask() -> dict[str, Any]:
        return described(microscope.library.networks.open(name))

    return json_response(await microscope.answered(request, "layers", ask, name))


def described(network: Network) -> dict[str, Any]:
    """A network's layers as JSON."""
    drawing = draw(network)
    every = network.layers()
    known = {layer.name: layer for layer in every}
    return {
        "network": network.name,
        "fingerprint": network.fingerprint,
        "notes": list(network.notes),
        "input": list(drawing.input),
        "parameters": drawing.parameters,
        "operations": drawing.operations,
        "head": network.known_head,
        "labels": len(network.labels),
        "preprocessing": network.preprocessing.describe(),
        "strip": [
            {
                "name": row.name,
                "kind": row.kind,
                "shape": list(row.maps),
                "field": str(row.field),
                "parameters": row.parameters,
                "operations": row.operations,
                "group": row.group,
            }
            for row in drawing.rows
            if row.name in known
        ],
        "layers": [
            {"name": layer.name, "kind": layer.kind, "shape": list(layer.shape), "field": str(layer.field)}
            for layer in every
        ],
    }


async def classes(request: Request) -> Response:
    """The class names of a network that hold `search`, with their numbers; at most 50."""
    microscope, name = microscope_of(request), text(request, "network")
    wanted = (text(request, "search") or "").casefold()

    def ask() -> list[dict[str, Any]]:
        labels = microscope.library.networks.open(name).labels
        pairs = [(index, str(labels[index])) for index in range(len(labels))]
        fitting = [
            (not label.casefold().startswith(wanted), index, label)
            for index, label in pairs
            if wanted in label.casefold()
        ]
        return [{"index": index, "label": label} for _, index, label in sorted(fitting)[:50]]

    return json_response({"classes": await microscope.answered(request, "classes", ask, name)})


async def answer(request: Request) -> Response:
    """What the network takes the image for: its likeliest classes, and where its input lies in the photo."""
    microscope, name, image = microscope_of(request), text(request, "network"), text(request, "image")
    k = whole(request, "k", 5, 1, 100)

    def ask() -> dict[str, Any]:
        network, photo = microscope.library.networks.open(name), microscope.library.photo(image)
        frame = network.frame(photo)
        seen = frame.seen.clip(photo.height, photo.width)
        whole_input = frame.to_photo(frame.whole_input)
        about = {"seen": list(seen.as_tuple()), "input": list(whole_input.as_tuple()), "size": list(frame.size)}
        try:
            guesses = network.classify(photo, k=k)
        except NoScoresError as error:
            return {"classes": [], "why": str(error), **about}
        rows = [{"label": g.label, "index": g.index, "probability": g.probability, "score": g.score} for g in guesses]
        return {"classes": rows, "head": network.known_head, **about}

    return json_response(await microscope.answered(request, "answer", ask, name))


async def maps(request: Request) -> Response:
    """A layer's maps on an image as bytes (see `values.packed`)."""
    microscope, layer = microscope_of(request), needed(request, "layer", "which layer's maps")
    network, image = text(request, "network"), text(request, "image")

    def ask() -> bytes:
        return packed(microscope.maps_of(network, image, [layer])[layer], microscope.limits.map_values)

    data = await microscope.answered(request, f"maps of {layer}", ask, network)
    return bytes_response(request, data, "application/octet-stream")


async def place(request: Request) -> Response:
    """The units that answer most where the photo's point (x, y) lies, at up to 60 layers of its drawing."""
    microscope, network, image = microscope_of(request), text(request, "network"), text(request, "image")
    x = real(request, "x", "the point's distance from the photo's left edge, in its pixels")
    y = real(request, "y", "the point's distance from the photo's upper edge, in its pixels")
    k = whole(request, "k", PLACE_UNITS, 1, 50)

    def ask() -> list[dict[str, Any]]:
        names = [row["name"] for row in described(microscope.library.networks.open(network))["strip"]]
        names = names[:: -(-len(names) // PLACE_LAYERS)]
        photo = microscope.library.photo(image)
        if not (0 <= x <= photo.width and 0 <= y <= photo.height):
            raise RefusedError(422, f"({x:g}, {y:g}) is outside of the photo, {photo.width} × {photo.height} pixels")
        rows = []
        for name, layer_maps in microscope.maps_of(network, image, names).items():
            found = strongest_at(layer_maps, y, x, k)
            if found is not None:
                rows.append({"layer": name, **found})
        return rows

    return json_response({"x": x, "y": y, "layers": await microscope.answered(request, "place", ask, network)})


routes = [
    Route("/api/networks", networks),
    Route("/api/images", images, methods=["GET"]),
    Route("/api/images", upload, methods=["POST"]),
    Route("/api/image.json", image),
    Route("/api/image.webp", image_file),
    Route("/api/layers", layers),
    Route("/api/classes", classes),
    Route("/api/answer", answer),
    Route("/api/maps.bin", maps),
    Route("/api/place", place),
]
