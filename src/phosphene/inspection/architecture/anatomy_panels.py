"""What the drawing of an anatomy shows: of each value a few channels, of the weights what lies between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...network import Layout

if TYPE_CHECKING:
    from .anatomy import Anatomy

LARGEST_MATRIX = 48  # rows and columns of a matrix of weights that are shown


@dataclass(frozen=True, eq=False)
class Panel:
    """One value, chosen and ready to be coloured: tiles (K, h, w) with a label each, in so many columns."""

    heading: str
    shape: tuple[int, ...]
    tiles: np.ndarray | None  # None: there is nothing to show, and `note` says why
    labels: Sequence[str] = ()
    columns: int = 3
    note: str = ""
    signed: bool = False
    empty: int = 0  # places at the end of the last tile that hold no value


def maps_of(value: Tensor, layout: Layout | None) -> Tensor:
    """The value as (channels, rows, columns) on the CPU; a vector and what has no grid are one channel."""
    value = value.detach().cpu().double()
    if layout is not None:
        value = layout.maps(value)
    if value.ndim == 4 and value.shape[2] * value.shape[3] > 1:
        return value[0]
    if value.ndim == 3 and layout is None:
        return value
    return value.reshape(1, 1, -1)


def parts(value: Tensor, layout: Layout | None) -> str:
    """What the maps of a value are: channels, or the windows or slices along its first axis where it has no grid."""
    if layout is None and value.ndim == 3:
        return "windows" if len(value) > 1 else "tokens"
    return "channels" if layout is not None or value.ndim != 4 else "slices of the second axis"


def channels_drawn(channels: int | Sequence[int], dy: Tensor) -> list[int]:
    if isinstance(channels, int):
        if channels < 1:
            raise ValueError(f"at least one channel is shown, not {channels}")
        return strongest(dy, channels)
    wrong = [index for index in channels if not 0 <= index < len(dy)]
    if wrong or not channels:
        raise LookupError(f"the layer has channels 0 to {len(dy) - 1}, no {wrong[0] if wrong else 'empty choice'}")
    return list(channels)


def strongest(gradient: Tensor, count: int) -> list[int]:
    if len(gradient) <= count:
        return list(range(len(gradient)))
    return gradient.abs().sum((1, 2)).argsort(descending=True, stable=True)[:count].tolist()


def value_panel(heading: str, shape: torch.Size, maps: Tensor, channels: Sequence[int], signed: bool = False) -> Panel:
    tiles = maps[list(channels)].numpy()
    if tiles.shape[0] == 1 and tiles.shape[1] == 1:
        tile, empty = wrapped(tiles[0, 0])
        return Panel(heading, tuple(shape[1:]), tile, ("",), 1, signed=signed, empty=empty)
    labels = [f"{index}" for index in channels] if len(maps) > 1 else [""]
    columns = len(tiles) if len(tiles) <= 3 else 2 if len(tiles) == 4 else 3 if len(tiles) <= 9 else 4
    return Panel(heading, tuple(shape[1:]), tiles, labels, columns, signed=signed)


def wrapped(vector: np.ndarray) -> tuple[np.ndarray, int]:
    """A vector as one tile, read line by line, and how many places of its last line are left over."""
    columns = max(math.ceil(math.sqrt(len(vector) * 1.6)), 1)
    rows = math.ceil(len(vector) / columns)
    tile = np.full(rows * columns, vector[-1])
    tile[: len(vector)] = vector
    return tile.reshape(1, rows, columns), rows * columns - len(vector)


def main_weight(weights: Mapping[str, Tensor]) -> tuple[str, Tensor | None]:
    name = "weight" if "weight" in weights else next(iter(weights), "weight")
    return name, weights.get(name)


def weights_panel(
    heading: str, value: Tensor | None, weight: Tensor | None, result: Anatomy, outs: Sequence[int], ins: Sequence[int],
    signed: bool = False,
) -> Panel:  # fmt: skip
    """The kernels between the channels shown: a row for each of y, a column for each of x."""
    heading = heading.replace("weight", "w")
    if value is None:
        return Panel(heading, (), None, note="no weights" if weight is None else "z does not move with them")
    shape = tuple(value.shape)
    value = value.detach().cpu().double()
    if value.ndim == 4:
        value = value.transpose(0, 1) if "Transpose" in result.kind else value
        rows = [index for index in outs if index < len(value)]
        mixed = value.shape[1] == result.x.shape[1]
        columns = [index for index in ins if mixed] or list(range(min(value.shape[1], 6)))
        kernels = value[rows][:, columns].flatten(0, 1).numpy()
        across = len(columns) if len(columns) > 1 else 3 if len(rows) > 4 else 2
        return Panel(heading, shape, kernels, [""] * len(kernels), min(across, len(kernels)), signed=signed)
    if value.ndim == 2:
        largest = result.dw.get("weight", value).abs().cpu()
        rows = largest.sum(1).argsort(descending=True, stable=True)[:LARGEST_MATRIX].sort().values.tolist()
        columns = largest.sum(0).argsort(descending=True, stable=True)[:LARGEST_MATRIX].sort().values.tolist()
        part = f"{len(rows)} × {len(columns)} of it, by |dz/dw|" if value.numel() > len(rows) * len(columns) else ""
        return Panel(heading, shape, value[rows][:, columns].numpy()[None], ("",), 1, part, signed)
    tile, empty = wrapped(value.flatten().numpy())
    return Panel(heading, shape, tile, ("",), 1, signed=signed, empty=empty)
