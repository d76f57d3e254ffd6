"""The k strongest answers of every channel of a layer, and where they were: kept batch by batch, merged in any order.

Answers are ordered by value, the largest first; of two alike the earlier image counts, and in it the earlier place in
reading order. The order is total, so that the k first of a union are the same however it is cut into parts: batches,
a run that was stopped, machines.

Most images leave most channels' lists as they are. Their largest values alone are taken of every map; places are
looked for only where that value is larger than the last that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NONE = -1  # the image of a list's places that are still free


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

    def found(self, maps: Tensor, peaks: Tensor, images: Tensor) -> Top | None:
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
            values, places = peaks[image, channel][:, None], rows.argmax(1, keepdim=True)
        else:
            values, places = rows.sort(dim=1, descending=True, stable=True)
            values, places = values[:, : self.each], places[:, : self.each]
        count = values.shape[1]
        rank = torch.arange(len(channel), device=channel.device) - torch.searchsorted(channel, channel)
        slots = (rank[:, None] * count + torch.arange(count, device=rank.device)).flatten()
        new = Top.empty(len(self.values), int(slots.max()) + 1, self.each, self.values.device)
        at = (channel.repeat_interleave(count), slots)
        new.values[at] = values.flatten().to(new.values.dtype)
        new.images[at] = images[image].repeat_interleave(count)
        new.places[at] = places.flatten()
        return new

    def merge(self, other: Top) -> None:
        """Takes in what `found` gave, or another part's list: of any other images."""
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
