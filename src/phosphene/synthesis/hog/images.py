"""Images made to have a given HOG descriptor, by gradient descent through it.

    minimise |phi(x) - phi_0|^2 / |phi_0|^2 over grey images x in [0, 1]

phi is the descriptor (network/hog.py), as a network; the loop is that of every other recipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network import Network, Preprocessing
from ...network.hog import Settings
from ...picture import Photo, read
from ..engine.ascent import Moment, ascend
from ..engine.images.image import Fourier, Pixels
from ..engine.objectives import IMAGES, Objective, Size, objective
from ..engine.priors import total_variation
from ..engine.synthesis import pixels
from .hog import descriptor

ERROR = "− squared error of HOG"
FIRST, LAST = 0.01, 0.0003  # rates of Adam at the first and the last step


class Grey(Pixels):
    """Pixels (N, 1, H, W) whose three colours are equal, since HOG knows no colour."""

    def forward(self) -> Tensor:
        return self.pixels.expand(-1, 3, -1, -1)


class GreySpectrum(Fourier):
    """The sigmoid of one spectrum, for all three colours: noise that falls as f to the power of -1.3."""

    def __init__(self, count: int, size: Size, generator: torch.Generator) -> None:
        super().__init__(count, size, deviation=0.06, decay=1.3, decorrelated=False, generator=generator)
        self.spectrum = torch.nn.Parameter(self.spectrum.detach()[:, :1].clone())
        self.colours = torch.ones(3, 1)


class Cooling(torch.optim.Adam):
    """Adam whose rate falls by the same factor at every step, since the descriptor has a kink wherever a pixel's
    gradient is nothing, at which steps of one size go on to jump about.
    """

    def __init__(self, values: Iterable[Tensor], steps: int) -> None:
        super().__init__(values, lr=FIRST)
        self.factor = (LAST / FIRST) ** (1 / max(1, steps - 1))

    def step(self, closure: Any = None) -> Any:
        result = super().step(closure)
        for group in self.param_groups:
            group["lr"] *= self.factor
        return result


def likened(network: Network, goal: Tensor, image: Grey, steps: int, seed: int) -> Iterator[Moment]:
    """The moments of an ascent that brings the descriptors of `image` close to that of `goal` (1, 3, H, W)."""
    likeness = like(described(network, goal))
    return ascend(
        network, likeness, image, steps=steps, optimiser=lambda values: Cooling(values, steps), seed=seed, precise=True
    )


def described(network: Network, goal: Tensor) -> Tensor:
    """The descriptor (1, D) of `goal` (1, 3, H, W). ValueError where it is nothing."""
    with torch.no_grad():
        descriptor = network.record(network.normalise(goal), "logits")["logits"]
    if not descriptor.any():
        raise ValueError("the photo has no edges, and so its descriptor is nothing; choose another")
    return descriptor


def like(descriptor: Tensor) -> Objective:
    """Minus the squared distance of a descriptor from the one that is wanted (1, D), over its squared length."""
    length = descriptor.square().sum()
    return objective(ERROR, "logits", lambda value: -(value - descriptor).square().sum(1) / length)


def unevenness() -> Objective:
    """The total variation of images over the variance of their pixels, (N,): as HOG, it does not mind contrast."""

    def measure(images: Tensor) -> Tensor:
        varied = images.flatten(1).var(1, correction=0).clamp(min=1e-6)
        return total_variation().score({IMAGES: images}) / varied

    return objective("total variation over variance", IMAGES, measure)


def distance(one: np.ndarray, other: np.ndarray, settings: Settings) -> float:
    """|phi(x) - phi(y)| / |phi(y)| of two images (H, W, 3), uint8, with scikit-image's descriptor."""
    first, second = (descriptor(image, settings) for image in (one, other))
    return float((first - second).norm() / second.norm())


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The root of the mean squared difference of two images, uint8, in units of pixels in [0, 1]."""
    return float(np.sqrt(np.square((one.astype(np.float64) - other) / 255).mean()))


def fitted(photo: Photo, size: Size, settings: Settings) -> Photo:
    """The photo with its shorter side brought to the size, its middle cut out, in grey."""
    settings.check(*size)
    how = Preprocessing(size=size, resize=size)
    image = how.denormalise(how.prepare(photo))
    return replace(read(pixels(grey(image))[0]), name=photo.name)


def grey(images: Tensor) -> Tensor:
    """The images (N, 3, H, W) without colour."""
    weights = images.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    return (images * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1).clamp(0, 1)


def as_image(photo: Photo) -> Tensor:
    """A photo's pixels as (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(photo.pixels.copy()).permute(2, 0, 1)[None].float() / 255
