"""The share of a channel's firings that a transformation keeps (Goodfellow and others, 2009)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

RATE = 0.01  # of all places, at which a channel fires: theirs
PLACES = 64  # of an image that are looked at, at most
FEWEST = 3  # firings below which a channel's share is not said


class Firing:
    """Values of channels before and after, at the same moved places of many images."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.before: list[np.ndarray] = []
        self.after: list[np.ndarray] = []

    def add(self, before: Tensor, after: Tensor, valid: Tensor) -> None:
        """Adds maps (N, C, rows, columns), those before moved to the places of those after."""
        places = valid.flatten().nonzero()[:, 0]
        places = places[torch.randperm(len(places), generator=self.generator)[:PLACES]].to(before.device)
        for values, kept in ((before, self.before), (after, self.after)):
            kept.append(values.flatten(2)[..., places].movedim(1, 2).flatten(0, 1).half().cpu().numpy())

    def kept(self) -> np.ndarray:
        """(C,): of a channel's firings before, the share that fires after; NaN for too few."""
        before, after = np.concatenate(self.before).astype(np.float32), np.concatenate(self.after).astype(np.float32)
        threshold = np.quantile(before, 1 - RATE, axis=0)
        fires = before > threshold
        count = fires.sum(0)
        share = (fires & (after > threshold)).sum(0) / np.maximum(count, 1)
        return np.where(count >= FEWEST, share, np.nan)
