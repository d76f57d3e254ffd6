"""The share of a channel's firings that a transformation keeps (Goodfellow and others, 2009).

A threshold that 1 % of all values exceed needs all of them, so that at most `IMAGES` images are looked at, drawn at
random: those with the smallest random numbers, which hang on an image's place alone. So memory does not grow with the
images, and what two machines hold merges into what one would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

RATE = 0.01  # of all places, at which a channel fires: theirs
IMAGES = 256  # that are looked at, at most
PLACES = 64  # of an image that are looked at, at most
FEWEST = 3  # firings below which a channel's share is not said


class Firing:
    """Values of channels before and after, at the same moved places of images."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.before: dict[int, np.ndarray] = {}  # by the image's place: (places, C), of 16 bits
        self.after: dict[int, np.ndarray] = {}

    def add(self, place: int, before: Tensor, after: Tensor, valid: Tensor) -> None:
        """Adds the maps (C, rows, columns) of the image at that place, those before moved to the places after."""
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence([self.seed, place]).generate_state(1)[0]))
        inside = valid.flatten().nonzero()[:, 0]
        inside = inside[torch.randperm(len(inside), generator=generator)[:PLACES]].to(before.device)
        for maps, values in ((before, self.before), (after, self.after)):
            values[place] = maps.flatten(1)[:, inside].T.half().cpu().numpy()
        self._bound()

    def merge(self, other: Firing) -> None:
        self.before |= other.before
        self.after |= other.after
        self._bound()

    def _bound(self) -> None:
        while len(self.before) > IMAGES:
            last = max(self.before, key=self._number)
            del self.before[last], self.after[last]

    def _number(self, place: int) -> tuple[float, int]:
        return float(np.random.default_rng([self.seed, place, 1]).random()), place

    def kept(self) -> np.ndarray:
        """(C,): of a channel's firings before, the share that fires after; NaN for too few."""
        places = sorted(self.before)
        before, after = (
            np.concatenate([values[place] for place in places]).astype(np.float32)
            for values in (self.before, self.after)
        )  # fmt: skip
        threshold = np.quantile(before, 1 - RATE, axis=0)
        fires = before > threshold
        count = fires.sum(0)
        share = (fires & (after > threshold)).sum(0) / np.maximum(count, 1)
        return np.where(count >= FEWEST, share, np.nan)

    def state(self) -> dict[str, Any]:
        both = (self.before, self.after)
        return {"values": [{place: torch.from_numpy(values) for place, values in each.items()} for each in both]}

    def load(self, state: Mapping[str, Any]) -> None:
        self.before, self.after = (
            {place: values.numpy() for place, values in each.items()} for each in state["values"]
        )
