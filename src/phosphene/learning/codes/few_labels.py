"""Classes learned from few labels: is a network that has seen images without labels a better beginning?

A network of codes is used in four ways, with the same labelled images each time:

    whole      all its weights and a linear layer on its codes descend the cross entropy
    scratch    the same from the network's random weights
    probe      logistic regression on its codes, which stay as they are
    random     the same on the codes of the network with random weights

Each count of labels is drawn several times, as many of each class. An interval is Student's t at 95 % over the draws:
it tells what other labels would have given, not what another training without labels would have.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...instrument import Result
from ...network.opening.source import undisturbed
from ...picture import DrawingBlock, Sheet, Table
from ...picture.chart import Axis, Chart, Curve
from ..sets.dataset import DataSet
from ..sets.own import data_set
from ..system import CHUNK, System

COUNTS = (10, 30, 100, 300, 1000)
DRAWS, STEPS, BATCH, RATE = 5, 200, 100, 1e-3
WAYS = {
    "whole": "learned network, whole",
    "scratch": "random network, whole",
    "probe": "learned codes, frozen",
    "random": "random codes, frozen",
}


@dataclass(frozen=True, eq=False)
class FewLabels(Result):
    """`accuracy` holds for each way the shares of right answers (counts, draws), on held-out images."""

    system: str
    data: str
    counts: tuple[int, ...]
    accuracy: dict[str, np.ndarray] = field(repr=False)

    def interval(self, way: str) -> tuple[np.ndarray, np.ndarray]:
        """The mean (counts,) over the draws, and how far its 95 % interval reaches to either side."""
        from scipy.stats import t

        values = self.accuracy[way]
        draws = values.shape[1]
        return values.mean(1), float(t.ppf(0.975, draws - 1)) * values.std(1, ddof=1) / math.sqrt(draws)

    def gain(self, over: tuple[str, str] = ("whole", "scratch")) -> tuple[np.ndarray, np.ndarray]:
        """How much better the first way is than the second, and its interval: of pairs, which had the same labels."""
        one, other = (self.accuracy[way] for way in over)
        pairs = FewLabels(self.system, self.data, self.counts, {"gain": one - other})
        return pairs.interval("gain")

    def table(self) -> Table:
        rows = []
        means = {way: self.interval(way) for way in WAYS}
        gain, reach = self.gain()
        for at, count in enumerate(self.counts):
            cells = [f"{100 * mean[at]:.1f} ± {100 * far[at]:.1f}" for mean, far in means.values()]
            rows.append([f"{count:,}", *cells, f"{100 * gain[at]:+.1f} ± {100 * reach[at]:.1f}".replace("-", "−")])
        return Table(["labels", *WAYS.values(), "gain, whole"], rows)

    def chart(self) -> Chart:
        """Accuracy against the number of labels, with a band of each way."""
        curves = []
        for way, name in WAYS.items():
            mean, far = self.interval(way)
            curves.append(Curve(self.counts, 100 * mean, name, 100 * (mean - far), 100 * (mean + far)))
        across = Axis("labelled images", scale="log", ticks=self.counts)
        return Chart(curves, across, Axis("right answers", unit=" %"), width=620, height=330, legend="above")

    def sheet(self) -> Sheet:
        draws = next(iter(self.accuracy.values())).shape[1]
        title = f"Few labels: {self.system} on {self.data}"
        caption = (
            f"Bands are 95 % intervals over {draws} draws of the labelled images; one training without labels. Right "
            "answers are of images that no network has learned from."
        )
        return Sheet(
            title, "", [DrawingBlock(self.chart().drawing()), self.table()], caption=caption, description=title
        )


def few_labels(system: System, data: Any = "mnist-5k", **options: Any) -> FewLabels:
    """How well classes are learned from few labels with a system that encodes, against beginning at random.

    `data` is what the system learned from, with classes. The options are those of `few_labels_steps`: `counts` of
    labelled images, `draws`, `seed`, `steps` of whole training.
    """
    *_, last = few_labels_steps(system, data, **options)
    return last


def few_labels_steps(
    system: System,
    data: Any = "mnist-5k",
    *,
    counts: Sequence[int] = COUNTS,
    draws: int = DRAWS,
    seed: int = 0,
    steps: int = STEPS,
) -> Iterator[FewLabels]:
    """The same after each count of labels. ValueError for data without classes, or with fewer images than labels."""
    held = data if isinstance(data, DataSet) else data_set(data)
    classes = held.classes
    if held.train.labels is None or held.test.labels is None or classes is None:
        raise ValueError("few labels are drawn from images with classes, and these have none")
    if draws < 2:
        raise ValueError(f"an interval takes two draws or more, not {draws}")
    for count in counts:
        if not len(classes) <= count <= len(held.train):
            raise ValueError(
                f"there are {len(classes)} classes and {len(held.train):,} images; {count} labels don't fit"
            )
    with undisturbed(seed):
        fresh = type(system)(system.config).eval()
    learned = system.eval()
    test, truth = _all(held.test), held.test.labels
    codes = {"probe": _codes(learned, test), "random": _codes(fresh, test)}
    accuracy: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for at, count in enumerate(counts):
        for way in WAYS:
            accuracy[way].append([])
        for draw in range(draws):
            places = balanced_places(held.train.labels, count, seed * 1000 + draw)
            batch = held.train.batch(places)
            assert batch.labels is not None
            for way, network in (("whole", learned), ("scratch", fresh)):
                answers = _whole(network, batch.x, batch.labels, len(classes), test, steps, draw)
                accuracy[way][at].append(float((answers == truth).float().mean()))
            for way, network in (("probe", learned), ("random", fresh)):
                answers = _probe(_codes(network, batch.x), batch.labels, codes[way])
                accuracy[way][at].append(float((answers == truth).float().mean()))
        yield FewLabels(
            system.name, held.name, tuple(counts[: at + 1]), {way: np.array(rows) for way, rows in accuracy.items()}
        )


def balanced_places(labels: Tensor, count: int, seed: int) -> Tensor:
    """The places of `count` images, as many of each class; what is left over goes to the first classes."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    names = labels.unique()
    places = []
    for at, name in enumerate(names):
        each = count // len(names) + (at < count % len(names))
        places.append(order[labels[order] == name][:each])
    return torch.cat(places)


def _all(examples: Any) -> Tensor:
    return examples.batch(torch.arange(len(examples))).x


@torch.no_grad()
def _codes(network: System, x: Tensor) -> Tensor:
    return torch.cat([network(part) for part in x.split(CHUNK)])


def _whole(network: System, x: Tensor, labels: Tensor, classes: int, test: Tensor, steps: int, seed: int) -> Tensor:
    """The answers for `test` of the whole network after learning; its statistics over batches stay as they are."""
    body = copy.deepcopy(network).eval()
    with undisturbed(seed):
        head = nn.Linear(_codes(body, x[:1]).shape[1], classes)
        descent = torch.optim.Adam([*body.parameters(), *head.parameters()], RATE)
        for _ in range(steps):
            some = torch.randperm(len(x))[:BATCH]
            descent.zero_grad()
            cross_entropy(head(body(x[some])), labels[some]).backward()
            descent.step()
    with torch.no_grad():
        return head(_codes(body, test)).argmax(1)


def _probe(codes: Tensor, labels: Tensor, test: Tensor) -> Tensor:
    """The answers of logistic regression (C = 1) on codes less their mean, over one deviation for all of them."""
    from sklearn.linear_model import LogisticRegression

    from ..transfer.probe import Scale

    scale = Scale.of(codes)
    fitted = LogisticRegression(max_iter=500).fit(scale.examples(codes, labels).x.double().numpy(), labels.numpy())
    return torch.from_numpy(fitted.predict(scale.examples(test, torch.zeros(len(test))).x.double().numpy()))
