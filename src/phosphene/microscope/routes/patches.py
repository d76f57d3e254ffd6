"""A unit's strongest patches in an atlas, one by one, and the signal that runs back from the unit to each of them."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...atlas.opened import as_swept
from ...atlas.units.patch import Patch
from ...atlas.units.patches_of_unit import atlas_patches
from ...atlas.units.projections import changed, on_the_patch, projections_of
from ...atlas.units.unit import unit_of
from ...picture import webp, webp_uri
from ..answers import json_bytes
from ..refusals import RefusedError
from ..service import Microscope
from ..stored import key_of
from .answering import bytes_response, microscope_of, needed, text, whole

TILE = 160  # pixels of a patch's longer side
MOST = 1000  # patches of a unit


async def patch(request: Request) -> Response:
    """One of a unit's strongest patches as WebP; `rank` counts from 0."""
    microscope, name, unit, rank, sweep = _asked(request)

    def ask() -> bytes:
        key = key_of("patch", *_held(microscope, name), unit, rank, sweep)
        known = microscope.answers.disk.get(key)
        if known is None:
            known, _ = webp(np.asarray(_small(_patch(microscope, name, unit, rank, sweep))), lossless=False)
            microscope.answers.disk.put(key, known)
        return known

    data = await asyncio.to_thread(ask)
    return bytes_response(request, data, "image/webp")


async def projection(request: Request) -> Response:
    """The signal that runs back from a unit to one of its patches: its image as a data URI, how it was made, its range.

    It is computed in the queue, by the network of the list that built the atlas.
    """
    microscope, name, unit, rank, sweep = _asked(request)
    network = text(request, "network")

    def ask() -> bytes:
        opened, atlas = microscope.library.networks.open(network), microscope.library.atlases.open(name)
        swept, address = unit_of(atlas, unit, sweep)
        if swept.fingerprint != opened.fingerprint:
            raise RefusedError(
                422, f"the atlas was built with {swept.network}, not with the weights of {opened.name}; choose the "
                "network that built it"
            )  # fmt: skip
        key = key_of("projection", *_held(microscope, name), opened.fingerprint, str(address), rank, swept.name)
        known = microscope.answers.disk.get(key)
        if known is None:
            known = json_bytes(
                _projected(as_swept(opened, swept), _patch(microscope, name, unit, rank, sweep), address)
            )
            microscope.answers.disk.put(key, known)
        return known

    data = await microscope.answered(request, "projection", ask, network, lane="long")
    return bytes_response(request, data, "application/json")


def _projected(network: Any, patch: Patch, address: Any) -> dict[str, Any]:
    """The signal of one patch as JSON."""
    projections = projections_of(network, [patch], address)
    (pattern,) = projections.patterns
    if pattern is None:
        raise RefusedError(404, projections.missing[0])
    small = _small(patch)
    pixels, limits = on_the_patch(pattern, patch, (small.height, small.width))
    return {
        "image": webp_uri(pixels, lossless=False),
        "method": projections.method,
        "range": [limits.low, limits.high],
        "value": pattern.value,
        "note": changed(pattern, patch),
    }


def _asked(request: Request) -> tuple[Microscope, str | None, str, int, str | None]:
    """The microscope, the atlas, the unit, the patch's rank and the sweep that a request names."""
    unit, rank = needed(request, "unit", "a unit such as blocks.3:17"), whole(request, "rank", 0, 0, MOST)
    return microscope_of(request), text(request, "atlas"), unit, rank, text(request, "sweep")


def _held(microscope: Microscope, name: str | None) -> tuple[str, list[str]]:
    """What an atlas holds, for a key."""
    atlas = microscope.library.atlases.open(name)
    return atlas.path, [repr(each) for each in atlas.sweeps()]


def _patch(microscope: Microscope, name: str | None, unit: str, rank: int, sweep: str | None) -> Patch:
    """A patch of a unit, whose list stays in memory for the next one."""
    key = key_of("patches", *_held(microscope, name), unit, sweep)
    patches: Any = microscope.answers.results.get(key)
    if patches is None:
        patches = atlas_patches(microscope.library.atlases.open(name), unit, sweep=sweep)
        microscope.answers.results.put(key, patches)
    if rank >= len(patches):
        raise RefusedError(404, f"{unit} has {len(patches)} patches in this atlas, no number {rank}")
    return patches[rank]


def _small(patch: Patch) -> Image.Image:
    """The patch's pixels, no larger than a tile."""
    image = patch.pixels().pil()
    image.thumbnail((TILE, TILE))
    return image


routes = [
    Route("/api/atlas/patch.webp", patch),
    Route("/api/atlas/projection.json", projection),
]
