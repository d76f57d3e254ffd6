"""Images moved sideways by whole pixels; the column at the edge fills what comes free."""

from __future__ import annotations

import torch
from torch import Tensor

OF_28 = (-6, -3, 3, 6)  # pixels in images of 28 columns: the shifts of Hadsell, Chopra & LeCun 2006


def shifts_for(width: int) -> tuple[int, ...]:
    """Those shifts for images of this width: −6, −3, 3 and 6 of 28 pixels, and in proportion for others."""
    return tuple(sorted({round(shift * width / 28) or (1 if shift > 0 else -1) for shift in OF_28}))


def shifted(x: Tensor, pixels: Tensor | int) -> Tensor:
    """Images (N, C, H, W), each moved to the right by its number of pixels (N,), or all by one number."""
    width = x.shape[-1]
    each = torch.as_tensor(pixels, device=x.device).expand(len(x))
    columns = (torch.arange(width, device=x.device) - each[:, None]).clamp(0, width - 1)
    return x.gather(-1, columns[:, None, None].expand(x.shape))
