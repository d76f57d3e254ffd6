"""What a layer's map restores of the network's answers: the rest of the network goes on from the mapped values.

The network is shown x' = g⁻¹(x), and its layer's values are mapped by M_g, which should give those of x (Lenc and
Vedaldi, 2015, section 3.3). A transformation without an inverse is asked the other way round: shown x, the mapped
values should lead to the answer for g(x).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...measures.intervals import Interval, interval
from ...network import Network
from ...transformations import Transformation
from ..maps.going_on import Change, in_turn, scores_where
from ..maps.mapping import LinearMap
from ..maps.pairs import changed
from ..maps.turns import FIT, TURN
from ..regression.by_task import Linear, trained
from .fitting import Fitted, Tally

BATCH = 16  # images of a step of training
REFUSED = "refused"  # the column of why the network gives no answers


@dataclass(frozen=True, eq=False)
class Task:
    """What the network is shown, and the input whose answer should come back; both (N, C, H, W)."""

    shown: Tensor = field(repr=False)
    target: Tensor = field(repr=False)


def task_of(network: Network, x: Tensor, transformation: Transformation) -> Task:
    """The task for the network's input x (N, C, H, W)."""
    inverse = transformation.inverse
    if inverse is None:
        return Task(x, changed(network, x, transformation))
    return Task(changed(network, x, inverse), x)


def past(fits: Sequence[Fitted]) -> str:
    """Why answers would say little of a map: tokens without a place, as a class token, go past it. '' where none do.

    They belong to the whole image, so that no map of places gives them, and the answer is read from them: restored
    answers would be theirs.
    """
    for fit in fits:
        layout = fit.studied.layer.layout
        if layout is not None and layout.prefix:
            return f"at {fit.studied.name} tokens without a place, such as a class token, go past the map"
    return ""


def taught(
    network: Network, images: Any, transformation: Transformation, fit: Fitted, tally: Tally, *,
    limit: int | None, steps: int,
) -> Iterator[tuple[str, LinearMap]]:  # fmt: skip
    """The map trained by the answers, step by step: from the fitted one on, through the rest of the network.

    The answers are the stated classes where those of all images are known and the transformation has an inverse, else
    the network's own for the image that the mapped values should lead to.
    """
    resampling = transformation.resampling(fit.studied.grid, network.preprocessing.size)
    stated = tally.stated and transformation.inverse is not None

    def scores(x: Tensor, linear: Linear) -> Tensor:
        return scores_where(network, x, fit.studied.layer, in_turn(resampling, LinearMap(*linear)))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for read in ImageCollection(images, [network], limit=limit, turn=(TURN, FIT), batch=BATCH):
            task = task_of(network, read.inputs[0], transformation)
            own = network.scores(task.target)
            wanted = F.one_hot(read.classes(network), own.shape[1]).to(own) if stated else network.probabilities(own)
            yield task.shown, wanted

    for step, loss, linear in trained((fit.map.weight, fit.map.bias), scores, batches, steps):
        yield f"training: {fit.studied.name}, step {step} of {steps}, loss {loss:.3g}", LinearMap(*linear)


@dataclass(frozen=True, eq=False)
class Answering:
    """Asks a network for the classes of images: of the target, without a map, and with each layer's maps.

    Columns: `target`, `stated` (-1 where the source states no class), `uncompensated`, and `WAY LAYER`.
    """

    transformation: Transformation
    fits: tuple[Fitted, ...]
    taught: tuple[LinearMap, ...] = ()  # for each layer the map that was trained by the answers

    def add(self, network: Network, gathered: Gathered, read: Batch) -> None:
        """Adds the answers for some images, or why the network gives none."""
        task = task_of(network, read.inputs[0], self.transformation)
        try:
            target = network.scores(task.target)
        except ValueError as error:
            gathered.extend(REFUSED, [str(error)])
            return
        gathered.extend("target", target.argmax(1).tolist())
        gathered.extend("uncompensated", network.scores(task.shown).argmax(1).tolist())
        gathered.extend("stated", read.classes(network).tolist())
        for index, fit in enumerate(self.fits):
            resampling = self.transformation.resampling(fit.studied.grid, network.preprocessing.size)
            ways: Mapping[str, Change] = {"permuted": resampling, "learned": in_turn(resampling, fit.map)}
            if self.taught:
                ways = {**ways, "task": in_turn(resampling, self.taught[index])}
            for way, change in ways.items():
                scores = scores_where(network, task.shown, fit.studied.layer, change)
                gathered.extend(f"{way} {fit.studied.name}", scores.argmax(1).tolist())


@dataclass(eq=False)
class Answers:
    """The answers that were gathered, held against the classes that are right, for the images that measure."""

    gathered: Gathered
    inverse: bool  # whether the transformation has an inverse
    refused: str = ""  # why there are none

    def __post_init__(self) -> None:
        self.refused = self.refused or next(iter(self.gathered.rows.get(REFUSED, ())), "")
        self._chooses = self.gathered.column("chooses").astype(bool)

    @property
    def labelled(self) -> bool:
        """Whether answers are held against stated classes: those of all images are known, and g has an inverse."""
        stated = self.gathered.column("stated")
        return len(stated) > 0 and int(stated.min()) >= 0 and self.inverse

    def clean(self, seed: int) -> Interval | None:
        """The share of right answers for the targets; None where there are no answers."""
        return None if self.refused else interval(self._right("target")[~self._chooses], seed)

    def restored(self, layer: str, seed: int) -> dict[str, Interval]:
        """The shares of right answers by the way, at one layer."""
        if self.refused:
            return {}
        columns = {"uncompensated": "uncompensated"} | {
            way: f"{way} {layer}" for way in ("permuted", "learned", "task")
        }
        return {
            way: interval(self._right(column)[~self._chooses], seed)
            for way, column in columns.items() if column in self.gathered.rows
        }  # fmt: skip

    def best(self, layers: Sequence[str]) -> str | None:
        """The layer whose learned map restores most answers for the images that choose; the first of equals."""
        if self.refused:
            return None
        return max(layers, key=lambda layer: self._right(f"learned {layer}")[self._chooses].mean())

    def _right(self, column: str) -> np.ndarray:
        right = self.gathered.column("stated" if self.labelled else "target")
        return np.asarray(self.gathered.column(column) == right)
