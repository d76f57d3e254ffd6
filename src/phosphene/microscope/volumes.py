"""The layers of a network as boxes: what each shows on its faces for an image, from one pass, as compact bytes.

A layer's values are a box of channels × rows × columns. Seen from the front, each place is the largest value over the
channels; from the side, over the columns; from above, over the rows. Faces are made while a layer's value stands, so
that a network of any size takes no more memory than its largest layer.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..network import Layer, Network
from ..network.picking import laid
from ..network.running.outputs import main_tensor
from ..picture import Photo

SIDE = 64  # places a side of a face, at most
FACES = ("front", "side", "top")


@dataclass(frozen=True, eq=False)
class Volume:
    """A layer's box: its size, and its faces; a place without any finite value is -inf."""

    layer: str
    shape: tuple[int, int, int]  # channels, rows, columns
    front: np.ndarray  # (rows, columns), the largest over the channels
    side: np.ndarray  # (rows, channels), the largest over the columns
    top: np.ndarray  # (channels, columns), the largest over the rows
    finite: bool  # whether all values of the layer are

    @property
    def faces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.front, self.side, self.top

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest value on its faces; (0, 0) where none is finite."""
        values = np.concatenate([face[np.isfinite(face)] for face in self.faces])
        return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def volumes_of(network: Network, photo: Photo, layers: Sequence[str]) -> tuple[list[Volume], list[str]]:
    """The boxes of these layers on a photo, in their order, by one pass; and the layers that hold no maps."""
    x = network.inputs(photo)
    known = {layer.name: layer for layer in network.layers(network.frame(photo).size)}
    functions = {name: _maker(known[name], network.name) for name in layers if name in known}
    made = network.reduce(x, functions) if functions else {}
    volumes = [made[name] for name in layers if made.get(name) is not None]
    return volumes, [name for name in layers if made.get(name) is None]


def _maker(layer: Layer, network: str) -> Callable[[Any], Volume | None]:
    def make(value: Any) -> Volume | None:
        tensor = main_tensor(value)
        try:
            return None if tensor is None else volume(layer.name, laid(tensor, layer, network)[0])
        except ValueError:  # no grid of places
            return None

    return make


def volume(layer: str, maps: Tensor) -> Volume:
    """The box of a layer's maps (channels, rows, columns)."""
    values = maps.detach().float()
    finite = torch.isfinite(values)
    every = bool(finite.all())
    if not every:
        values = torch.where(finite, values, -torch.inf)
    front, side, top = values.amax(0), values.amax(2).T, values.amax(1)
    channels, rows, columns = values.shape
    front_face, side_face, top_face = (pooled(face.cpu().numpy(), SIDE) for face in (front, side, top))
    return Volume(layer, (channels, rows, columns), front_face, side_face, top_face, every)


def pooled(face: np.ndarray, most: int) -> np.ndarray:
    """The largest values over rectangles, of the least size that leaves at most `most` places a side."""
    for axis in (0, 1):
        starts = np.arange(0, face.shape[axis], -(-face.shape[axis] // most))
        face = np.maximum.reduceat(face, starts, axis)
    return face.copy()  # not a view of what was computed


def packed_volumes(volumes: Sequence[Volume], left_out: Sequence[str] = ()) -> bytes:
    """The boxes as bytes.

    4 bytes: the header's length, little-endian; the header, JSON in UTF-8, padded with spaces to a multiple of 4; then
    of each layer in turn its faces front, side and top, row by row, a byte a place: 0 where no value is finite, 1 to
    255 from the layer's lowest value on its faces to its highest.
    """
    rows, body = [], []
    for each in volumes:
        low, high = each.span
        sizes = {name: list(face.shape) for name, face in zip(FACES, each.faces, strict=True)}
        rows.append(
            {"layer": each.layer, "shape": each.shape, "low": low, "high": high, "finite": each.finite, **sizes}
        )
        body += [_bytes(face, low, high) for face in each.faces]
    text = json.dumps({"layers": rows, "left_out": list(left_out)}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + b"".join(body)


def _bytes(face: np.ndarray, low: float, high: float) -> bytes:
    finite = np.isfinite(face)
    share = np.where(finite, face.astype(np.float64) - low, 0) / ((high - low) or 1.0)
    return np.where(finite, 1 + np.rint(254 * share), 0).astype(np.uint8).tobytes()
