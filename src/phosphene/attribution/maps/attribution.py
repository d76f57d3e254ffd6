"""What every attribution is: for each target one map over the image, that can be laid over the photo."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from ...input_photo import photo_of
from ...instrument import Result
from ...network import Frame, Network
from ...picture import Photo, resample


def photo_fields(network: Network, images: Any) -> dict[str, Any]:
    """What a result needs to draw maps over the images: the network's name, and each photo with its input's frame."""
    count = len(images) if isinstance(images, (Tensor, list, tuple)) else 1
    return {"network": network.name, "photos": tuple(photo_of(network, images, index) for index in range(count))}


@dataclass(frozen=True, eq=False, kw_only=True)
class Attribution(Result, ABC):
    """Maps of what matters to a value, one for each target, in the coordinates of the network's input."""

    method: str  # in words, for captions
    network: str
    targets: tuple[str, ...]
    scores: Tensor = field(repr=False)  # (N,): the targets' own values
    photos: tuple[tuple[Photo, Frame], ...] = field(repr=False)  # one for each target, or one for all

    @property
    @abstractmethod
    def maps(self) -> Tensor:
        """(N, H, W): a number for each pixel of the input; NaN where nothing is known."""

    @property
    @abstractmethod
    def signed(self) -> bool:
        """Whether negative numbers speak against the target; if not, only magnitudes are there."""

    def note(self, index: int) -> str:
        """What every sheet says of map number `index` beside its range, such as how much of the score it holds."""
        return ""

    @property
    def names(self) -> str:
        """The photos' names, for captions."""
        return ", ".join(dict.fromkeys(photo.name for photo, _ in self.photos))

    def photo(self, index: int) -> tuple[Photo, Frame]:
        """The photo of target number `index`, and where the network's input lies in it."""
        return self.photos[index] if len(self.photos) > 1 else self.photos[0]

    def in_photo(self, index: int = 0) -> np.ndarray:
        """Map number `index` at every pixel of its photo (height, width); NaN where the network does not look."""
        photo, frame = self.photo(index)
        box = frame.to_photo(frame.whole_input).as_tuple()
        values, inside = resample(self.maps[index].float().cpu().numpy(), photo.height, photo.width, box=box)
        return np.where(inside, values, np.nan)
