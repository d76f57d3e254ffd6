"""The work of a stitching: sums over images, layers fitted and trained, errors and answers measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...measures.intervals import interval, ratio
from ...network import Layer, Network, NoScoresError
from ..equivariance.fitting import CHOOSE, FIT, MEASURE, TURN
from ..equivariance.pairs import batch_for, maps_of
from ..equivariance.restoring import scores_where
from ..regression.by_task import Linear, trained
from ..regression.moments import Moments
from ..regression.ridge import ridge
from .pairs import LayerPair
from .result import Stitch, Stitching

CELLS = 196  # places of an image that a fit takes at most
SOURCES = ("learned", "untrained", "shuffled")  # of the values that a layer is fitted to


class Study:
    """What a stitching gathers over its passes over the images."""

    def __init__(
        self, a: Network, b: Network, blank: Network, pairs: list[LayerPair], images: Any, limit: int | None, seed: int
    ) -> None:
        self.a, self.b, self.blank = a, b, blank
        self.pairs, self.images, self.limit, self.seed = pairs, images, limit, seed
        self.orders = [torch.randperm(p.channels[1], generator=torch.Generator().manual_seed(seed)) for p in pairs]
        self.layers: list[dict[str, Linear]] = [{} for _ in pairs]
        self.strengths: list[float] = []
        self.means: list[Tensor] = []
        self.stated = True  # whether every image's class is
        self.fitting = 0
        self.unreadable: tuple[str, ...] = ()
        self.errors: list[dict[str, list[float]]] = [{} for _ in pairs]
        self.answers: list[dict[str, list[int]]] = [{} for _ in pairs]
        self.own: list[int] = []  # B's answers
        self.stated_classes: list[int] = []  # in B's order
        self.right_a: list[bool] | None = []  # None where A gives no scores, or has not all of the stated classes
        self.classes = 0

    def source(self, turn: frozenset[int], batch: int | None = None) -> ImageCollection:
        layers = [layer for pair in self.pairs for layer in (pair.a, pair.a, pair.b)]
        return ImageCollection(
            self.images, [self.a, self.b], limit=self.limit, turn=(TURN, turn), batch=batch or batch_for(layers)
        )

    def values(self, read: Batch) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The maps of A's layers, of the same layers before training, and of B's."""
        first, second = [pair.a for pair in self.pairs], [pair.b for pair in self.pairs]
        x, y = read.inputs
        return maps_of(self.a, x, first), maps_of(self.blank, x, first), maps_of(self.b, y, second)

    def fit(self) -> Iterator[str]:
        """Fits the layers by regression."""
        sums = [{name: self._moments(name, pair) for name in SOURCES} for pair in self.pairs]
        source = self.source(FIT | CHOOSE)
        for read in source:
            chooses = torch.tensor([entry.place % TURN in CHOOSE for entry in read.entries])
            self.stated &= bool((read.classes(self.b) >= 0).all())
            values = self.values(read)
            for index in range(len(self.pairs)):
                inputs, target = self._inputs(index, values)
                for name in SOURCES:
                    _add(sums[index][name], inputs[name], target, chooses, self.seed)
            self.fitting = read.start + len(read)
            yield f"fitting: image {self.fitting}{source.of_all}"
        self.unreadable = source.unreadable
        for index, pair in enumerate(self.pairs):
            for name in SOURCES:
                try:
                    best = ridge(*sums[index][name])
                except ValueError as error:
                    raise ValueError(f"{pair.name}: {error}") from error
                self.layers[index][name] = best.weight.T.float(), best.bias.float()
                if name == "learned":
                    self.strengths.append(best.strength)
                    self.means.append(sums[index][name][0].means()[1])
            yield f"fitting: {pair.name}"

    def _moments(self, name: str, pair: LayerPair) -> tuple[Moments, Moments]:
        inputs = pair.channels[1] if name == "shuffled" else pair.channels[0]
        return Moments(inputs, pair.channels[1]), Moments(inputs, pair.channels[1])

    def _inputs(self, index: int, values: tuple[Mapping[str, Tensor], ...]) -> tuple[dict[str, Tensor], Tensor]:
        """What the layers are fitted to, on B's grid, and the target."""
        pair, (of_a, of_blank, of_b) = self.pairs[index], values
        target = of_b[pair.b.name]
        inputs = {
            "learned": pair.places(of_a[pair.a.name].to(target.device)),
            "untrained": pair.places(of_blank[pair.a.name].to(target.device)),
            "shuffled": target[:, self.orders[index].to(target.device)],
        }
        return inputs, target

    def train(self, steps: int) -> Iterator[str]:
        """Trains each pair's layer by the classifier's loss."""
        for index, each in enumerate(self.pairs if steps else ()):

            def scores(x: Tensor, layer: Linear, pair: LayerPair = each) -> Tensor:
                return self.scores(pair, pair.places(maps_of(self.a, x, [pair.a])[pair.a.name]), layer)

            for step, loss, layer in trained(self.layers[index]["learned"], scores, self._targets, steps):
                self.layers[index]["task"] = layer
                yield f"training: {each.name}, step {step} of {steps}, loss {loss:.3g}"

    def _targets(self) -> Iterator[tuple[Tensor, Tensor]]:
        for read in self.source(FIT, 16):
            own = self.b.scores(read.inputs[1])
            if self.stated:
                yield read.inputs[0], F.one_hot(read.classes(self.b), own.shape[1]).to(own)
            else:
                yield read.inputs[0], self.b.probabilities(own)

    def scores(self, pair: LayerPair, maps: Tensor, layer: Linear | None) -> Tensor:
        """The top's scores for the bottom's maps at its places, through a layer or without one."""
        on_grid = maps.to(self.b.device)
        mapped = applied(layer, on_grid) if layer is not None else fitting_channels(on_grid, pair.channels[1])
        size = (self.b.channels or 3, *self.b.preprocessing.size)
        blank = torch.zeros(len(mapped), *size, device=self.b.device, dtype=self.b.dtype)
        if self.b.steadiness(tuple(size[1:])).coupled:  # images go through the top one by one
            each = zip(blank.split(1), mapped.split(1), strict=True)
            return torch.cat([scores_where(self.b, x, pair.b, partial(_instead, one)) for x, one in each])
        return scores_where(self.b, blank, pair.b, partial(_instead, mapped))

    def measure(self) -> Iterator[str]:
        """The errors and answers on the images that measure."""
        source = self.source(MEASURE)
        for read in source:
            answers = self.b.scores(read.inputs[1])
            self.classes = answers.shape[1]
            self.own += answers.argmax(1).tolist()
            self.stated_classes += read.classes(self.b).tolist()
            self._measure_bottom(read)
            values = self.values(read)
            for index, pair in enumerate(self.pairs):
                self._measure(index, pair, values)
            yield f"measuring: image {read.start + len(read)}{source.of_all}"
        self.unreadable = (*self.unreadable, *source.unreadable)

    def _measure_bottom(self, read: Batch) -> None:
        """Whether A answers right by itself: in its own order of classes, and only where it is a classifier."""
        if self.right_a is None:
            return
        stated = read.classes(self.a)
        try:
            scores = self.a.scores(read.inputs[0])
        except NoScoresError:
            self.right_a = None
            return
        if (stated < 0).any():
            self.right_a = None
            return
        self.right_a += (scores.argmax(1).cpu() == stated).tolist()

    def _measure(self, index: int, pair: LayerPair, values: tuple[Mapping[str, Tensor], ...]) -> None:
        inputs, target = self._inputs(index, values)
        predictions = {name: applied(self.layers[index][name], inputs[name]) for name in SOURCES}
        predictions["naive"] = fitting_channels(inputs["learned"], pair.channels[1])
        errors = self.errors[index]
        for name, prediction in predictions.items():
            errors.setdefault(name, []).extend((prediction - target).double().square().sum((1, 2, 3)).tolist())
        mean = self.means[index].to(target).view(1, -1, 1, 1)
        errors.setdefault("total", []).extend((target - mean).double().square().sum((1, 2, 3)).tolist())
        layers = self.layers[index]
        ways: dict[str, tuple[Tensor, Linear | None]] = {
            "regression": (inputs["learned"], layers["learned"]), "naive": (inputs["learned"], None),
            "untrained": (inputs["untrained"], layers["untrained"]),
            "shuffled": (inputs["shuffled"], layers["shuffled"]), "shuffled naive": (inputs["shuffled"], None),
        }  # fmt: skip
        if "task" in layers:
            ways["task"] = inputs["learned"], layers["task"]
        for way, (maps, layer) in ways.items():
            self.answers[index].setdefault(way, []).extend(self.scores(pair, maps, layer).argmax(1).tolist())

    def result(self, began: Stitching) -> Stitching:
        """All of it. ValueError where too few images could be read."""
        count = len(self.own)
        if count < 2:
            raise ValueError("too few images could be read to measure by; give more")
        stated, own = np.array(self.stated_classes), np.array(self.own)
        labelled = self.stated and bool((stated >= 0).all())
        share = partial(interval, seed=self.seed)
        stitches = []
        for pair, errors, answers, layers, strength in zip(
            self.pairs, self.errors, self.answers, self.layers, self.strengths, strict=True
        ):
            error = {
                name: ratio(np.array(errors[name]), np.array(errors["total"]), self.seed)
                for name in (*SOURCES, "naive")
            }
            agreement = {way: share(np.array(each) == own) for way, each in answers.items()}
            right = {way: share(np.array(each) == stated) for way, each in answers.items()} if labelled else {}
            better = max((w for w in ("regression", "task") if w in answers), key=lambda way: agreement[way].mean)
            layer = layers["task" if better == "task" else "learned"]
            stitches.append(
                Stitch(
                    pair.a.name, pair.b.name, _place(self.a, pair.a), _place(self.b, pair.b), **error, right=right,
                    agreement=agreement, layer=layer, places=pair.places, strength=strength,
                )
            )  # fmt: skip
        right_a = share(np.array(self.right_a)) if labelled and self.right_a else None
        right_b = share(own == stated) if labelled else None
        return replace(
            began, stitches=tuple(stitches), right_a=right_a, right_b=right_b, labelled=labelled, images=count,
            fitting=self.fitting, chance=1 / max(1, self.classes), unreadable=self.unreadable, progress="done",
        )  # fmt: skip


def _instead(mapped: Tensor, own: Tensor) -> Tensor:
    """What comes from the bottom, in the place of the top's own maps."""
    return mapped


def applied(layer: Linear, maps: Tensor) -> Tensor:
    """Maps (N, channels in, rows, columns) through an affine map of channels."""
    weight, bias = layer
    return torch.einsum("oc,nchw->nohw", weight.to(maps), maps) + bias.to(maps).view(1, -1, 1, 1)


def fitting_channels(maps: Tensor, channels: int) -> Tensor:
    """The first so many channels, with zeros for those that are missing: what a stitch without a layer has."""
    missing = channels - maps.shape[1]
    return F.pad(maps, (0, 0, 0, 0, 0, missing)) if missing > 0 else maps[:, :channels]


def _place(network: Network, layer: Layer) -> float:
    order = [each.name for each in network.layers()]
    return order.index(layer.name) / max(1, len(order) - 1)


def _add(sums: tuple[Moments, Moments], maps: Tensor, target: Tensor, chooses: Tensor, seed: int) -> None:
    z, y = maps.flatten(2), target.flatten(2)
    if z.shape[2] > CELLS:
        places = torch.randperm(z.shape[2], generator=torch.Generator().manual_seed(seed))[:CELLS].to(z.device)
        z, y = z[..., places], y[..., places]
    for moments, chosen in zip(sums, (~chooses, chooses), strict=True):
        some = chosen.to(z.device)
        moments.add(z[some].movedim(1, 2).flatten(0, 1), y[some].movedim(1, 2).flatten(0, 1))
