"""Which filters of a layer are zero but for rounding: one measure, for whoever speaks of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MILLIONTH = 1e-6


def faint(weights: Tensor | np.ndarray) -> list[int]:
    """The filters (C_out, ...) all of whose weights are at most a millionth of the layer's largest."""
    flat = torch.as_tensor(np.ascontiguousarray(weights) if isinstance(weights, np.ndarray) else weights).flatten(1)
    if not flat.numel():
        return []
    largest = flat.abs().amax(1)
    return (largest <= MILLIONTH * largest.max()).nonzero().flatten().tolist()
