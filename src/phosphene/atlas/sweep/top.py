"""The k strongest answers of every channel of a layer, and where they were: kept batch by batch, merged in any order.

Answers are ordered by value, the largest first; of two alike the earlier image counts, and in it the earlier place in
reading order. The order is total, so that the k first of a union are the same however it is cut into parts: batches,
a run that was stopped, machines.

Most images leave most channels' lists as they are. Their largest values alone are taken of every map; places are
looked for only where that value is larger than the last that is kept, and only those channels' lists are sorted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .measuring import Measured

NONE = -1  # the image of a list's places that are still free


@dataclass(frozen=True)
class Answers:
    """Answers (M,) that belong into lists; those of one channel and image follow each other, the strongest first."""

    channels: Tensor
    values: Tensor
    images: Tensor
    places: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Answers]) -> Answers:
        """All of them, by channel, and in it by image."""
        channels, values, images, places = (
            torch.cat(each)
            for each in zip(*((part.channels, part.values, part.images, part.places) for part in parts), strict=True)
        )
        order = images.argsort(stable=True)
        order = order[channels[order].argsort(stable=True)]
        return cls(channels[order], values[order], images[order], places[order])


@dataclass
class Top:
    """Values (C, k) in falling order, with the images' numbers and the places (row · columns + column) they come from.

    `each` is how many places one image may hold of a channel's list.
    """

    values: Tensor
    images: Tensor
    places: Tensor
    each: int = 1
    latest: int = field(init=False)  # the largest number of an image in the lists

    def __post_init__(self) -> None:
        self.latest = int(self.images.max()) if self.images.numel() else NONE

    @classmethod
    def empty(cls, channels: int, k: int, each: int = 1, device: torch.device | str = "cpu") -> Top:
        shape = (channels, k)
        nothing = torch.full(shape, NONE, dtype=torch.int64, device=device)
        return cls(torch.full(shape, -torch.inf, device=device), nothing, nothing.clone(), each)

    def least(self, images: Sequence[int]) -> tuple[Tensor, bool]:
        """What answers have to exceed to belong into the lists (C,), and whether reaching it is enough.

        Of images of rising numbers.
        """
        return self.values[:, -1], images[0] <= self.latest

    def answers(self, maps: Tensor, measures: Measured, images: Sequence[int]) -> Answers | None:
        """The answers that belong into the lists, of maps (N, C, places) of images of rising numbers; None if none do.

        `measures` is what was read of these maps, with the peaks that exceed, or reach, what `least` gives.
        """
        if not len(measures.peak):
            return None
        numbers, kind = torch.tensor(images, device=maps.device), self.values.dtype
        if self.each == 1:
            place = _first_largest(maps[measures.image, measures.channel]) if measures.place is None else measures.place
            return Answers(measures.channel, measures.peak.to(kind), numbers[measures.image], place)
        values, places = maps[measures.image, measures.channel].sort(dim=1, descending=True, stable=True)
        values, places = values[:, : self.each], places[:, : self.each]
        channel, image = (part.repeat_interleave(values.shape[1]) for part in (measures.channel, measures.image))
        return Answers(channel, values.flatten().to(kind), numbers[image], places.flatten())

    def add(self, parts: Sequence[Answers]) -> None:
        """Takes in what `answers` gave, of several batches."""
        if not parts:
            return
        new = Answers.joined(parts)
        rows, row = new.channels.unique_consecutive(return_inverse=True)
        rank = torch.arange(len(row), device=row.device) - torch.searchsorted(row, row)
        theirs = Top.empty(len(rows), int(rank.max()) + 1, self.each, row.device)
        theirs.values[row, rank], theirs.images[row, rank], theirs.places[row, rank] = (
            new.values, new.images, new.places,
        )  # fmt: skip
        mine = Top(self.values[rows], self.images[rows], self.places[rows], self.each)
        mine.merge(theirs)
        self.values[rows], self.images[rows], self.places[rows] = mine._parts()
        self.latest = max(self.latest, mine.latest)

    def merge(self, other: Top) -> None:
        """Takes in another list, of any other images."""
        k = self.values.shape[1]
        theirs = other.images[other.images != NONE]
        if not len(theirs):
            return
        values, images, places = (
            torch.cat([mine, its.to(mine.device)], 1) for mine, its in zip(self._parts(), other._parts(), strict=True)
        )
        if theirs.min() <= self.latest:  # else all that is kept stays before them in a tie
            order = places.argsort(dim=1, stable=True)  # by image, and in it by place; a sort by value keeps that
            order = order.gather(1, images.gather(1, order).argsort(dim=1, stable=True))
            values, images, places = (part.gather(1, order) for part in (values, images, places))
        order = values.argsort(dim=1, descending=True, stable=True)[:, :k]
        self.values, self.images, self.places = (part.gather(1, order) for part in (values, images, places))
        self.latest = max(self.latest, int(theirs.max()))

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.values, self.images, self.places


def _first_largest(rows: Tensor) -> Tensor:
    """The place of each row's (M, places) largest value, the first one of several."""
    if rows.device.type != "cpu" or rows.dtype == torch.bfloat16:
        return rows.argmax(1)
    return torch.from_numpy(rows.numpy().argmax(1))  # NumPy's is vectorised
