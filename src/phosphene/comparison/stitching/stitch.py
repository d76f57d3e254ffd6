"""Do two networks have the same representation? The bottom of one is stitched to the top of the other.

Φ_A and Φ_B are equivalent where a map E of one into the other exists. E is an affine layer of 1 × 1 convolution over
the channels, places matched by bilinear interpolation; the stitched network is the top of B on E Φ_A (K. Lenc and A.
Vedaldi, *Understanding image representations by measuring their equivariance and equivalence*, CVPR 2015, section 4;
later "model stitching", Y. Bansal, P. Nakkiran and B. Barak, NeurIPS 2021). E is learned in two ways:

    regression  ridge regression of Φ_B(x) on Φ_A(x), chosen on held-out images
    task        from there on, by the classifier's loss through the top of B

and held against what shows nothing: no layer at all (naive), and the bottom of A before its training (untrained). The
shuffled control must be recovered: the channels of Φ_B itself, in another order, and the layer that puts them back.

Errors are squared, over the variance of Φ_B about its channels' means: 0 is exact, 1 no better than the mean. They are
measured on images that took no part in the fits, and so are answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...instrument import Result, instrument
from ...instrument.roles import ImageSource, LayerName
from ...measures.intervals import Interval, interval, ratio
from ...network import Network
from ...picture import Sheet, Table
from ..equivariance.fitting import CHOOSE, FEWEST, FIT, MEASURE, TURN
from ..equivariance.pairs import batch_for, maps_of
from ..equivariance.restoring import scores_where
from ..regression.by_task import Linear, trained
from ..regression.moments import Moments
from ..regression.ridge import ridge
from .module import Stitched, matched
from .pairs import LayerPair, pairs_of
from .stitch_picture import sheet_of, table_of
from .untrained import untrained

CELLS = 196  # places of an image that a fit takes at most
SOURCES = ("learned", "untrained", "shuffled")  # of the values that a layer is fitted to
WAYS = ("regression", "task", "naive", "untrained", "shuffled", "shuffled naive")


@dataclass(frozen=True, eq=False)
class Stitch:
    """One pair of layers: how well the values of B's are predicted, and the answers of the stitched networks."""

    layer_a: str
    layer_b: str
    depth_a: float
    depth_b: float
    learned: Interval  # normalised errors
    untrained: Interval
    naive: Interval
    shuffled: Interval
    right: Mapping[str, Interval]  # share of right answers, by the way
    agreement: Mapping[str, Interval]  # share of images that are answered as B answers them
    layer: Linear = field(repr=False)  # weight (channels of B, channels of A) and bias of the better way's layer
    strength: float = 0.0

    @property
    def name(self) -> str:
        return self.layer_a if self.layer_a == self.layer_b else f"{self.layer_a} → {self.layer_b}"

    @property
    def best(self) -> str:
        """The way whose answers agree with B's most: 'task' or 'regression'."""
        return max(
            (way for way in ("regression", "task") if way in self.agreement), key=lambda w: self.agreement[w].mean
        )

    def to_dict(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "layer_a": self.layer_a, "layer_b": self.layer_b, "depth_a": self.depth_a, "depth_b": self.depth_b,
        }  # fmt: skip
        for name in ("learned", "untrained", "naive", "shuffled"):
            error: Interval = getattr(self, name)
            row |= {name: error.mean, f"{name}_interval": [error.low, error.high]}
        for what, shares in (("right", self.right), ("agreement", self.agreement)):
            row[what] = {way: share.to_dict() for way, share in shares.items()}
        return row


@dataclass(frozen=True, eq=False, kw_only=True)
class Stitching(Result):
    """The stitches of two networks, each a pair of layers, and the networks by themselves."""

    a: str
    b: str
    stitches: tuple[Stitch, ...]
    right_a: Interval | None  # share of right answers of each network by itself; None where no classes are stated
    right_b: Interval | None
    labelled: bool
    images: int
    fitting: int
    seed: int
    chance: float  # of a right answer, by guessing one class of all
    networks: tuple[Network, Network] = field(repr=False)
    unreadable: tuple[str, ...] = ()
    progress: str = ""
    step: int = 0
    steps: int | None = None

    @property
    def best(self) -> Stitch:
        """The pair of layers whose stitched network agrees with B most. LookupError before anything is measured."""
        if not self.stitches:
            raise LookupError("nothing is stitched yet")
        return max(self.stitches, key=lambda each: each.agreement[each.best].mean)

    @property
    def learned(self) -> float:
        """The normalised error of the best pair's learned layer."""
        return self.best.learned.mean

    @property
    def untrained(self) -> float:
        """The same from the bottom of A before its training."""
        return self.best.untrained.mean

    @property
    def naive(self) -> float:
        """The same without any layer."""
        return self.best.naive.mean

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each pair of layers."""
        return [each.to_dict() for each in self.stitches]

    @property
    def network(self) -> Network:
        """The stitched network of the best pair, which every instrument opens."""
        return self.stitched(self.best)

    def stitched(self, stitch: Stitch) -> Network:
        """The network of one of the stitches."""
        a, b = self.networks
        layer_a, layer_b = a.layer(stitch.layer_a), b.layer(stitch.layer_b)
        module = Stitched(a, b, layer_a, layer_b, *stitch.layer)
        notes = (f"the bottom of {a.name} up to {stitch.layer_a}, the top of {b.name} from {stitch.layer_b} on",)
        return Network(module, a.preprocessing, b.labels, head=b.known_head, notes=notes)

    @property
    def words(self) -> str:
        """What comes out, in a sentence."""
        if not self.stitches:
            return "nothing is stitched yet"
        best = self.best
        share = best.agreement[best.best].mean
        words = f"{self.b} on {self.a}'s values answers {share:.0%} of images as {self.b} does, at {best.name}"
        words += f" ({best.agreement['naive'].mean:.0%} without a learned layer)"
        if self.labelled and self.right_b is not None:
            right = best.right[best.best].mean
            words += f"; {right:.0%} of its answers are right, {self.right_b.mean:.0%} of {self.b}'s own"
        return words

    def sheet(self) -> Sheet:
        """Errors and answers over the pairs of layers."""
        return sheet_of(self)

    def table(self) -> Table:
        """The numbers of every pair."""
        return table_of(self)

    def to_dict(self) -> dict[str, Any]:
        return {
            "a": self.a, "b": self.b, "verdict": self.words, "images": self.images, "fitting": self.fitting,
            "labelled": self.labelled, "right_a": None if self.right_a is None else self.right_a.to_dict(),
            "right_b": None if self.right_b is None else self.right_b.to_dict(), "chance": self.chance,
            "seed": self.seed, "rows": self.rows, "unreadable": list(self.unreadable),
        }  # fmt: skip


@instrument
def stitch(
    a: Network,
    b: Network,
    layer_a: LayerName | None,
    layer_b: LayerName | None,
    images: ImageSource,
    *,
    task: int = 30,
    limit: int | None = 200,
    seed: int = 0,
) -> Iterator[Stitching]:
    """The bottom of one network under the top of another, joined by a learned layer: do they see the same?

    The layer is an affine map of channels, fitted by regression and then through the top's answers. Baselines: no
    layer, an untrained bottom, and shuffled channels, which must be put back. Raises ValueError for fewer than ten
    images, for a layer that values go past, and for networks without class scores; LookupError for an unknown layer.

    - `a`: the network whose bottom is taken
    - `b`: the network whose top is taken
    - `layer_a`: where the bottom ends; if not given, up to four blocks, spread over the depth
    - `layer_b`: where the top begins; if not given, the block of the like grid and depth
    - `images`: a folder, archive, table or data set of images, or photos; with a sub-folder for each class, answers are
      held against the classes
    - `task`: so many steps of training by the classifier's loss, 16 images each; 0 leaves the regression as it is
    - `limit`: how many images to use at most, spread over all
    - `seed`: of the untrained bottom, the shuffled channels, and which places take part in the fit
    """
    if task < 0:
        raise ValueError(f"task is a number of steps, at least 0, not {task}")
    pairs = pairs_of(a, b, layer_a, layer_b)
    collection = ImageCollection(images, [a, b], limit=limit)
    if collection.count is not None and collection.count < FEWEST:
        raise ValueError(f"stitching needs {FEWEST} images at least, and there are {collection.count}")
    began = Stitching(
        a=a.name, b=b.name, stitches=(), right_a=None, right_b=None, labelled=False, images=0, fitting=0, seed=seed,
        chance=float("nan"), networks=(a, b),
    )  # fmt: skip
    study = _Study(a, b, untrained(a, seed), pairs, images, limit, seed)
    step = 0
    with torch.no_grad():
        for words in study.fit():
            step += 1
            yield replace(began, progress=words, step=step)
        for words in study.train(task):
            step += 1
            yield replace(began, progress=words, step=step)
        for words in study.measure():
            step += 1
            yield replace(began, progress=words, step=step)
        yield replace(study.result(began), step=step + 1)


class _Study:
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
        self.own: dict[str, list[int]] = {"a": [], "b": [], "stated": []}
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
            for index, pair in enumerate(self.pairs):
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
            "learned": matched(of_a[pair.a.name], pair.grid),
            "untrained": matched(of_blank[pair.a.name], pair.grid),
            "shuffled": target[:, self.orders[index].to(target.device)],
        }
        return inputs, target

    def train(self, steps: int) -> Iterator[str]:
        """Trains each pair's layer by the classifier's loss."""
        for index, each in enumerate(self.pairs if steps else ()):

            def scores(x: Tensor, layer: Linear, pair: LayerPair = each) -> Tensor:
                return self.scores(pair, maps_of(self.a, x, [pair.a])[pair.a.name], layer)

            for step, loss, layer in trained(self.layers[index]["learned"], scores, self._targets, steps):
                self.layers[index]["task"] = layer
                yield f"training: {each.name}, step {step} of {steps}, loss {loss:.3g}"

    def _targets(self) -> Iterator[tuple[Tensor, Tensor]]:
        for read in self.source(FIT, 16):
            own = self.b.scores(read.inputs[1])
            if self.stated:
                yield read.inputs[0], torch.nn.functional.one_hot(read.classes(self.b), own.shape[1]).to(own)
            else:
                yield read.inputs[0], self.b.probabilities(own)

    def scores(self, pair: LayerPair, maps: Tensor, layer: Linear | None) -> Tensor:
        """The top's scores for the bottom's maps, through a layer or without one."""
        on_grid = matched(maps, pair.grid)
        mapped = applied(layer, on_grid) if layer is not None else fitting_channels(on_grid, pair.channels[1])
        size = (self.b.channels or 3, *self.b.preprocessing.size)
        blank = torch.zeros(len(mapped), *size, device=self.b.device, dtype=self.b.dtype)
        return scores_where(self.b, blank, pair.b, lambda _: mapped)

    def measure(self) -> Iterator[str]:
        """The errors and answers on the images that measure."""
        source = self.source(MEASURE)
        for read in source:
            for name, network, x in (("a", self.a, read.inputs[0]), ("b", self.b, read.inputs[1])):
                answers = network.scores(x)
                self.classes = answers.shape[1]
                self.own[name] += answers.argmax(1).tolist()
            stated = read.classes(self.b)
            self.own["stated"] += stated.tolist()
            values = self.values(read)
            for index, pair in enumerate(self.pairs):
                self._measure(index, pair, values)
            yield f"measuring: image {read.start + len(read)}{source.of_all}"
        self.unreadable = (*self.unreadable, *source.unreadable)

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
        count = len(self.own["b"])
        if count < 2:
            raise ValueError("too few images could be read to measure by; give more")
        stated = np.array(self.own["stated"])
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
            agreement = {way: share(np.array(each) == np.array(self.own["b"])) for way, each in answers.items()}
            right = {way: share(np.array(each) == stated) for way, each in answers.items()} if labelled else {}
            better = max((w for w in ("regression", "task") if w in answers), key=lambda way: agreement[way].mean)
            stitches.append(
                Stitch(
                    pair.a.name, pair.b.name, _place(self.a, pair.a), _place(self.b, pair.b), **error, right=right,
                    agreement=agreement, layer=layers["learned" if better == "regression" else "task"], strength=strength,
                )
            )  # fmt: skip
        own = {name: share(np.array(self.own[name]) == stated) if labelled else None for name in ("a", "b")}
        return replace(
            began, stitches=tuple(stitches), right_a=own["a"], right_b=own["b"], labelled=labelled, images=count,
            fitting=self.fitting, chance=1 / max(1, self.classes), unreadable=self.unreadable, progress="done",
        )  # fmt: skip


def applied(layer: Linear, maps: Tensor) -> Tensor:
    """Maps (N, channels in, rows, columns) through an affine map of channels."""
    weight, bias = layer
    return torch.einsum("oc,nchw->nohw", weight.to(maps), maps) + bias.to(maps).view(1, -1, 1, 1)


def fitting_channels(maps: Tensor, channels: int) -> Tensor:
    """The first so many channels, with zeros for those that are missing: what a stitch without a layer has."""
    missing = channels - maps.shape[1]
    return torch.nn.functional.pad(maps, (0, 0, 0, 0, 0, missing)) if missing > 0 else maps[:, :channels]


def _place(network: Network, layer: Any) -> float:
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
