"""How channels after a transformation relate to those before, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..regression.moments import Moments
from .layers import Studied


@dataclass(frozen=True, eq=False)
class Relations:
    """Of the values at moved places, over the images that fit."""

    means: Tensor = field(repr=False)  # (C,): of the transformed images' values
    correlation: np.ndarray = field(repr=False)  # (C, C): of each channel (row) after with each (column) before
    source: np.ndarray = field(repr=False)  # (C,): the channel before that each channel after correlates with most
    slope: np.ndarray = field(repr=False)  # (C,): of the line that predicts it from this one


def relations(fit: Moments, each: Studied) -> Relations:
    zz, zy, yy = fit.centred()
    middle = torch.arange(each.channels) * each.side**2 + each.side**2 // 2
    across, before, after = zy[middle].T, zz.diagonal()[middle].clamp(min=0), yy
    floor = [1e-12 * float(part.max()) + 1e-30 for part in (before, after)]
    correlation = across / (before.clamp(min=floor[0])[None] * after.clamp(min=floor[1])[:, None]).sqrt()
    correlation = torch.where((before > floor[0])[None] & (after > floor[1])[:, None], correlation, 0.0).clamp(-1, 1)
    source = correlation.abs().argmax(1)
    slope = across[torch.arange(each.channels), source] / before[source].clamp(min=floor[0])
    return Relations(fit.means()[1], correlation.float().numpy(), source.numpy(), slope.numpy())
