"""What a sweep reads of each map of a layer: its largest value, its sum, how many values are above 0, and some of them.

On a processor a sweep costs what its readings of the memory cost. Values of 32 bits are read once there, by machine
code that numba makes (loops.py). All others are read once for each question, and so are these where there is no numba.
On a processor what is above 0 is then noted as bytes of 0 and 1, eight of which are added at once, as one whole number,
and of small maps the places come first, so that one call runs along many maps.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

SMALL = 100  # places of a map up to which copying it is worth while
FEWEST = 300_000  # values that are worth a thread
BYTE = 255  # how often a byte of 1 can be added before it spills over


@dataclass(frozen=True)
class Measured:
    """What was read of maps (N, C, places)."""

    total: Tensor  # (C,) float64: the sums
    active: Tensor  # (C,): how many values are above 0
    finite: Sequence[bool]  # (N,): whether all values of an image are
    sampled: Tensor  # (N, C, as many as were asked for)
    image: Tensor  # (M,): of the peaks that were looked for
    channel: Tensor  # (M,)
    peak: Tensor  # (M,)
    place: Tensor | None = None  # (M,): the first of each, where it is known


def measured(flat: Tensor, drawn: Tensor, last: Tensor, ties: bool) -> Measured:
    """Reads maps (N, C, places), and of each the values at its image's places in `drawn` (N, any number).

    Peaks are looked for that are above the channel's value in `last` (C,), with `ties` also those that are no less.
    """
    if flat.device.type == "cpu" and flat.dtype == torch.float32 and (read := _loop()) is not None:
        return _once(read, flat, drawn, last, ties)
    peaks, sums, active = _separately(flat)
    finite = [math.isfinite(sum) for sum in sums.sum(1).tolist()]
    if not all(finite):  # or their sum is beyond 32 bits
        finite, sums = _finite(flat), flat.sum(2, dtype=torch.float64)
    sampled = flat.gather(2, drawn.to(flat.device)[:, None].expand(-1, flat.shape[1], -1))
    image, channel = (peaks >= last if ties else peaks > last).nonzero(as_tuple=True)
    total = sums.sum(0, dtype=torch.float64)
    return Measured(total, active.sum(0), finite, sampled, image, channel, peaks[image, channel])


@cache
def _loop() -> Callable[..., int] | None:
    """The machine code, or None where there is no numba to make it."""
    try:
        from .loops import USED, read
    except (ImportError, OSError):  # not installed, or not for this Python, NumPy or machine
        return None
    if not USED:
        return None
    floats, doubles, numbers = (np.empty(0, kind) for kind in (np.float32, np.float64, np.int64))
    maps, drawn, where = floats.reshape(0, 0, 0), numbers.reshape(0, 0), numbers.reshape(0, 3)
    with suppress(OSError):  # there is no room to keep the machine code, but it is made
        read(maps, floats, False, drawn, 0, 0, maps, doubles, numbers, doubles, floats, where)
    return read


def _once(read: Callable[..., int], flat: Tensor, drawn: Tensor, last: Tensor, ties: bool) -> Measured:
    images, channels = flat.shape[:2]
    if len(drawn) != images or len(last) != channels:  # the machine code does not look
        raise ValueError(
            f"these are {images} images of {channels} channels, where {len(drawn)} of {len(last)} should be"
        )
    # each thread reads some of the channels, of all images: room for what all of them write
    parts = max(1, min(torch.get_num_threads(), channels, flat.numel() // FEWEST))
    cuts = [channels * part // parts for part in range(parts + 1)]
    sampled = np.empty((images, channels, drawn.shape[1]), np.float32)
    total, active, sums = np.empty(channels), np.empty(channels, np.int64), np.empty((parts, images))
    peaks, where = np.empty(images * channels, np.float32), np.empty((images * channels, 3), np.int64)
    inputs = (flat.contiguous().numpy(), last.contiguous().numpy(), ties, drawn.numpy())

    def read_channels(part: int) -> slice:
        """Reads one part of the channels; which of the peaks it has filled."""
        first = cuts[part]
        count = read(*inputs, first, cuts[part + 1], sampled, total, active, sums[part], peaks, where)
        return slice(images * first, images * first + count)

    if parts == 1:
        filled = [read_channels(0)]
    else:
        filled = list(_threads(os.getpid()).map(read_channels, range(parts)))
    finite = [math.isfinite(sum) for sum in sums.sum(0).tolist()]
    if not all(finite):  # as above: value by value, since a sum can overflow while all values are finite
        finite, total = _finite(flat), flat.sum((0, 2), dtype=torch.float64).numpy()
    # the parts leave gaps between the peaks that they found
    image, channel, place = torch.from_numpy(np.concatenate([where[part] for part in filled])).unbind(1)
    return Measured(
        torch.from_numpy(total), torch.from_numpy(active), finite, torch.from_numpy(sampled), image, channel,
        torch.from_numpy(np.concatenate([peaks[part] for part in filled])), place,
    )  # fmt: skip


@cache
def _threads(process: int) -> ThreadPoolExecutor:
    """Of this process: a copy of it would have the pool, and none of its threads."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="measure")


def _finite(flat: Tensor) -> list[bool]:
    return torch.isfinite(flat).flatten(1).all(1).tolist()


def _separately(flat: Tensor) -> tuple[Tensor, ...]:
    """The largest value, the sum, and the number of values above 0 of each map."""
    if flat.device.type != "cpu" or flat.dtype == torch.bfloat16:  # which NumPy does not know
        return flat.amax(2), flat.sum(2, dtype=torch.float32), (flat > 0).sum(2)
    rows = flat.flatten(0, 1)
    readings = _of_small(rows) if rows.shape[1] <= SMALL else _of_large(rows)
    return tuple(reading.view(flat.shape[:2]) for reading in readings)


def _of_large(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three of maps (maps, places), each map by itself."""
    count, places = rows.shape
    # a whole number of 64 bits holds 8 of a map's places, and at most BYTE of these numbers may be added: as many
    # groups of numbers as that takes
    groups = -(-places // (8 * BYTE))
    words = -(-places // (8 * groups))
    # 1 where a value is above 0, one byte a place; what pads the last number is 0
    above = np.empty((count, 8 * groups * words), bool)
    above[:, places:] = False
    np.greater(rows.numpy(), 0, out=above[:, :places])
    # add the numbers of a group, which adds their 8 bytes side by side, then the bytes of all groups
    added = torch.from_numpy(above.view(np.int64)).view(count, groups, words).sum(2)
    active = added.view(torch.uint8).view(count, 8 * groups).sum(1)
    return rows.amax(1), rows.sum(1, dtype=torch.float32), active


def _of_small(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same of maps of at most SMALL places, with the maps side by side: 8 of them in a whole number."""
    count, places = rows.shape
    across = rows.t().contiguous()
    # 1 where a value is above 0, one byte a map; what pads the last number is 0
    above = np.empty((places, -(-count // 8) * 8), bool)
    above[:, count:] = False
    np.greater(across.numpy(), 0, out=above[:, :count])
    # add place by place: SMALL ones fit into a byte, so that each byte ends as its map's count
    added = torch.from_numpy(above.view(np.int64)).sum(0)
    return across.amax(0), across.sum(0, dtype=torch.float32), added.view(torch.uint8)[:count].long()
