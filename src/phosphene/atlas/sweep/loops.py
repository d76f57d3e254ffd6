"""One reading of a layer's maps, as machine code by numba; without it measuring.py reads them several times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import config, njit

USED = not getattr(config, "DISABLE_JIT", False)  # else it would run as Python, value by value
AT_ONCE = 2048  # values that are added in 32 bits; their sums are added in 64


def _compiled(function: Callable[..., int]) -> Callable[..., Any]:
    options: dict[str, Any] = {"fastmath": {"reassoc", "nsz"}, "error_model": "numpy", "nogil": True}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder that may keep the machine code
        return njit(**options)(function)


@_compiled
def read(
    values: np.ndarray,
    last: np.ndarray,
    ties: bool,
    drawn: np.ndarray,
    first: int,
    stop: int,
    sampled: np.ndarray,
    total: np.ndarray,
    active: np.ndarray,
    sums: np.ndarray,
    peaks: np.ndarray,
    where: np.ndarray,
) -> int:
    """Reads the channels from `first` up to `stop` of maps (N, C, places), float32, and writes at their places

    - `sampled` (N, C, M): their values at the image's places in `drawn` (N, M)
    - `total`, `active` (C,), float64 and int64: the sum of a channel's values, and how many of them are above 0
    - `sums` (N,), float64: the sum of an image's values in these channels
    - `peaks` (N · C,) and `where` (N · C, 3), int64: of each map whose largest value is above the channel's in `last`
      (C,), or with `ties` no less, that value, and the image, the channel and the first place that it is at

    The last two are filled from N · `first` on; returns how many were written. Sizes are not checked.
    """
    images, _, places = values.shape
    # The largest value is looked for among whole numbers: the bits of a float, read as one, rise with the float. Those
    # of negative floats fall, so all their bits but the sign are turned.
    bits, begin = values.view(np.int32), images * first
    total[first:stop], active[first:stop], sums[:], count = 0, 0, 0, begin
    top = np.empty(1, np.int32)
    peak = top.view(np.float32)  # the same four bytes, as the float that they are
    for image in range(images):
        for channel in range(first, stop):
            row, row_bits = values[image, channel], bits[image, channel]

            # one reading of the map: its largest value, its sum and how many values are above 0
            largest, sum, above = np.int32(-0x80000000), np.float64(0), np.int32(0)
            for start in range(0, places, AT_ONCE):
                chunk_bits, chunk, part = row_bits[start : start + AT_ONCE], row[start : start + AT_ONCE], np.float32(0)
                for at in range(chunk_bits.size):
                    value = chunk_bits[at]
                    # value >> 31 is -1 where the sign is set, else 0
                    largest = max(largest, value ^ ((value >> np.int32(31)) & np.int32(0x7FFFFFFF)))
                    part += chunk[at]
                    above = np.int32(above + np.int32(value > np.int32(0)))
                sum += part
            total[channel] += sum
            sums[image] += sum
            active[channel] += above

            # where the largest value belongs into the channel's list: note it, and the first place that it is at
            top[0] = largest ^ ((largest >> np.int32(31)) & np.int32(0x7FFFFFFF))
            if peak[0] > last[channel] or (ties and peak[0] == last[channel]):
                at = 0
                while row[at] != peak[0]:
                    at += 1
                peaks[count] = peak[0]
                where[count, 0], where[count, 1], where[count, 2] = image, channel, at
                count += 1

            # the values for the sketch, of which the map is still at hand
            for at in range(drawn.shape[1]):
                sampled[image, channel, at] = row[drawn[image, at]]
    return count - begin
