"""The values of layers on an image, computed in one pass, and as compact bytes for the page.

The page maps values to brightness itself, so that range and order switch without a question. Bytes are a header in
JSON, the statistics of each unit in 32 bits, and the values in 16: 11 bits are more than a screen shows.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..network import Box, Frame, Layer, Network
from ..network.picking import laid
from ..network.running.outputs import main_tensor
from ..picture import Photo

HALF_MOST = 60_000.0  # of the largest number in 16 bits, 65,504
STATISTICS = ("lowest", "highest", "mean", "deviation")


@dataclass(frozen=True, eq=False)
class Maps:
    """A layer's maps (C, rows, columns) on one image, and the part of the photo that each place sees."""

    layer: str
    values: np.ndarray
    rows: list[list[float]] | None  # [top, bottom] in the photo's pixels of each row's window; None where not known
    columns: list[list[float]] | None
    input: tuple[float, float, float, float]  # where the network's whole input lies in the photo's pixels

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def statistics(self) -> np.ndarray:
        """Of each unit: lowest, highest, mean, standard deviation (C, 4); of finite values only."""
        flat = self.values.reshape(len(self.values), -1).astype(np.float64)
        finite = np.isfinite(flat)
        flat = np.where(finite, flat, np.nan)
        empty = ~finite.any(1)
        flat[empty] = 0
        of = (np.nanmin(flat, 1), np.nanmax(flat, 1), np.nanmean(flat, 1), np.nanstd(flat, 1))
        return np.stack(of, 1).astype(np.float32)


def maps_of(network: Network, photo: Photo, layers: Sequence[str]) -> dict[str, Maps]:
    """The maps of several layers on a photo, by one forward pass that goes no further than the last of them."""
    x = network.inputs(photo)
    frame = network.frame(photo)
    known = {layer.name: layer for layer in network.layers(frame.size)}
    for name in layers:
        network.layer(name, frame.size)  # refuses one that is not there, with near names
    recorded = network.record(x, *layers)
    return {name: laid_out(network, known[name], recorded[name], frame) for name in layers}


def laid_out(network: Network, layer: Layer, value: Any, frame: Frame) -> Maps:
    """The maps in a layer's value for one image, with what each place sees. ValueError where it holds none."""
    tensor = main_tensor(value)
    if tensor is None:
        raise ValueError(f"{layer.name} of {network.name} holds no tensor to show")
    values = laid(tensor, layer, network.name)[0].detach().float().cpu().numpy()
    rows, columns = windows(network, layer, frame, values.shape[1:])
    return Maps(layer.name, values, rows, columns, frame.to_photo(frame.whole_input).as_tuple())


def windows(
    network: Network, layer: Layer, frame: Frame, size: Sequence[int]
) -> tuple[list[list[float]] | None, list[list[float]] | None]:
    """[top, bottom] of what each row of the layer sees of the photo, and [left, right] of each column."""
    height, width = size

    def box(row: int, column: int) -> Box | None:
        seen = network.receptive_field(layer.name, (row, column), frame.size)
        return frame.source(seen) if isinstance(seen, Box) else None

    down, across = [box(row, 0) for row in range(height)], [box(0, column) for column in range(width)]
    if any(each is None for each in (*down, *across)):
        return None, None
    rows = [[round(each.top, 2), round(each.bottom, 2)] for each in down if each]
    columns = [[round(each.left, 2), round(each.right, 2)] for each in across if each]
    return rows, columns


def packed(maps: Maps, most: int, **more: Any) -> bytes:
    """The maps as bytes, averaged down where they hold more than `most` values; `more` goes into the header.

    4 bytes: the header's length, little-endian; the header, JSON in UTF-8, padded with spaces to a multiple of 4; the
    statistics, float32 (C, 4); the values over `scale`, float16 (C, rows, columns).
    """
    values, averaged = reduced(maps.values, most)
    finite = np.isfinite(values)
    largest = float(np.abs(values[finite]).max()) if finite.any() else 0.0
    scale = largest / HALF_MOST if largest > HALF_MOST or 0 < largest < 1 else 1.0
    header = {
        "layer": maps.layer,
        "shape": list(values.shape),
        "full": list(maps.values.shape),
        "averaged": averaged,
        "scale": scale,
        "finite": bool(np.isfinite(maps.values).all()),
        "rows": maps.rows,
        "columns": maps.columns,
        "input": list(maps.input),
        "statistics": list(STATISTICS),
        **more,
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    half = (values / scale).astype("<f2")
    return struct.pack("<I", len(text)) + text + maps.statistics().astype("<f4").tobytes() + half.tobytes()


def reduced(values: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """The maps averaged over squares of the smallest side that brings them to `most` values, and that side."""
    side = 1
    channels, rows, columns = values.shape
    while channels * -(-rows // side) * -(-columns // side) > most and side < max(rows, columns):
        side += 1
    if side == 1:
        return values, 1
    high, wide = -(-rows // side) * side, -(-columns // side) * side
    padded = np.full((channels, high, wide), np.nan, np.float32)
    padded[:, :rows, :columns] = values
    squares = padded.reshape(channels, high // side, side, wide // side, side)
    count = (~np.isnan(squares)).sum((2, 4))
    return (np.nansum(squares, (2, 4)) / np.maximum(count, 1)).astype(np.float32), side


def strongest_at(maps: Maps, y: float, x: float, k: int) -> dict[str, Any] | None:
    """The units that answer most at the place in which the photo's point (x, y) lies, the map laid over the input.

    Each unit's value there comes with its share of the unit's largest value on this photo. None where the layer has one
    place, or what its places see is not known.
    """
    (height, width), (left, top, right, bottom) = maps.values.shape[1:], maps.input
    if maps.rows is None or maps.columns is None or height * width == 1:
        return None
    row, column = _cell(y, top, bottom, height), _cell(x, left, right, width)
    values = maps.values[:, row, column]
    highest = maps.values.reshape(len(maps.values), -1).max(1)
    best = np.argsort(-values, kind="stable")[:k]
    return {
        "row": row,
        "column": column,
        "box": [maps.columns[column][0], maps.rows[row][0], maps.columns[column][1], maps.rows[row][1]],
        "units": [
            {
                "unit": int(unit),
                "value": float(values[unit]),
                "of_highest": float(values[unit] / highest[unit]) if highest[unit] > 0 else None,
            }
            for unit in best
        ],
    }


def _cell(point: float, start: float, end: float, count: int) -> int:
    """Which of `count` equal cells from `start` to `end` holds the point; the nearest one for a point outside."""
    return max(0, min(count - 1, int((point - start) / (end - start) * count)))
