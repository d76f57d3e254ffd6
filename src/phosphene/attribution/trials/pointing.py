"""The pointing game: does a map's strongest place lie on the object (J. Zhang et al., *Excitation Backprop*, 2016)?

A hit is a maximum inside one of the object's boxes, or at most 15 px from one, in the photo's pixels. Where several
pixels tie for the maximum, the share of them that hits counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...network import Frame

TOLERANCE_PX = 15.0
Corners = Sequence[float]  # left, top, right, bottom in the photo's pixels


def pointing(values: Tensor, frame: Frame, boxes: Sequence[Corners], tolerance_px: float = TOLERANCE_PX) -> float:
    """The share of the map's (H, W) strongest pixels that lie on a box; NaN without boxes or without a known pixel.

    Raises ValueError for a box that is not (left, top, right, bottom), with left < right and top < bottom.
    """
    for box in boxes:
        if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
            raise ValueError(f"a box is (left, top, right, bottom) in the photo's pixels, not {list(box)}")
    numbers = values.detach().double()
    if not len(boxes) or bool(numbers.isnan().all()):
        return float("nan")
    numbers = numbers.nan_to_num(nan=float("-inf"))
    rows, columns = torch.nonzero(numbers == numbers.max(), as_tuple=True)
    (top, left), scale = frame.corner, frame.scale
    y = (rows.double() + 0.5 + top) / scale[0]
    x = (columns.double() + 0.5 + left) / scale[1]
    hit = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    for x0, y0, x1, y1 in boxes:
        aside = torch.stack([x0 - x, x - x1]).amax(0).clamp(min=0)
        below = torch.stack([y0 - y, y - y1]).amax(0).clamp(min=0)
        hit |= aside**2 + below**2 <= tolerance_px**2
    return float(hit.double().mean())
