"""Inversion: images whose activations at a layer come close to those of a photo. What they differ in, the layer lost.

    x* = argmin |φ(x) − φ0|² / |φ0|² + λ_α R_α(x) + λ_V V^β(x),    φ0 = φ(photo), x from noise

A. Mahendran and A. Vedaldi, Understanding deep image representations by inverting them, CVPR 2015, with α = 6 and
β = 2. They choose λ by layer. Here one rule serves every layer and photo: the photo itself would cost `prior`,

    λ_V = 0.5 prior / V(photo),    λ_α = 0.5 prior / R_α(photo)

As the photo's own error is 0, the best image costs no more than `prior`, and so its error is no larger, at any layer.
A layer that ends in a rectifier has no slope where it is off; there `rectified.py` adds what the rectifier cut off.

Where the paper takes steps with momentum on pixels, we optimise a spectrum (`images.Fourier`): first by Adam, with an
image that is shifted at every step (as in their Visualizing deep convolutional neural networks using natural
pre-images, IJCV 2016) under priors ten times as strong, then by L-BFGS. With `optimiser` 'momentum' the steps are the
paper's: on pixels, v ← 0.9 v − η σ² ∇E and x ← x + v, with the rates η of their program. σ is the norm of a natural
image, so that rates hold for images of every size and scale. docs/methods/invert.md shows what each changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import torch
from torch import Tensor

from ...input_photo import named
from ...instrument import instrument
from ...instrument.roles import Images, LayerName
from ...network import Network
from ...picture import Photo
from ..engine.ascent import Moment, Optimisers, adam, ascend, lbfgs, sgd
from ..engine.images.image import Fourier, Image, Pixels, Squashed, noise
from ..engine.layers.codes import Code, code, reading
from ..engine.named import Priors
from ..engine.objectives import IMAGES, Objective, Size, objective
from ..engine.options import generator, image_count, positive, seen_images, start_images, step_count
from ..engine.parted import parted
from ..engine.priors import alpha_norm, total_variation
from ..engine.settings import Settings
from ..engine.transforms import Roll
from ..synthesize import Space
from .rectified import cut_off, rectified_by
from .result import Inversion

Optimiser = Literal["both", "lbfgs", "adam", "momentum"]

ERROR = "normalised error"
ALPHA, BETA = 6.0, 2.0  # the paper's
SHARE = 0.5  # of the prior that R_α has
DEARER = 10  # times the prior, while the image is shifted
EVALUATIONS = 10  # of the network in a step, about
HISTORY = 30  # differences that L-BFGS keeps
STEPS = ((8, 10), (32, 20), (float("inf"), 32))  # for layers with a stride (pixels) below
RECTIFIED = 1.5  # times as many
MOMENTUM = 0.9
SCHEDULE = ((0.004, 100), (0.0004, 200), (0.00004, 100))  # rates η, and for how many evaluations: deep-goggle,
# experiments/experiment_cnn.m, whose rates are 1, a tenth and a hundredth of 0.004
CONTRAST = 0.25  # standard deviation of a photo's pixels; σ² is its square, for every value of an image
LEAST = 1e-4  # of V or R_α of a photo; below it is flat, and any image would be too dear


@instrument
def invert(
    network: Network,
    images: Images,
    layer: LayerName,
    *,
    restarts: int = 1,
    steps: int | None = None,
    prior: float = 0.02,
    seed: int = 0,
    start: Photo | Tensor | None = None,
    space: Space | None = None,
    optimiser: Optimiser = "both",
    priors: Priors | None = None,
) -> Iterator[Inversion]:
    """Images made from noise that have the photo's values at a layer: what the layer still contains of the photo.

    `errors` of the result are `|φ(x) − φ0|² / |φ0|²`, one for each image; for several photos, each has `restarts`
    images, one after the other. `start` may also be the `images` (N, 3, H, W) of an earlier result. Raises LookupError
    for a layer that does not exist, ValueError for one that passes no gradient.

    - `layer`: whose activations should equal the photo's: a layer, one channel or unit of it, or 'logits'
    - `restarts`: how many images for each photo, from different noise, in one batch
    - `steps`: how many steps, each of about ten evaluations of the network; if not given, 10 for layers with strides
      below 8 pixels, 20 below 32, 32 for deeper ones, vectors and the scores, half as many again for rectified layers;
      40 with momentum
    - `prior`: the cost of the photo's own variation and contrast, as a share of φ0; more makes smoother images
    - `seed`: seed of the noise; the same seed gives the same images
    - `start`: an image to start from instead of noise; L-BFGS then starts at once
    - `space`: what is optimised: a spectrum in decorrelated colours (fourier), or the pixels; if not given, a spectrum,
      and pixels with momentum
    - `optimiser`: L-BFGS, for deeper layers after Adam on a shifted image (both), one of them without shifts, or the
      paper's gradient descent on pixels with momentum and falling rates
    - `priors`: what images should be like, such as usual,tv:0.1, or none: tv, l2, lp, for a spectrum spectrum and
      colours, with momentum also those that change pixels, as for synthesize; 'usual' stands for those that `prior`
      weighs. There are no transforms: the values of every place are compared with the photo's at the same place
    """
    if optimiser not in _OPTIMISERS:
        raise ValueError(f"an optimiser is {' or '.join(_OPTIMISERS)}, not {optimiser!r}")
    space = space or ("pixels" if optimiser == "momentum" else "fourier")
    if optimiser == "momentum" and space == "fourier":
        raise ValueError("momentum takes the paper's steps on pixels, not on a spectrum; leave out the space")
    photos = seen_images(network, images)
    size = (int(photos.shape[-2]), int(photos.shape[-1]))
    photos = photos.repeat_interleave(image_count(restarts, "restarts", size, network, [layer], each=len(photos)), 0)
    height, width = photos.shape[-2:]
    start_pixels = None if start is None else start_images(network, start, len(photos), (height, width))
    read = code(network, layer, (height, width))
    value = reading(network, {layer: read}, photos)[layer]
    before = rectified_by(network, read, photos)
    plan = planned(read, (height, width), steps, optimiser, rectified=before is not None, begun=start is not None)
    match = inverted(read, value, before)
    settings = _settings(space, optimiser, positive(prior, "prior") * likely(photos, SHARE), priors)
    aim = settings.less_costs(match)
    image = _started(settings, optimiser, len(photos), (height, width), seed, start_pixels)
    first = ascend(
        network, _dearer(match, settings.cost) if plan.jitter else aim, image, steps=plan.first * EVALUATIONS,
        optimiser=_first(plan, (height, width)), transform=Roll(plan.jitter) if plan.jitter else None, seed=seed,
        priors=settings.changes, precise=True,
    )  # fmt: skip
    then = ascend(
        network, aim, image, steps=plan.steps - plan.first, optimiser=lbfgs(EVALUATIONS, HISTORY), precise=True
    )
    moments = _together(aim, (moment for moment in first if moment.step % EVALUATIONS == 0), then)
    titles = tuple(f"image {index + 1}" for index in range(len(photos)))
    how = f"from {'noise' if start is None else 'a given start'}, {_image(settings)}, {plan}, prior {prior:g}"
    how += f", {settings.priors_text}" if settings.priors_text else ""
    yield from parted(
        network, aim, image, moments, plan.steps, Inversion,
        titles=titles, how=how, seed=seed, originals=photos.cpu(), layer=named(network, read.address),
        restarts=restarts, code_size=read(value).shape[1], plan=str(plan),
    )  # fmt: skip


_OPTIMISERS = ("both", "lbfgs", "adam", "momentum")


def _settings(space: str, optimiser: Optimiser, usual: Objective, priors: Priors | None) -> Settings:
    if space not in ("fourier", "pixels"):
        raise ValueError(f"an image is optimised as fourier or pixels, not {space!r}")
    kind = "squashed" if space == "pixels" and optimiser != "momentum" else space
    return Settings(kind, (usual,), fades=False).override(priors)


def _dearer(match: Objective, cost: Objective | None) -> Objective:
    """The objective while the image is shifted."""
    return match if cost is None else match - DEARER * cost


def _image(settings: Settings) -> str:
    return f"{'a' if settings.space == 'fourier' else 'an'} {settings.image}"


@dataclass(frozen=True)
class Plan:
    """How many steps of all, how many of them the first optimiser's, and by how many pixels the image is shifted."""

    steps: int
    first: int
    jitter: int
    momentum: bool = False  # whether the first optimiser is gradient descent with momentum, in the place of Adam

    def __str__(self) -> str:
        shifted = f" under shifts of up to {self.jitter} px" if self.jitter else ""
        by = f"gradient descent with momentum {MOMENTUM:g}" if self.momentum else f"Adam{shifted}"
        phases = [f"{self.first} × {EVALUATIONS} steps of {by}"] if self.first else []
        last = self.steps - self.first
        return " then ".join([*phases, *([f"{last} × {EVALUATIONS} of L-BFGS"] if last else [])])


def planned(
    read: Code, size: Size, steps: int | None, optimiser: Optimiser = "both", *, rectified: bool = False,
    begun: bool = False,
) -> Plan:  # fmt: skip
    """What suits a layer: the coarser its places, the more steps, and the further an image may be shifted.

    A shift by a quarter of the way between two places changes the layer little, and early layers need none. A vector's
    way is the image's own side. Images that are `begun` elsewhere are not shifted.
    """
    if optimiser == "momentum":
        total = sum(length for _, length in SCHEDULE) // EVALUATIONS if steps is None else step_count(steps)
        return Plan(total, total, 0, momentum=True)
    side, rows = min(size), max(read.layer.maps_shape[1], 1)
    stride = side / rows if read.layer.layout is not None else side
    usual = next(number for most, number in STEPS if stride < most)
    usual = int(usual * RECTIFIED) if rectified else usual
    total = usual if steps is None else step_count(steps)
    jitter = min(int(stride / 4), side // 28) if optimiser == "both" and stride >= 8 and not begun else 0
    first = {"adam": total, "lbfgs": 0, "both": total // 3 if jitter else 0}[optimiser]
    return Plan(total, first, jitter if first else 0)


def _first(plan: Plan, size: Size) -> Optimisers:
    if not plan.momentum:
        return adam()
    scale = CONTRAST**2 * 3 * size[0] * size[1]
    return sgd([scale * rate for rate in scheduled(plan.first * EVALUATIONS)], MOMENTUM)


def scheduled(evaluations: int) -> list[float]:
    """The paper's rates, one for each evaluation; each for the share of them that it has of the published 400."""
    parts = sum(length for _, length in SCHEDULE)
    ends = [evaluations * sum(length for _, length in SCHEDULE[: k + 1]) // parts for k in range(len(SCHEDULE))]
    return [next(rate for (rate, _), end in zip(SCHEDULE, ends, strict=True) if t < end) for t in range(evaluations)]


def _together(aim: Objective, *phases: Iterator[Moment]) -> Iterator[Moment]:
    """The moments of both phases, numbered through, and scored by the second's objective."""
    for number, moment in enumerate(chain(*phases), 1):
        scores = torch.stack([weight * moment.parts[term.name] for weight, term in aim.terms]).sum(0)
        yield replace(moment, step=number, scores=scores)


def _started(
    settings: Settings, optimiser: str, many: int, size: Size, seed: int, start_pixels: Tensor | None
) -> Image:
    """Noise strong enough for restarts to end apart; photos have spectra about four times as strong."""
    draws = generator(seed)
    if settings.space == "fourier":
        options = settings.spectrum_options
        if start_pixels is not None:
            return Fourier.of(start_pixels, **options)
        return Fourier(many, size, deviation=0.1, generator=draws, **options)
    kind: type[Pixels] | type[Squashed] = Pixels if optimiser == "momentum" else Squashed
    deviation = CONTRAST if optimiser == "momentum" else 0.2  # the paper's noise has the norm σ
    return kind(noise(many, size, deviation=deviation, generator=draws) if start_pixels is None else start_pixels)


def inverted(read: Code, value: Tensor, before: Code | None) -> Objective:
    """Minus the normalised error against the code of `value`, (N,), and minus what was cut off of `before`, if any."""
    features = read(value).detach()
    norm = features.square().sum(1)
    if not norm.all():
        raise ValueError(
            f"{read.reads} is 0 everywhere for this photo: there is nothing to invert; choose another layer"
        )
    error = objective(ERROR, read.reads, lambda recorded: (read(recorded) - features).square().sum(1) / norm)
    return -error if before is None else -error - cut_off(read, before, features, norm)


def likely(photos: Tensor, share: float = 0.1) -> Objective:
    """R_α and V^β as shares of what the photos (N, 3, H, W) have: 1 for the photos themselves, `share` of it by R_α."""
    terms = []
    for weight, term in ((1 - share, total_variation(BETA)), (share, alpha_norm(ALPHA))):
        usual = term.score({IMAGES: photos}).clamp(min=LEAST)
        terms.append(weight * objective(f"{term.name} beside the photo's", IMAGES, _relative(term, usual)))
    return terms[0] + terms[1]


def _relative(term: Objective, usual: Tensor) -> Any:
    return lambda images: term.score({IMAGES: images}) / usual
