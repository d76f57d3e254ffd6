"""The largest value, the sum, and the number of values above 0 of each map of a layer: why a sweep reads all values.

On a processor this is bound by memory, and for small maps by the calls: of those the places come first, so that one
call runs along many maps. What is above 0 is noted as bytes of 0 and 1; eight of these are added at once, as one whole
number.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SMALL = 100  # places of a map up to which copying it is worth while
BYTE = 255  # how often a byte of 1 can be added before it spills over


def measured(flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The largest value, the sum in 32 bits, and the number of values above 0 of each map (N, C, places), as (N, C)."""
    if flat.device.type != "cpu" or flat.dtype == torch.bfloat16:  # which NumPy does not know
        return flat.amax(2), flat.sum(2, dtype=torch.float32), (flat > 0).sum(2)
    rows = flat.flatten(0, 1)
    found = _small(rows) if rows.shape[1] <= SMALL else _large(rows)
    peaks, sums, active = (part.view(flat.shape[:2]) for part in found)
    return peaks, sums, active


def _large(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    count, places = rows.shape
    groups = -(-places // (8 * BYTE))
    words = -(-places // (8 * groups))
    above = np.empty((count, 8 * groups * words), bool)
    above[:, places:] = False
    np.greater(rows.numpy(), 0, out=above[:, :places])
    added = torch.from_numpy(above.view(np.int64)).view(count, groups, words).sum(2)
    active = added.view(torch.uint8).view(count, 8 * groups).sum(1)
    return rows.amax(1), rows.sum(1, dtype=torch.float32), active


def _small(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    count, places = rows.shape
    across = rows.t().contiguous()
    above = np.empty((places, -(-count // 8) * 8), bool)
    above[:, count:] = False
    np.greater(across.numpy(), 0, out=above[:, :count])
    added = torch.from_numpy(above.view(np.int64)).sum(0)
    return across.amax(0), across.sum(0, dtype=torch.float32), added.view(torch.uint8)[:count].long()
