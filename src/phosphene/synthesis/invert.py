"""Inversion: images whose activations at a layer come close to those of a photo. What they differ in, the layer lost.

    x* = argmin |φ(x) − φ0|² / |φ0|² + λ_α R_α(x) + λ_V V^β(x),    φ0 = φ(photo), x from noise

A. Mahendran and A. Vedaldi, Understanding deep image representations by inverting them, CVPR 2015, with α = 6 and
β = 2. They choose λ by layer. Here one rule serves every layer and photo: the photo itself would cost `prior`,

    λ_V = 0.9 prior / V(photo),    λ_α = 0.1 prior / R_α(photo)

As the photo's own error is 0, the best image costs no more than `prior`, and so its error is no larger, at any layer.
Where the paper takes steps with momentum on pixels, we optimise a spectrum (`images.Fourier`) by L-BFGS, each image by
itself: docs/methods/invert.md shows what that changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from ..instrument import instrument
from ..network import Network
from ..showing import named
from .ascent import Optimisers, adam, ascend, lbfgs
from .codes import Code, code, reading
from .images import Fourier, Image, Squashed, noise
from .inversion import Inversion
from .objectives import IMAGES, Objective, Size, objective
from .options import count, positive, seen_images
from .parted import parted
from .priors import alpha_norm, total_variation
from .synthesize import Space

ERROR = "normalised error"
ALPHA, BETA = 6.0, 2.0  # the paper's
SHARE = 0.1  # of the prior that R_α has; the sigmoid keeps values in range already
LEAST = 1e-4  # of V or R_α of a photo; below it is flat, and any image would be too dear


@instrument
def invert(
    network: Network,
    images: Any,
    layer: str,
    *,
    restarts: int = 1,
    steps: int = 50,
    prior: float = 0.02,
    seed: int = 0,
    space: Space = "fourier",
    optimiser: Literal["lbfgs", "adam"] = "lbfgs",
) -> Iterator[Inversion]:
    """Images that a layer takes for the photo, made from noise: what the layer still knows of it.

    `errors` of the result are |φ(x) − φ0|² / |φ0|², one an image; of several photos, each has `restarts` images, one
    after the other. Raises LookupError for a layer that is not there, ValueError for one that keeps no gradient.

    - `layer`: whose activations are to be the photo's: a layer, one channel or unit of it, or 'logits'
    - `restarts`: images of each photo, from different noise, in one batch
    - `steps`: how many steps; with lbfgs each evaluates the network about six times
    - `prior`: how dear the photo itself is by its variation and contrast, as a share of φ0; more makes smoother images
    - `seed`: the noise; the same seed gives the same images
    - `space`: what is optimised: a spectrum in decorrelated colours (fourier), or the pixels
    - `optimiser`: L-BFGS, each image by itself, or Adam
    """
    if optimiser not in _OPTIMISERS:
        raise ValueError(f"an optimiser is {' or '.join(_OPTIMISERS)}, not {optimiser!r}")
    photos = seen_images(network, images).repeat_interleave(count(restarts, "restarts"), 0)
    height, width = photos.shape[-2:]
    read = code(network, layer, (height, width))
    value = reading(network, {layer: read}, photos)[layer]
    aim = inverted(read, value) - positive(prior, "prior") * likely(photos)
    start = _started(space, len(photos), (height, width), seed)
    moments = ascend(network, aim, start, steps=count(steps, "steps"), optimiser=_OPTIMISERS[optimiser], precise=True)
    titles = tuple(f"image {index + 1}" for index in range(len(photos)))
    how = f"{_SPACES[space]}, {_NAMES[optimiser]}, prior {prior:g}"
    yield from parted(
        network, aim, start, moments, steps, Inversion,
        titles=titles, how=how, seed=seed, originals=photos.cpu(), layer=named(network, read.address),
        restarts=restarts, code_size=read(value).shape[1],
    )  # fmt: skip


_OPTIMISERS: dict[str, Optimisers] = {"lbfgs": lbfgs(history=20), "adam": adam()}
_NAMES = {"lbfgs": "L-BFGS", "adam": "Adam"}
_SPACES = {"fourier": "from noise, a Fourier image in decorrelated colours", "pixels": "from noise, an image of pixels"}


def _started(space: Space, many: int, size: Size, seed: int) -> Image:
    """Noise about as strong as photos are; from weaker, deep layers answer nothing that leads anywhere."""
    generator = torch.Generator().manual_seed(seed)
    if space == "fourier":
        return Fourier(many, size, deviation=0.1, generator=generator)
    if space == "pixels":
        return Squashed(noise(many, size, deviation=0.2, generator=generator))
    raise ValueError(f"an image is optimised as fourier or pixels, not {space!r}")


def inverted(read: Code, value: Tensor) -> Objective:
    """Minus the normalised error against the code of `value`, (N,)."""
    wanted = read(value).detach()
    norm = wanted.square().sum(1)
    if not norm.all():
        raise ValueError(
            f"{read.reads} is 0 everywhere for this photo: there is nothing to invert; choose another layer"
        )
    return -objective(ERROR, read.reads, lambda found: (read(found) - wanted).square().sum(1) / norm)


def likely(photos: Tensor) -> Objective:
    """R_α and V^β as shares of what the photos (N, 3, H, W) have: 1 for the photos themselves."""
    terms = []
    for weight, term in ((1 - SHARE, total_variation(BETA)), (SHARE, alpha_norm(ALPHA))):
        usual = term.score({IMAGES: photos}).clamp(min=LEAST)
        terms.append(weight * objective(f"{term.name} beside the photo's", IMAGES, _relative(term, usual)))
    return terms[0] + terms[1]


def _relative(term: Objective, usual: Tensor) -> Any:
    return lambda images: term.score({IMAGES: images}) / usual
