"""The k strongest answers of every channel of a layer, and where they were: kept batch by batch, merged in any order.

Answers are ordered by value, the largest first; of two alike the earlier image counts, and in it the earlier place in
reading order. The order is total, so that the k first of a union are the same however it is cut into parts: batches,
a run that was stopped, machines.

Most images leave most channels' lists as they are. Their largest values alone are taken of every map; places are
looked for only where that value is larger than the last that is kept, and only those channels' lists are sorted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NONE = -1  # the image of a list's places that are still free


@dataclass(frozen=True)
class Found:
    """Answers (M,) that belong into lists: by channel, in it by image, and in that the strongest first."""

    channels: Tensor
    values: Tensor
    images: Tensor
    places: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Found]) -> Found:
        """All of them."""
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

    @classmethod
    def empty(cls, channels: int, k: int, each: int = 1, device: torch.device | str = "cpu") -> Top:
        shape = (channels, k)
        nothing = torch.full(shape, NONE, dtype=torch.int64, device=device)
        return cls(torch.full(shape, -torch.inf, device=device), nothing, nothing.clone(), each)

    def found(self, maps: Tensor, peaks: Tensor, images: Tensor) -> Found | None:
        """The answers (N, C, places) that belong into the list, of images of rising numbers.

        `peaks` (N, C) are their largest values. None where there are none.
        """
        last = self.values[:, -1]
        belongs = peaks > last if self._precede(images) else peaks >= last
        channel, image = belongs.T.nonzero(as_tuple=True)  # by channel, and in it by image
        if not len(channel):
            return None
        rows = maps[image, channel]
        if self.each == 1:
            return Found(channel, peaks[image, channel].to(last.dtype), images[image], rows.argmax(1))
        values, places = rows.sort(dim=1, descending=True, stable=True)
        values, places = values[:, : self.each], places[:, : self.each]
        channel, image = (part.repeat_interleave(values.shape[1]) for part in (channel, image))
        return Found(channel, values.flatten().to(last.dtype), images[image], places.flatten())

    def add(self, parts: Sequence[Found]) -> None:
        """Takes in what `found` gave, of several batches."""
        if not parts:
            return
        new = Found.joined(parts)
        rows, row = new.channels.unique_consecutive(return_inverse=True)
        rank = torch.arange(len(row), device=row.device) - torch.searchsorted(row, row)
        theirs = Top.empty(len(rows), int(rank.max()) + 1, self.each, row.device)
        theirs.values[row, rank], theirs.images[row, rank], theirs.places[row, rank] = (
            new.values, new.images, new.places,
        )  # fmt: skip
        mine = Top(self.values[rows], self.images[rows], self.places[rows], self.each)
        mine.merge(theirs)
        self.values[rows], self.images[rows], self.places[rows] = mine._parts()

    def merge(self, other: Top) -> None:
        """Takes in another list, of any other images."""
        k = self.values.shape[1]
        values, images, places = (
            torch.cat([mine, theirs.to(mine.device)], 1)
            for mine, theirs in zip(self._parts(), other._parts(), strict=True)
        )
        if not self._precede(other.images[other.images != NONE]):
            order = places.argsort(dim=1, stable=True)  # by image, and in it by place; a sort by value keeps that
            order = order.gather(1, images.gather(1, order).argsort(dim=1, stable=True))
            values, images, places = (part.gather(1, order) for part in (values, images, places))
        order = values.argsort(dim=1, descending=True, stable=True)[:, :k]
        self.values, self.images, self.places = (part.gather(1, order) for part in (values, images, places))

    def _precede(self, images: Tensor) -> bool:
        """Whether all that is kept comes before these images, so that it stays before them in a tie."""
        return not len(images) or bool(images.min() > self.images.max())

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.values, self.images, self.places
