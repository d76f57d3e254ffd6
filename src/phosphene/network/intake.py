"""What a network is given: photos, images, or tensors that are its input already, and what of these it can't take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .frame import Frame
from .heads import noise
from .inputs import HasSides, Images, check, no_image, photos_in
from .module import input_channels, tensors_of
from .preprocessing import HasPixels, Preprocessing
from .running.recording import recorded
from .running.refusing import other_dimensions
from .running.seam import OUTPUT
from .survey import survey


class Intake:
    """The side of a network that faces images; `Network` adds what it computes from them."""

    module: nn.Module

    def __init__(self, preprocessing: Preprocessing | None) -> None:
        self._given_channels = preprocessing.channels if preprocessing else None
        self._channels: int | None = None
        grey = input_channels(self.module) == 1
        self.preprocessing = preprocessing or Preprocessing.plain(channels=1 if grey else 3)
        self._no_images = other_dimensions(self.module, self.name)  # unless it runs on images all the same

    @property
    def name(self) -> str:
        """What to call it in captions."""
        return type(self.module).__name__

    @property
    def channels(self) -> int | None:
        """How many channels its input has, by its preprocessing and its first convolution; None where neither tells.

        Where the two differ, or the convolution takes what is no image, the network is tried.
        """
        if self._channels is None:
            first, stated = input_channels(self.module), self._given_channels
            if first is None or first == stated or (stated is None and first in (1, 3)):
                self._channels = stated if first is None else first
            else:
                self._channels = self._tried([stated, first] if stated else [first, 3, 1])
        return self._channels

    def _tried(self, counts: Sequence[int]) -> int:
        """The first number of channels that the network runs on; the first of all where it runs on none."""
        for channels in counts:
            try:
                survey(self.module, (channels, *self.preprocessing.size), self.dtype, self.device)
            except ValueError:
                continue
            return channels
        return counts[0]

    def _check_dimensions(self, shape: tuple[int, ...]) -> None:
        """ValueError for a network of sequences or volumes that takes no two images (C, H, W).

        Its convolutions would take one for a volume, or a sequence, without its batch.
        """
        if self._no_images is None:
            return
        images = noise((int(shape[0]), int(shape[1]), int(shape[2]))).to(self.device, self.dtype)
        try:
            recorded(self.module, images, {OUTPUT})
        except ValueError:
            raise ValueError(self._no_images) from None
        self._no_images = None

    def _check_photos(self) -> None:
        """ValueError for a network whose inputs have more channels than a photo, or fewer."""
        if self.channels not in (None, self.preprocessing.channels):
            raise ValueError(no_image(self.name, self.channels or 0, self.preprocessing.channels))

    def prepare(self, photo: HasPixels | np.ndarray) -> Tensor:
        """The network's input (1, C, H, W) for a photo, preprocessing done, on the network's device."""
        self._check_photos()
        return self.preprocessing.prepare(photo).to(self.device, self.dtype)

    def normalise(self, images: Tensor) -> Tensor:
        """The network's input values for images (N, 3, H, W) in [0, 1]; the size stays."""
        self._check_photos()
        return self.preprocessing.normalise(images)

    def denormalise(self, x: Tensor) -> Tensor:
        """The images (N, 3, H, W) of input values (N, C, H, W): the inverse of `normalise`, nothing clipped."""
        self._check_photos()
        return self.preprocessing.denormalise(x)

    def inputs(self, images: Images) -> Tensor:
        """The network's input (N, C, H, W) for a photo, several photos, or a tensor that is already one.

        Raises ValueError for a tensor of another shape, type or number of channels, or with values that are not finite.
        """
        if isinstance(images, Tensor):
            if self._no_images and images.ndim != 4:
                raise ValueError(self._no_images)
            check(images, self.channels, self.name)
            self._check_dimensions(tuple(images.shape[1:]))
            return images.to(self.device, self.dtype)
        self._check_dimensions((self.channels or 3, *self.preprocessing.size))
        return torch.cat([self.prepare(photo) for photo in photos_in(images)])

    def frame(self, photo: HasSides) -> Frame:
        """Where the network's input lies in the photo's pixels."""
        return self.preprocessing.frame(photo.height, photo.width)

    @property
    def device(self) -> torch.device:
        return next((p.device for p in tensors_of(self.module)), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        return next((p.dtype for p in tensors_of(self.module) if p.is_floating_point()), torch.get_default_dtype())
