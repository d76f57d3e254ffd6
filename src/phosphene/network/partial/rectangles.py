"""Rectangles out of one map, one for each sample, and rectangles laid into them; without a loop over the samples.

Maps here have rows and columns first, then what lies at a place: (rows, columns, ...). In channels-last memory the
values of a place lie side by side, so whole places are copied by their index.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .plan import Plan


def rectangles(
    maps: Tensor, top: Sequence[int], left: Sequence[int], height: int, width: int, outside: float, plan: Plan
) -> Tensor:
    """(n, height, width, ...) out of one map (rows, columns, ...); beyond it they hold `outside`."""
    rows, columns = maps.shape[:2]
    if (height, width) == (rows, columns) and not any(top) and not any(left):
        return maps.expand(len(top), *maps.shape).clone(memory_format=torch.contiguous_format)
    y, x = _along(top, height, maps.device), _along(left, width, maps.device)
    cells = y[:, :, None] * columns + x[:, None, :]
    flat = maps.reshape(rows * columns, -1)
    plan.moved += cells.numel() * flat.shape[1] * flat.element_size()
    if min(top) < 0 or min(left) < 0 or max(top) + height > rows or max(left) + width > columns:
        beyond = ((y < 0) | (y >= rows))[:, :, None] | ((x < 0) | (x >= columns))[:, None, :]
        cells = cells.masked_fill_(beyond, rows * columns)
        flat = plan.once("beyond", lambda: torch.cat([flat, flat.new_full((1, flat.shape[1]), outside)]))
    return flat.index_select(0, cells.flatten()).view(len(top), height, width, *maps.shape[2:])


def pasted(out: Tensor, patches: Tensor, down: Sequence[int], right: Sequence[int]) -> Tensor:
    """`out` (n, height, width, ...) with patch i laid at row down[i], column right[i]; what lies outside is cut off."""
    count, height, width = out.shape[:3]
    rows, columns = patches.shape[1:3]
    if len(set(down)) == 1 and len(set(right)) == 1:
        y0, y1 = max(down[0], 0), min(down[0] + rows, height)
        x0, x1 = max(right[0], 0), min(right[0] + columns, width)
        if y0 < y1 and x0 < x1:
            part = patches[:, y0 - down[0] : y1 - down[0], x0 - right[0] : x1 - right[0]]
            out[:, y0:y1, x0:x1].copy_(part)
        return out
    y, x = _along(down, rows, out.device), _along(right, columns, out.device)
    sample = torch.arange(count, device=out.device)[:, None, None]
    cells = ((sample * height + y[:, :, None]) * width + x[:, None, :]).flatten()
    values = patches.reshape(len(cells), -1)
    if min(down) < 0 or min(right) < 0 or max(down) + rows > height or max(right) + columns > width:
        inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]
        inside_cells = inside.flatten().nonzero()[:, 0]
        cells, values = cells[inside_cells], values.index_select(0, inside_cells)
    out.view(count * height * width, -1).index_copy_(0, cells, values)
    return out


def _along(start: Sequence[int], length: int, device: torch.device) -> Tensor:
    """(n, length): the places from each start on."""
    return torch.tensor(start, device=device)[:, None] + torch.arange(length, device=device)
