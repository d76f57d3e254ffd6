"""What came back to the image: one value for each of its pixels and channels, drawn beside the photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ..instrument import Result
from ..network import Box, Frame, Network
from ..picture import (
    Block,
    ColourBar,
    ImageBlock,
    Photo,
    Picture,
    Row,
    TextBlock,
    as_rgb,
    colour,
    compact,
    map_range,
    overlay,
    resample,
    sheet,
)  # fmt: skip
from ..showing import input_box, photo_of, seen

WIDTH = 250.0  # of a picture in a row
ROWS = 12  # signals on a page


def shown(network: Network, images: Any) -> dict[str, Any]:
    """What a result needs to draw maps over the images: the network's name, and each photo with its input's frame."""
    count = len(images) if isinstance(images, (Tensor, list, tuple)) else 1
    return {"network": network.name, "photos": tuple(photo_of(network, images, index) for index in range(count))}


@dataclass(frozen=True, eq=False, kw_only=True)
class Signal(Result):
    """Signals (N, C, H, W) in the coordinates of the network's input, one for each target."""

    method: str
    network: str
    targets: tuple[str, ...]
    values: Tensor = field(repr=False)  # (N, C, H, W)
    scores: Tensor = field(repr=False)  # (N,): the units' own values
    photos: tuple[tuple[Photo, Frame], ...] = field(repr=False)  # one for each signal, or one for all

    @property
    def maps(self) -> Tensor:
        """(N, H, W): the largest magnitude over the channels (Simonyan, Vedaldi and Zisserman, 2013)."""
        return self.values.abs().amax(1)

    def in_photo(self, index: int = 0) -> np.ndarray:
        """Map number `index` at every pixel of its photo (height, width); NaN where the network does not look."""
        photo, frame = self._photo(index)
        box = frame.to_photo(Box(0, 0, frame.size[1], frame.size[0])).as_tuple()
        values, inside = resample(self.maps[index].cpu().numpy(), photo.height, photo.width, box=box)
        return np.where(inside, values, np.nan)

    def picture(self, *, range: str = "percentile:0:99.5", page: int = 1) -> Picture:
        """Each signal beside its photo: in colour with zero at mid-grey, its magnitude, and that over the photo.

        - `range`: how a map's values become brightness: minmax, percentile:low:high, unit or low:high
        - `page`: which page of twelve signals, from 1
        """
        count = len(self.values)
        pages = -(-count // ROWS)
        if not 1 <= page <= pages:
            raise ValueError(
                f"there {'are' if pages > 1 else 'is'} {pages} page{'s' * (pages > 1)} of signals, no {page}"
            )
        first = (page - 1) * ROWS
        chosen = list(np.arange(first, min(count, first + ROWS)))
        values = self.values[first : first + ROWS].float().cpu().numpy()
        maps = map_range(self.maps[first : first + ROWS].float().cpu().numpy(), range, "tile")
        blocks: list[Block] = []
        for at, index in enumerate(chosen):
            view, frame = seen(*self._photo(int(index)))
            box = input_box(view, frame)
            shares = maps.values01[at]
            over = overlay(view.pixels, shares, "sequential", 0.15 + 0.8 * shares, box=box)
            name = f"{self.targets[index]} · {compact(float(self.scores[index]))}"
            blocks.append(TextBlock(name, size=20, weight="bold"))
            pictures = [
                ImageBlock(view.pixels, heading="photo", width=WIDTH, crisp=False),
                ImageBlock(_coloured(values[at], maps.ranges[at].high), heading="signal", width=WIDTH, crisp=False),
                ImageBlock(colour(shares, "sequential"), heading="magnitude", width=WIDTH, crisp=False),
                ImageBlock(over, heading="over the photo", width=WIDTH, crisp=False),
            ]
            blocks += [Row(pictures, gap=20), ColourBar("sequential", maps.ranges[at], "magnitude")]
        where = f" · page {page} of {pages}" if pages > 1 else ""
        names = ", ".join(dict.fromkeys(photo.name for photo, _ in self.photos))
        drawing = sheet(
            capital(self.method), f"{self.network} on {names}{where}", blocks,
            caption=f"The signal's grey is zero; it is cut where the magnitude is. {capital(maps.caption())}.",
            width=4 * WIDTH + 60 + 96,
        )  # fmt: skip
        caption = f"{self.network}, {self.method} of {', '.join(self.targets[i] for i in chosen)} on {names}"
        return self.drawn(drawing, f"{caption}; {maps.caption()}", maps.ranges, range=range, page=page)

    def to_dict(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "network": self.network,
            "shape": list(self.values.shape),
            "signals": [
                {
                    "target": target,
                    "value": float(score),
                    "lowest": float(signal.min()),
                    "highest": float(signal.max()),
                    "norm": float(signal.double().norm()),
                }
                for target, score, signal in zip(self.targets, self.scores, self.values, strict=True)
            ],
        }

    def _photo(self, index: int) -> tuple[Photo, Frame]:
        return self.photos[index] if len(self.photos) > 1 else self.photos[0]


def _coloured(values: np.ndarray, high: float) -> np.ndarray:
    """A signal (C, H, W) with zero at mid-grey; images of other than three channels by their mean."""
    planes = values if len(values) == 3 else np.repeat(values.mean(0, keepdims=True), 3, 0)
    return as_rgb(np.clip(0.5 + planes.transpose(1, 2, 0) / (2 * (high or 1)), 0, 1))


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
