"""What inverting a layer gives: images that the layer takes for the photo, and how nearly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...picture import Sheet
from ..engine.parted import Parted
from ..engine.synthesis import tiled, with_trace


@dataclass(frozen=True, eq=False, kw_only=True)
class Inversion(Parted):
    """Images (N, 3, H, W) made from noise to have the photos' activations at a layer."""

    originals: Tensor = field(repr=False)  # (N, 3, H, W): the photo that image i is to be taken for
    layer: str
    restarts: int  # images of each photo
    code_size: int  # how many numbers φ0 holds
    plan: str  # the optimisers and their steps, in words

    @property
    def errors(self) -> Tensor:
        """|φ(x) − φ0|² / |φ0|² of each image: (N,). 0 for the photo itself, 1 for an image without activations."""
        return self.parts["normalised error"]

    @property
    def distances(self) -> Tensor:
        """Root mean square difference from the photo's pixels, in [0, 1]: (N,). Large where the layer forgets much."""
        return (self.images - self.originals).square().flatten(1).mean(1).sqrt()

    @property
    def progress(self) -> str:
        return f"error at {self.layer}: {percent(float(self.errors.mean()))}"

    def sheet(self, *, columns: int = 4) -> Sheet:
        """Each photo, its reconstructions with their errors, and how the errors fell.

        - `columns`: images in a row
        """
        images, labels = [], []
        for index in range(0, len(self.images), self.restarts):
            images_of_photo = slice(index, index + self.restarts)
            images += [self.originals[index], *self.images[images_of_photo]]
            labels += ["photo", *(f"error {percent(float(error))}" for error in self.errors[images_of_photo])]
        way = self.part_history["normalised error"].clamp(min=1e-6).log10()
        return self.sheet_of(with_trace(tiled(torch.stack(images), labels, columns), way, "error (power of ten)"))

    @property
    def heading(self) -> str:
        return f"What {self.layer} takes for the photo"

    @property
    def caption(self) -> str:
        text = "squared distances between the layer's activations and the photo's, over the photo's squared norm"
        return f"{super().caption} Errors are {text}."

    def to_dict(self) -> dict[str, Any]:
        fields = {"layer": self.layer, "errors": self.errors.tolist(), "distances": self.distances.tolist()}
        return {**super().to_dict(), **fields}


def percent(share: float) -> str:
    """A share as a per cent with two figures that count."""
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"
