"""Dimensionality reduction by learning an invariant mapping (DrLIM; Hadsell, Chopra & LeCun, CVPR 2006).

Two copies of one network give codes of two images, and their distance D descends (eq. 4)

    L = (1 - Y) 1/2 D^2 + Y 1/2 max(0, m - D)^2

with Y = 0 for a pair that belongs together and 1 for one that does not. Which pairs belong together is all that it is
told: images of one class, nearest neighbours in pixels (section 4.1), views from neighbouring places (4.4); with shifts
also images and their copies that are moved sideways (4.2). What differs within such pairs, the codes lose. The paper
draws pairs evenly from all; here half of each batch belongs together, and the network is the shared convolutional one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ....network.opening.source import undisturbed
from ...checkpoints.held_out import some_places
from ...losses.contrastive import contrastive_loss
from ...nets.conv import encoder as conv_encoder
from ...nets.mlp import mlp
from ...reference import Reference
from ...sets.examples import Examples, parts
from ...sets.pairs import Pair, Pairs
from ...sets.partners import Partners, SameClass, beside, nearest, neighbours
from ...sets.shifts import shifted, shifts_for
from ...sets.views import Views
from ...system import CHUNK, Config, System
from ...training.recipe import Recipe
from .circular import recovered
from .retrieval import vote_accuracy
from .shown import LearnedCodes

NEIGHBOURS = 5  # of each example, as in the paper
MEASURED = 2000  # examples whose shifts, neighbours and pairs are measured
COLLAPSED = 0.95  # of the loss of codes that are all one, above which that is said
VOTED, LINEAR = "accuracy of 5 neighbours", "the same of 2 principal components"
AZIMUTH, ELEVATION = "azimuth (circular correlation)", "elevation (correlation)"
LOSS, ALONE = "loss of pairs", "loss of pairs if all codes were one"


@dataclass(frozen=True)
class DrLIMConfig(Config):
    """`codes` numbers in a code; `pairs` belong together by 'classes', as 'neighbours' in pixels, or as 'views'.

    With `shifts` images are also moved sideways, by 6 and 3 pixels of 28. `margin` is the m of eq. 4.
    """

    codes: int = 2
    hidden: int = 128
    net: Literal["conv", "mlp"] = "conv"
    pairs: Literal["classes", "neighbours", "views"] = "classes"
    shifts: bool = False
    margin: float = 1.0


class DrLIM(System):
    """A siamese network with the contrastive loss."""

    name, title, settings = "drlim", "Siamese network (DrLIM)", DrLIMConfig
    recipe = Recipe(steps=3000, batch=128, rate=1e-3)
    references = (
        Reference(VOTED, "mnist", 0.95, "proposed for codes of 2 numbers, pairs by class", at_most=False),
        Reference(AZIMUTH, "object-views", 0.95, "proposed for codes of 3 numbers", at_most=False),
    )
    result = LearnedCodes
    shown = 400
    config: DrLIMConfig

    def build(self, shape: tuple[int, ...]) -> None:
        config = self.config
        if config.codes < 1 or not config.margin > 0:
            raise ValueError(f"codes are at least 1 and the margin is above 0, not {config.codes} and {config.margin}")
        if config.pairs not in ("classes", "neighbours", "views"):
            raise ValueError(f"pairs are 'classes', 'neighbours' or 'views', not {config.pairs!r}")
        if config.shifts and len(shape) != 3:
            raise ValueError(f"images (C, H, W) can be moved sideways, and examples are {shape}; take shifts=false")
        if config.net == "conv":
            self.body: nn.Module = conv_encoder(shape, config.codes, config.hidden)
        else:
            widths = (math.prod(shape), config.hidden, config.hidden, config.codes)
            self.body = nn.Sequential(nn.Flatten(), *mlp(widths))

    def learns_from(self, examples: Examples) -> Examples:
        shifts = shifts_for(self.shape[-1]) if self.config.shifts else ()
        return Pairs(examples, self._partners(examples), shifts)

    def _partners(self, examples: Examples) -> Partners:
        """Which examples belong together. ValueError where the data do not say it."""
        if self.config.pairs == "views":
            if not isinstance(examples, Views) or examples.poses is None:
                raise ValueError("pairs=views takes views of an object from known places, such as data=object-views")
            return beside(examples.poses, examples.turns)
        if self.config.pairs == "neighbours":
            return neighbours(torch.cat([batch.x for batch in parts(examples, CHUNK)]), NEIGHBOURS)
        labels = getattr(examples, "labels", None)
        if labels is None:
            other = "views" if isinstance(examples, Views) else "neighbours"
            raise ValueError(f"pairs=classes takes classes, and the data have none; take pairs={other} (--set)")
        return SameClass(labels)

    def steps(self, batch: Pair) -> Iterator[tuple[str, Tensor]]:
        a, b = self(torch.cat([batch.a, batch.b])).float().chunk(2)
        yield "network", contrastive_loss(a, b, batch.different, self.config.margin)

    # ---- what it can do

    def forward(self, x: Tensor) -> Tensor:
        """The codes (N, codes), which are not normalised."""
        return self.body(x)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        return self(self._checked(x).float().to(next(self.parameters()).device)).cpu()

    # ---- how good it is

    def evaluate(self, examples: Examples) -> dict[str, float]:
        codes = torch.cat([self.encode(batch.x) for batch in parts(examples, CHUNK)])
        numbers: dict[str, float] = {}
        if (labels := getattr(examples, "labels", None)) is not None:
            numbers[VOTED] = vote_accuracy(codes, labels)
            numbers[LINEAR] = vote_accuracy(_principal(examples), labels)
        if isinstance(examples, Views) and examples.poses is not None:
            azimuth, elevation = examples.poses.numpy().T
            angles = 2 * np.pi * azimuth / examples.turns
            numbers[AZIMUTH], numbers[ELEVATION] = recovered(codes.double().numpy(), angles, elevation)
        places = some_places(len(examples), MEASURED)
        if len(self.shape) == 3 and len(places) > NEIGHBOURS:
            numbers |= self._moved(examples.batch(places).x)
        with undisturbed(0):
            pairs = self.learns_from(examples).batch(places)
        a, b = self.encode(pairs.a), self.encode(pairs.b)
        numbers[LOSS] = float(contrastive_loss(a, b, pairs.different, self.config.margin))
        numbers[ALONE] = float(contrastive_loss(0 * a, 0 * a, pairs.different, self.config.margin))
        return numbers

    def _moved(self, x: Tensor) -> dict[str, float]:
        """How far each shift moves codes, in the mean distance of the codes of neighbours in pixels."""
        codes = torch.cat([self.encode(part) for part in x.split(CHUNK)])
        close = codes[nearest(x, NEIGHBOURS)]
        unit = float((close - codes[:, None]).norm(dim=2).mean())
        moved = {}
        for shift in shifts_for(x.shape[-1]):
            after = torch.cat([self.encode(shifted(part, shift)) for part in x.split(CHUNK)])
            ratio = float((after - codes).norm(dim=1).mean()) / unit if unit else math.inf
            moved[f"moved by a shift of {shift:+d} px".replace("-", "−")] = ratio
        return moved

    def remarks(self, numbers: Mapping[str, float]) -> list[str]:
        words = {
            "classes": "of one class",
            "neighbours": f"among the {NEIGHBOURS} nearest in pixels",
            "views": "from places next to each other",
        }
        shifts = ", and both are moved sideways at random" if self.config.shifts else ""
        notes = [f"pairs that belong together are {words[self.config.pairs]}{shifts}"]
        if any(name.startswith("moved") for name in numbers):
            notes.append("what a shift moves a code by is divided by the mean distance of neighbours in pixels")
        if numbers[LOSS] > COLLAPSED * numbers[ALONE]:
            notes.append(
                "the codes have collapsed: the loss is nearly that of codes that are all one, the margin's term alone; "
                "a smaller learning rate or a larger margin may help"
            )
        return notes


def _principal(examples: Examples, count: int = 2) -> Tensor:
    """The first principal components (N, count) of the examples themselves."""
    x = torch.cat([batch.x.flatten(1) for batch in parts(examples, CHUNK)]).double()
    x = x - x.mean(0)
    return x @ torch.linalg.eigh(x.T @ x)[1][:, -count:]
