"""How deep is deep enough? Networks side by side on the same images: what they answer, and what that costs.

Accuracy is held against the classes that folders or file names state, each network by its own labels. Intervals are
95 % bootstrap intervals over images, and two networks are compared image by image. Calibration is in
`measures/calibration`. Speed is that of the forward pass alone, in turns, so that a busy machine slows all alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ...data.passing import passed, way_of
from ...instrument import Result, instrument
from ...instrument.roles import CheckpointFolder, Cluster, ImageSource, Networks
from ...measures.calibration import Calibration, calibration
from ...measures.intervals import Interval, difference, interval
from ...picture import Sheet, Table, counted
from .cost import Cost, cost_of, speeds
from .measuring import DISAGREED, STATED, Answered, Answering
from .naming import answer_keys, network_titles
from .networks_picture import sheet_of, table_of

FEWEST = 2  # images that an interval takes
FIVE = 5
FEWEST_OF_CLASS = 3  # images of a class that is shown by itself
CLASSES = 8  # that the networks differ most on


@dataclass(frozen=True, eq=False)
class NetworkRow:
    """A network's numbers; those that need stated classes are None where the images state none."""

    network: str
    top1: Interval | None
    top5: Interval | None
    calibration: Calibration | None
    cost: Cost
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "top1": None if self.top1 is None else self.top1.mean,
            "top1_interval": None if self.top1 is None else [self.top1.low, self.top1.high],
            "top5": None if self.top5 is None else self.top5.mean,
            "top5_interval": None if self.top5 is None else [self.top5.low, self.top5.high],
            "calibration_error": None if self.calibration is None else self.calibration.error,
            "parameters": self.cost.parameters, "operations": self.cost.operations, "depth": self.cost.depth,
            "weights_bytes": self.cost.weights_bytes, "memory_bytes": self.cost.memory_bytes,
            "images_per_second": self.images_per_second,
        }  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworksCompared(Result):
    """Networks on the same images, in the order that they were given."""

    networks: tuple[NetworkRow, ...]
    agreement: np.ndarray = field(repr=False)  # (networks, networks): share of images with the same answer
    # (networks, networks): of the images that either gets wrong, the share that both get wrong; NaN without such
    errors: np.ndarray = field(repr=False)
    # (networks, networks, 3): mean difference in accuracy, low, high; NaN without
    apart: np.ndarray = field(repr=False)
    classes: tuple[tuple[str, int, tuple[float, ...]], ...] = ()  # name, images, and each network's accuracy
    disagreed: tuple[tuple[str, np.ndarray, tuple[str, ...]], ...] = field(default=(), repr=False)
    images: int = 0
    stated: int = 0  # images whose class is known to all networks
    batch: int = 1
    threads: int = 1
    device: str = "cpu"
    seed: int = 0
    unreadable: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # what the numbers leave out, or do not say
    progress: str = ""
    step: int = 0
    steps: int | None = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each network."""
        return [each.to_dict() for each in self.networks]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out and why, one sentence for each."""
        return (*super().notes, *self.remarks)

    @property
    def words(self) -> str:
        """Which network is right most often, and whether a cheaper one is as good."""
        if not self.networks:
            return "nothing was measured yet"
        if not self.stated:
            mean = self.agreement[np.triu_indices(len(self.networks), 1)].mean()
            why = "there is no accuracy, as fewer than two images state a class that all networks have"
            return f"two networks give the same answer for {mean:.0%} of images on the mean; {why}"
        scores = [each.top1.mean if each.top1 else np.nan for each in self.networks]
        best = int(np.nanargmax(scores))
        words = f"right most often is {self.networks[best].network}, for {scores[best]:.0%} of {self.stated} images"
        less = [
            index for index, each in enumerate(self.networks)
            if each.cost.operations < self.networks[best].cost.operations
        ]  # fmt: skip
        if not less:
            return f"{words}; none of the others takes fewer operations"
        cheaper = [index for index in less if self.apart[best, index, 1] <= 0]
        if not cheaper:
            return f"{words}; every cheaper one is right less often, beyond the interval"
        least = min(cheaper, key=lambda index: self.networks[index].cost.operations)
        share = self.networks[least].cost.operations / self.networks[best].cost.operations
        return (
            f"{words}; {self.networks[least].network} ({scores[least]:.0%}), with {share:.0%} of the operations, "
            "can't be told apart from it on these images"
        )

    def sheet(self, examples: bool = True) -> Sheet:
        """Accuracy against cost, calibration, agreement, and the photos on which the networks disagree.

        - `examples`: draw the photos on which the networks disagree most
        """
        return sheet_of(self, examples)

    def table(self) -> Table:
        """The numbers of every network."""
        return table_of(self)

    def to_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.words, "rows": self.rows, "images": self.images, "stated": self.stated,
            "agreement": self.agreement.tolist(),
            "errors_in_common": [[None if np.isnan(each) else each for each in row] for row in self.errors.tolist()],
            "remarks": list(self.remarks), "batch": self.batch, "threads": self.threads, "device": self.device,
            "classes": [{"class": name, "images": n, "accuracy": list(shares)} for name, n, shares in self.classes],
            "disagreed": [{"image": name, "answers": list(answers)} for name, _, answers in self.disagreed],
            "seed": self.seed, "unreadable": list(self.unreadable),
        }  # fmt: skip


@instrument
def compare_networks(
    networks: Networks,
    images: ImageSource,
    *,
    limit: int | None = 1000,
    batch: int = 8,
    seed: int = 0,
    ray: Cluster | None = None,
    checkpoint: CheckpointFolder | None = None,
) -> Iterator[NetworksCompared]:
    """Networks side by side: accuracy with intervals, calibration, speed, parameters, operations, and disagreements.

    Raises ValueError for fewer than two networks, for one that is given twice or has no class scores, and where fewer
    than two images can be read.

    - `networks`: two networks or more
    - `images`: a folder, archive, table or data set of images, best with a sub-folder for each class
    - `limit`: how many images to use at most, spread over all
    - `batch`: images of a forward pass, also when its speed is measured
    - `seed`: of the intervals' draws
    - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine, 'auto' uses a running one;
      speed is measured here
    - `checkpoint`: a folder that holds how far the run is, so that a killed run goes on from there
    """
    if len(networks) < 2:
        raise ValueError(f"networks are compared with each other; give two at least, not {len(networks)}")
    if batch < 1:
        raise ValueError(f"a batch has at least 1 image, not {batch}")
    titles = network_titles(networks)
    keys: Sequence[list[str] | None] = answer_keys(networks, titles) or [None] * len(networks)
    began = NetworksCompared(
        networks=(), agreement=np.eye(len(networks)), errors=np.full((len(networks),) * 2, np.nan),
        apart=np.full((len(networks),) * 2 + (3,), np.nan), batch=batch,
        threads=torch.get_num_threads(), device=networks[0].device.type, seed=seed,
    )  # fmt: skip
    account = {"instrument": "compare_networks", "titles": titles}
    how = way_of(ray, checkpoint, networks, account)
    work = Answering(images, tuple(titles), tuple(keys), limit, batch)
    gathered = work.begin(networks)
    step = 0
    with torch.no_grad():
        for words in passed("answering", work, networks, how, gathered):
            step += 1
            yield replace(began, progress=words, step=step)
        if gathered.images < FEWEST:
            raise ValueError(f"comparing networks takes {FEWEST} images at least; only {gathered.images} could be read")
        yield replace(began, progress="measuring speed", step=step + 1)
        measured = speeds(networks, batch)
    yield replace(
        _result(began, work.answered(networks, gathered), measured, gathered.column(STATED), seed),
        disagreed=tuple(gathered.sums[DISAGREED].images()), unreadable=tuple(gathered.unreadable), progress="done",
        step=step + 2,
    )  # fmt: skip
    how.done()


def _result(
    began: NetworksCompared, answered: list[Answered], measured: list[float], stated: np.ndarray, seed: int
) -> NetworksCompared:
    count = len(answered)
    known: np.ndarray = np.asarray((stated >= 0).all(1))
    if known.sum() < FEWEST:
        known[:] = False
    right = np.array([[rank == 0 for rank in each.rank] for each in answered])[:, known]
    in_five = np.array([[rank < FIVE for rank in each.rank] for each in answered])[:, known]
    rows = []
    for index, each in enumerate(answered):
        has = bool(known.any())
        rows.append(
            NetworkRow(
                each.title, interval(right[index], seed) if has else None,
                interval(in_five[index], seed) if has else None,
                calibration(each.confidence[known], right[index]) if has else None,
                cost_of(each.network), measured[index],
            )
        )  # fmt: skip
    given = np.array([each.given for each in answered])
    agreement = (given[:, None] == given[None]).mean(2)
    either, both = (~right[:, None] | ~right[None]).sum(2), (~right[:, None] & ~right[None]).sum(2)
    errors = np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
    apart = began.apart.copy()
    for one in range(count):
        for other in range(count):
            if one != other and known.any():
                gap = difference(right[one], right[other], seed)
                apart[one, other] = gap.mean, gap.low, gap.high
    return replace(
        began, networks=tuple(rows), agreement=agreement, errors=errors, apart=apart, images=len(stated),
        stated=int(known.sum()), classes=_classes(answered[0], stated[known, 0], right),
        remarks=tuple(_remarks(answered, stated, bool(known.any()))),
    )  # fmt: skip


def _remarks(answered: list[Answered], stated: np.ndarray, has_accuracy: bool) -> Iterator[str]:
    """What the numbers leave out, or do not say."""
    some = (stated >= 0).any(1)
    for each, own in zip(answered, stated.T, strict=True):
        if lacking := int((some & (own < 0)).sum()):
            yield f"accuracy leaves out {counted(lacking, 'image')} of classes that {each.title} has not"
    if has_accuracy and (without := int((~some).sum())):
        yield f"accuracy leaves out {counted(without, 'image')} that state no class of the networks"
    for each in answered:
        if has_accuracy and each.classes <= FIVE:
            yield f"{each.title} has {each.classes} class{'es' * (each.classes > 1)}, so its top 5 is always right"


def _classes(first: Answered, stated: np.ndarray, right: np.ndarray) -> tuple[tuple[str, int, tuple[float, ...]], ...]:
    """The classes with enough images on which the networks differ most."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, label in enumerate(stated.tolist()):
        places[label].append(place)
    shares = [
        (first.network.labels[label].partition(",")[0], len(some), tuple(map(float, right[:, some].mean(1))))
        for label, some in places.items() if len(some) >= FEWEST_OF_CLASS
    ]  # fmt: skip
    shares.sort(key=lambda each: (min(each[2]) - max(each[2]), each[0]))
    return tuple(each for each in shares[:CLASSES] if max(each[2]) > min(each[2]))
