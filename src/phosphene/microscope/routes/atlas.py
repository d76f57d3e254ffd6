"""The atlas: its layers and labels, its map as points, its photos as thumbnails."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...atlas.projection.embedding import Embedding, atlas_map
from ...atlas.store.sweep_rows import count_of, labels_of
from ...atlas.zoom.thumbnails import thumbnails
from ...picture import webp
from ..refusals import RefusedError
from ..service import Microscope
from ..stored import key_of
from .answering import bytes_response, json_response, microscope_of, text, whole

SPRITE, ACROSS = 48, 16  # pixels of a thumbnail's side; thumbnails in a row of a sheet, and rows of it


async def about(request: Request) -> Response:
    """What an atlas holds: its sweeps with their layers and features, how many images, and its labels."""
    microscope, name = microscope_of(request), text(request, "atlas")

    def ask() -> dict[str, Any]:
        atlas = microscope.library.atlases.open(name)
        sweeps = [
            {
                "name": sweep.name,
                "network": sweep.network,
                "fingerprint": sweep.fingerprint,
                "layers": list(sweep.work.layers),
                "features": list(sweep.work.features),
                "images": count_of(atlas.store, sweep),
            }
            for sweep in atlas.sweeps()
        ]
        labels = {label for sweep in atlas.sweeps() for label in labels_of(atlas.store, sweep)}
        return {"atlas": name, "sweeps": sweeps, "labels": sorted(labels)}

    return json_response(await microscope.answered(request, "atlas", ask))


async def network(request: Request) -> Response:
    """Which network of the list built an atlas: the named one if it did; and the sweep that holds what it gave."""
    microscope, name, wanted = microscope_of(request), text(request, "atlas"), text(request, "network")

    def ask() -> dict[str, Any]:
        sweeps = microscope.library.atlases.open(name).sweeps()
        if not sweeps:
            raise RefusedError(404, "nothing of any network is in this atlas yet; build it again")
        networks = microscope.library.networks
        offered = networks.of_weights({sweep.fingerprint for sweep in sweeps}, [wanted, *(s.network for s in sweeps)])
        own = [s for s in sweeps if offered is not None and s.fingerprint == networks.open(offered).fingerprint]
        sweep = (own or sweeps)[-1]
        return {"atlas": name, "network": offered, "sweep": sweep.name, "built": sweep.network}

    return json_response(await microscope.answered(request, "the atlas's network", ask))


async def points(request: Request) -> Response:
    """The map of an atlas's images: a header in JSON, float32 (N, 2), int32 label numbers, float64 image numbers.

    The header's length comes first, 4 bytes, little-endian; with it the header is padded to a multiple of 8 by spaces.
    """
    microscope, name = microscope_of(request), text(request, "atlas")
    features, method = text(request, "features"), text(request, "method") or "tsne"

    def ask() -> bytes:
        return packed(_map(microscope, name, features, method))

    data = await microscope.answered(request, "map", ask, lane="long")
    return bytes_response(request, data, "application/octet-stream")


def _map(microscope: Microscope, name: str | None, features: str | None, method: str) -> Embedding:
    """The map, made where the atlas does not hold it yet."""
    atlas = microscope.library.atlases.open(name)
    key = key_of("map", atlas.path, [repr(sweep) for sweep in atlas.sweeps()], features, method)
    known = microscope.answers.results.get(key)
    if known is None:
        options: dict[str, Any] = {"features": features} if features else {}
        known = atlas_map(atlas, method=method, **options)  # type: ignore[arg-type]  # refuses what is no method
        microscope.answers.results.put(key, known)
    assert isinstance(known, Embedding)
    return known


def packed(embedding: Embedding) -> bytes:
    labels = sorted({label for label in embedding.labels if label is not None})
    code = {label: at for at, label in enumerate(labels)}
    header = {
        "count": len(embedding.ids),
        "labels": labels,
        "keys": list(embedding.keys),
        "layer": embedding.layer,
        "words": f"{embedding.words()} {embedding.axes}",
        "sprite": SPRITE,
        "across": ACROSS,
    }
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    head += b" " * (-(4 + len(head)) % 8)
    codes = np.array([-1 if label is None else code[label] for label in embedding.labels], "<i4")
    positions = np.asarray(embedding.positions, "<f4")
    parts = [struct.pack("<I", len(head)), head, positions.tobytes(), codes.tobytes()]
    parts.append(b"\0" * (-sum(map(len, parts)) % 8))
    return b"".join([*parts, np.asarray(embedding.ids, "<f8").tobytes()])


async def sprites(request: Request) -> Response:
    """A sheet of 16 × 16 thumbnails of the images of a map, in its order; `sheet` counts from 0."""
    microscope, name = microscope_of(request), text(request, "atlas")
    features, method, sheet = text(request, "features"), text(request, "method") or "tsne", whole(request, "sheet", 0)

    def ask() -> bytes:
        embedding = _map(microscope, name, features, method)
        start, count = sheet * ACROSS * ACROSS, ACROSS * ACROSS
        ids, keys = embedding.ids[start : start + count], embedding.keys[start : start + count]
        if not len(ids):
            raise RefusedError(404, f"the map has {-(-len(embedding.ids) // count)} sheets of thumbnails, no {sheet}")
        key = key_of("sprites", embedding.atlas.path, ids.tolist(), SPRITE)
        known = microscope.answers.disk.get(key)
        if known is None:
            made = thumbnails(embedding.atlas, ids.tolist(), list(keys), SPRITE)
            whole_sheet = np.zeros((ACROSS * ACROSS, SPRITE, SPRITE, 3), np.uint8)
            whole_sheet[: len(ids)] = made.pixels
            rows = whole_sheet.reshape(ACROSS, ACROSS, SPRITE, SPRITE, 3).swapaxes(1, 2)
            known, _ = webp(rows.reshape(ACROSS * SPRITE, ACROSS * SPRITE, 3), lossless=False)
            microscope.answers.disk.put(key, known)
        return known

    data = await microscope.answered(request, "thumbnails", ask, lane="quick")
    return bytes_response(request, data, "image/webp")


routes = [
    Route("/api/atlas", about),
    Route("/api/atlas/network.json", network),
    Route("/api/atlas/points.bin", points),
    Route("/api/atlas/sprites.webp", sprites),
]
