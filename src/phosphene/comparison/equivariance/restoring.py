"""What a layer's map restores of the network's answers: the rest of the network goes on from the mapped values.

The network is shown x' = g⁻¹(x), and its layer's values are mapped by M_g, which should give those of x (Lenc and
Vedaldi, 2015, section 3.3). A transformation without an inverse is asked the other way round: shown x, the mapped
values should lead to the answer for g(x).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...measures.intervals import Interval, interval
from ...network import Layer, Network
from ...network.running.outputs import main_tensor, per_image
from ...network.running.replacing import replaced
from ...transformations import Transformation
from ..regression.by_task import Linear, trained
from .fitting import FIT, TURN, Fitted, Tally
from .mapping import LinearMap
from .pairs import changed

BATCH = 16  # images of a step of training
Change = Callable[[Tensor], Tensor]  # maps (N, C, rows, columns) -> maps of the same shape


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
    """Why answers would say little of a map: tokens without a place, as a class token, go past it. '' where none do."""
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
        return scores_where(network, x, fit.studied.layer, _in_turn(resampling, LinearMap(*linear)))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for read in ImageCollection(images, [network], limit=limit, turn=(TURN, FIT), batch=BATCH):
            task = task_of(network, read.inputs[0], transformation)
            own = network.scores(task.target)
            wanted = F.one_hot(read.classes(network), own.shape[1]).to(own) if stated else network.probabilities(own)
            yield task.shown, wanted

    for step, loss, linear in trained((fit.map.weight, fit.map.bias), scores, batches, steps):
        yield f"training: {fit.studied.name}, step {step} of {steps}, loss {loss:.3g}", LinearMap(*linear)


@dataclass(eq=False)
class Answers:
    """The classes that a network answers, image by image: for the target, without a map, and with each layer's maps."""

    network: Network
    transformation: Transformation
    fits: Sequence[Fitted]
    refused: str = ""  # why the network gives no answers
    target: list[int] = field(default_factory=list)
    stated: list[int] = field(default_factory=list)  # by the images' source; -1 where it states none
    uncompensated: list[int] = field(default_factory=list)
    mapped: dict[tuple[int, str], list[int]] = field(default_factory=dict)  # by layer and way
    taught: Sequence[LinearMap] = ()  # for each layer the map that was trained by the answers

    def add(self, read: Batch) -> None:
        """Adds the answers for some images; notes in `refused` that the network gives none."""
        task = task_of(self.network, read.inputs[0], self.transformation)
        try:
            self.target += self.network.scores(task.target).argmax(1).tolist()
        except ValueError as error:
            self.refused = str(error)
            return
        self.uncompensated += self.network.scores(task.shown).argmax(1).tolist()
        self.stated += read.classes(self.network).tolist()
        for index, fit in enumerate(self.fits):
            resampling = self.transformation.resampling(fit.studied.grid, self.network.preprocessing.size)
            ways: Mapping[str, Change] = {"permuted": resampling, "learned": _in_turn(resampling, fit.map)}
            if self.taught:
                ways = {**ways, "task": _in_turn(resampling, self.taught[index])}
            for way, change in ways.items():
                scores = scores_where(self.network, task.shown, fit.studied.layer, change)
                self.mapped.setdefault((index, way), []).extend(scores.argmax(1).tolist())

    @property
    def labelled(self) -> bool:
        """Whether answers are held against stated classes: those of all images are known, and g has an inverse."""
        return bool(self.stated) and min(self.stated) >= 0 and self.transformation.inverse is not None

    def clean(self, seed: int) -> Interval | None:
        """The share of right answers for the targets; None where there are no answers."""
        return None if self.refused or not self.target else self._share(self.target, seed)

    def restored(self, index: int, seed: int) -> dict[str, Interval]:
        """The shares of right answers by the way, at one layer."""
        if self.refused or not self.target:
            return {}
        ways = {way: self.mapped[index, way] for way in ("permuted", "learned", "task") if (index, way) in self.mapped}
        return {
            way: self._share(answers, seed) for way, answers in ({"uncompensated": self.uncompensated} | ways).items()
        }

    def _share(self, answers: Sequence[int], seed: int) -> Interval:
        right = self.stated if self.labelled else self.target
        return interval(np.array(answers) == np.array(right), seed)


def _in_turn(first: Change, second: Change) -> Change:
    return lambda maps: second(first(maps))


def scores_where(network: Network, x: Tensor, layer: Layer, change: Change) -> Tensor:
    """The scores (N, classes) of the inputs where the layer's maps are changed on the way; differentiable in them."""

    def function(value: Tensor) -> Tensor:
        if layer.layout is None:
            return change(value.flatten(1)[..., None, None].float()).reshape(value.shape).to(value)
        return layer.layout.placed(value, change(layer.layout.maps(value).float()).to(value)).to(value)

    rows = x.split(1) if network.steadiness(tuple(x.shape[-2:])).coupled else [x]
    answers = []
    for some in rows:
        value = main_tensor(replaced(network.module, some, layer.name, function))
        scores = None if value is None else per_image(value, len(some))
        if scores is None or scores.ndim != 2:
            raise ValueError(f"{network.name} gives no score for each class")
        answers.append(scores)
    return torch.cat(answers)
