"""A pass over the images that choose and those that measure: errors and answers of stitches.

Columns hold a number for each image: `PAIR error SOURCE` and `PAIR total`, squares of images that measure; `PAIR WAY`,
`b` and `stated`, classes in B's order; `right a`, whether A answers right by itself. The images that choose have the
ways that are chosen from alone; `chooses` tells them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...measures.intervals import interval, ratio
from ...network import Network, NoScoresError
from ..maps.layers import depth_of
from ..maps.turns import CHOOSE, MEASURE, chooses
from ..regression.by_task import Linear
from .fitting import SOURCES, PairFit, Stitches, applied, fitting_channels, scores_of_top
from .result import Stitch, Stitching

CHOSEN_FROM = ("regression", "task")  # ways to make a layer, of which the better one is taken


@dataclass(frozen=True, eq=False)
class Measuring:
    """What a stitching measures on images that fit nothing."""

    stitches: Stitches
    fits: tuple[PairFit, ...]
    taught: tuple[Linear, ...]  # for each pair, or none at all

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        return self.stitches.source(networks, CHOOSE | MEASURE)

    def begin(self, networks: Sequence[Network]) -> Gathered:
        return Gathered()

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        a, _, b = networks
        which = chooses(read.entries)
        gathered.extend("chooses", which.tolist())
        scores = b.scores(read.inputs[2])
        gathered.extend("b", scores.argmax(1).tolist())
        gathered.rows["classes"] = [scores.shape[1]]
        self._answer_alone(a, gathered, read)
        gathered.extend("stated", read.classes(b).tolist())
        measures = (~which).nonzero()[:, 0]
        for index, (inputs, target) in enumerate(self.stitches.inputs(networks, read)):
            self._answer(b, gathered, index, inputs, measures)
            some = measures.to(target.device)
            self._add_errors(gathered, index, {name: maps[some] for name, maps in inputs.items()}, target[some])

    def _answer_alone(self, a: Network, gathered: Gathered, read: Batch) -> None:
        """Whether A answers right by itself: in its own order of classes, and only where it is a classifier."""
        try:
            answers = a.scores(read.inputs[0]).argmax(1).cpu()
        except NoScoresError:
            return
        stated = read.classes(a)
        gathered.extend("right a", torch.where(stated < 0, torch.nan, (answers == stated).float()).tolist())

    def _answer(
        self, b: Network, gathered: Gathered, index: int, inputs: dict[str, Tensor], measures: Tensor
    ) -> None:  # fmt: skip
        layers, pair = self.fits[index].layers, self.stitches.pairs[index]
        every: dict[str, tuple[Tensor, Linear | None]] = {"regression": (inputs["learned"], layers["learned"])}
        if self.taught:
            every["task"] = inputs["learned"], self.taught[index]
        some = {name: maps[measures.to(maps.device)] for name, maps in inputs.items()}
        measured: dict[str, tuple[Tensor, Linear | None]] = {
            "naive": (some["learned"], None), "untrained": (some["untrained"], layers["untrained"]),
            "shuffled": (some["shuffled"], layers["shuffled"]), "shuffled naive": (some["shuffled"], None),
        }  # fmt: skip
        for way, (maps, layer) in {**every, **(measured if len(measures) else {})}.items():
            gathered.extend(f"{index} {way}", scores_of_top(b, pair, maps, layer).argmax(1).tolist())

    def _add_errors(self, gathered: Gathered, index: int, inputs: dict[str, Tensor], target: Tensor) -> None:
        fit = self.fits[index]
        predictions = {name: applied(fit.layers[name], inputs[name]) for name in SOURCES}
        predictions["naive"] = fitting_channels(inputs["learned"], self.stitches.pairs[index].channels[1])
        for name, prediction in predictions.items():
            gathered.extend(f"{index} error {name}", _squares(prediction - target))
        gathered.extend(f"{index} total", _squares(target - fit.means.to(target).view(1, -1, 1, 1)))

    def result(self, networks: Sequence[Network], gathered: Gathered, began: Stitching) -> Stitching:
        """All of it. ValueError where too few images could be read."""
        choosing = gathered.column("chooses").astype(bool)
        count = int((~choosing).sum())
        if count < 2:
            raise ValueError("too few images could be read to measure by; give more")
        own, stated = gathered.column("b"), gathered.column("stated")
        labelled = began.labelled and bool((stated >= 0).all())
        share = partial(interval, seed=began.seed)
        stitches, choices = [], []
        for index, (pair, fit) in enumerate(zip(self.stitches.pairs, self.fits, strict=True)):
            total = gathered.column(f"{index} total")
            error = {
                name: ratio(gathered.column(f"{index} error {name}"), total, began.seed) for name in (*SOURCES, "naive")
            }
            answers, chosen = {}, {}
            for way in (*CHOSEN_FROM, "naive", "untrained", "shuffled", "shuffled naive"):
                if f"{index} {way}" in gathered.rows:
                    given = gathered.column(f"{index} {way}")
                    if way in CHOSEN_FROM:
                        chosen[way] = float((given == own)[choosing].mean()) if choosing.any() else 0.0
                        given = given[~choosing]
                    answers[way] = given
            best = max(chosen, key=lambda way: chosen[way])
            choices.append(chosen[best])
            right = {way: share(each == stated[~choosing]) for way, each in answers.items()} if labelled else {}
            layer = self.taught[index] if best == "task" else fit.layers["learned"]
            stitches.append(
                Stitch(
                    pair.a.name, pair.b.name, depth_of(networks[0], pair.a.name), depth_of(networks[2], pair.b.name),
                    **error, right=right, layer=layer, places=pair.places, strength=fit.strength, best=best,
                    agreement={way: share(each == own[~choosing]) for way, each in answers.items()},
                )
            )  # fmt: skip
        right_a = gathered.column("right a")[~choosing] if "right a" in gathered.rows else np.array([np.nan])
        return replace(
            began, stitches=tuple(stitches), labelled=labelled,
            right_a=share(right_a) if labelled and not np.isnan(right_a).any() else None,
            right_b=share((own == stated)[~choosing]) if labelled else None,
            images=count, chosen=int(np.argmax(choices)), chance=1 / max(1, gathered.rows["classes"][0]),
            progress="done",
            unreadable=tuple(dict.fromkeys((*began.unreadable, *gathered.unreadable))),
        )  # fmt: skip


def _squares(maps: Tensor) -> list[float]:
    return maps.double().square().sum((1, 2, 3)).tolist()
