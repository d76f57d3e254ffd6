"""A pass over images through several networks: what each answers, and where they disagree."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.collection import Batch, ImageCollection
from ...data.gathering import Gathered
from ...network import Network

SHOWN = 6  # photos on which the networks disagree most
STATED, DISAGREED = "stated", "disagreed"


class Disagreed:
    """The images that the networks answer most differently, with their pixels (H, W, 3): sums that merge."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, int, str, np.ndarray, tuple[str, ...]]] = []

    def add(self, place: int, name: str, count: int, answers: Sequence[str], pixels: np.ndarray) -> None:
        """Keeps the image with `count` different answers if few others have more; earlier ones first among equals."""
        self._push((count, -place, name, pixels, tuple(answers)))

    def _push(self, entry: tuple[int, int, str, np.ndarray, tuple[str, ...]]) -> None:
        if len(self.kept) < SHOWN:
            heapq.heappush(self.kept, entry)
        elif entry[:2] > self.kept[0][:2]:
            heapq.heapreplace(self.kept, entry)

    def merge(self, other: Disagreed) -> None:
        for entry in other.kept:
            self._push(entry)

    def state(self) -> dict[str, Any]:
        return {
            "images": [
                [count, place, name, torch.from_numpy(pixels), list(answers)]
                for count, place, name, pixels, answers in self.kept
            ]
        }

    def load(self, state: Mapping[str, Any]) -> None:
        self.kept = [
            (count, place, name, pixels.numpy(), tuple(answers))
            for count, place, name, pixels, answers in state["images"]
        ]

    def images(self) -> list[tuple[str, np.ndarray, tuple[str, ...]]]:
        """Names, pixels and answers, the most different first."""
        return [entry[2:] for entry in sorted(self.kept, key=lambda entry: entry[:2], reverse=True)]


@dataclass(frozen=True, eq=False)
class Answered:
    """A network's answers, image by image: the most probable class, its probability, and the rank of the right one."""

    network: Network
    title: str
    given: Sequence[str]  # the key of each answer
    confidence: np.ndarray
    rank: np.ndarray  # 0 is first; NaN where no class is stated
    classes: int


@dataclass(frozen=True, eq=False)
class Answering:
    """What networks answer. Columns `NUMBER given`, `NUMBER confidence` and `NUMBER rank`, and the stated classes."""

    images: Any
    titles: tuple[str, ...]
    keys: tuple[list[str] | None, ...]  # of each one's classes, or None for their numbers: the same is the same answer
    limit: int | None
    batch: int

    def source(self, networks: Sequence[Network]) -> ImageCollection:
        return ImageCollection(self.images, networks, limit=self.limit, batch=self.batch)

    def begin(self, networks: Sequence[Network]) -> Gathered:
        return Gathered({DISAGREED: Disagreed()})

    def take(self, networks: Sequence[Network], gathered: Gathered, read: Batch) -> None:
        stated = [read.classes(network) for network in networks]
        gathered.extend(STATED, list(torch.stack(stated, 1).numpy()))
        given, names = [], []
        for number, (network, x, own) in enumerate(zip(networks, read.inputs, stated, strict=True)):
            classes = self._answer(gathered, number, network, x, own)
            given.append([str(each) if (keys := self.keys[number]) is None else keys[each] for each in classes])
            gathered.extend(f"{number} given", given[-1])
            names.append([network.labels[each].partition(",")[0] for each in classes])
        for index, entry in enumerate(read.entries):
            count = len({answers[index] for answers in given})
            if count > 1:
                pixels = _pixels(networks[0], read.inputs[0][index : index + 1])
                answers = [each[index] for each in names]
                gathered.sums[DISAGREED].add(entry.place, entry.name.rpartition("/")[2], count, answers, pixels)

    def _answer(self, gathered: Gathered, number: int, network: Network, x: Tensor, stated: Tensor) -> list[int]:
        """Adds the answers for inputs (n, C, H, W) with their stated classes (n,), -1 for none; returns their numbers.

        Of classes with equal scores the one with the lower number comes first, as in `argmax`.
        """
        scores = network.scores(x)
        if not torch.isfinite(scores).all():
            raise ValueError(f"{self.titles[number]} gives scores that are not finite")
        probabilities = network.probabilities(scores).double()
        best = scores.argmax(1)
        gathered.extend(f"{number} confidence", probabilities.gather(1, best[:, None])[:, 0].clamp(0, 1).tolist())
        for row, label in zip(scores, stated.tolist(), strict=True):
            ahead = (row > row[label]).sum() + (row[:label] == row[label]).sum()  # the answer is the first of equals
            gathered.extend(f"{number} rank", [float(ahead) if label >= 0 else np.nan])
        gathered.rows[f"{number} classes"] = [scores.shape[1]]
        return best.tolist()

    def answered(self, networks: Sequence[Network], gathered: Gathered) -> list[Answered]:
        """Each network's answers."""
        return [
            Answered(
                network, title, gathered.rows[f"{number} given"], gathered.column(f"{number} confidence"),
                gathered.column(f"{number} rank"), int(gathered.rows[f"{number} classes"][0]),
            )
            for number, (network, title) in enumerate(zip(networks, self.titles, strict=True))
        ]  # fmt: skip


def _pixels(network: Network, x: Tensor) -> np.ndarray:
    """An input (1, C, H, W) as pixels (H, W, 3); of other channels than a photo's, the first one in grey."""
    if network.channels in (None, network.preprocessing.channels):
        x = network.denormalise(x)
    image = x[0].float().clamp(0, 1).cpu()
    image = image if len(image) == 3 else image[:1].expand(3, -1, -1)
    return (255 * image.permute(1, 2, 0).numpy()).round().astype(np.uint8)
