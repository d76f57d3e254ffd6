"""The engine: gradient ascent on an image, for any objective, kind of image, transform, prior and optimiser.

    x = image(),  s = objective(network(transform(x)), x),  image ← optimiser(ds / d image),  then what priors change

It is a generator: it yields after every step and the caller decides what to show, keep, or stop. The network runs no
further than the objective reads, in evaluation mode, and gradients are taken for the image alone, never for weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...network import Network
from ...network.room import WORTH, backward_bytes, check_room
from ...network.running.outputs import main_tensor
from .answers import HALVES
from .images.image import Image, Pixels
from .objectives import IMAGES, Objective, is_layer
from .optimisers.momentum import Momentum
from .optimisers.searches import SeparateLBFGS
from .options import generator, positive, precision
from .priors import Prior
from .transforms import Transform

TOGETHER = 4  # images that a processor computes at once: larger tensors leave its caches

Optimisers = Callable[[Iterable[Tensor]], Optimizer]


@dataclass(frozen=True, eq=False)
class Moment:
    """Where an ascent stands: the images that were scored, and what they scored."""

    step: int  # from 1
    images: Tensor = field(repr=False)  # (N, 3, H, W) in [0, 1]
    scores: Tensor  # (N,)
    parts: dict[str, Tensor] = field(repr=False)  # each term's values (N,)


def adam(rate: float = 0.05, **settings: Any) -> Optimisers:
    """Adam (D. Kingma and J. Ba 2015) with the rate that is usual for Fourier images."""
    rate = positive(rate, "rate", zero=True)
    return lambda values: torch.optim.Adam(values, lr=rate, **settings)


def adamw(rate: float, decay: float, betas: tuple[float, float] = (0.9, 0.999)) -> Optimisers:
    """Adam whose values also lose the share rate · decay at every step, whatever the gradient (I. Loshchilov and
    F. Hutter 2019): a prior that needs no weight, as it holds for objectives of every scale.
    """
    rate = positive(rate, "rate", zero=True)
    return lambda values: torch.optim.AdamW(values, lr=rate, betas=betas, weight_decay=decay)


def sgd(rate: float | Sequence[float], momentum: float = 0.0) -> Optimisers:
    """Plain gradient steps, with momentum where asked, as the papers before 2016 take them.

    Several rates are a schedule: one for each step, of which the last goes on.
    """
    several = [rate] if isinstance(rate, (int, float)) else list(rate)
    rates = [positive(each, "rate", zero=True) for each in several]
    return lambda values: Momentum(values, rates, momentum)


def lbfgs(iterations: int = 5, history: int = 10) -> Optimisers:
    """L-BFGS of each image by itself, so that images of one batch come out as they would alone; a step takes several
    iterations and evaluates the objective at least as often.
    """
    return lambda values: SeparateLBFGS(values, iterations, history)


def ascend(
    network: Network,
    objective: Objective,
    image: Image,
    *,
    steps: int,
    transform: Transform | None = None,
    optimiser: Optimisers | None = None,
    priors: Sequence[Prior] = (),
    seed: int = 0,
    precise: bool = False,
) -> Iterator[Moment]:
    """Raises the objective's score of every image, and yields where it stands after each of `steps` steps.

    A moment's images are those that its scores belong to, so the first is the start itself. `priors` are for images of
    `Pixels`. On a GPU the network computes in bfloat16 where that is enough, unless `precise`. The same seed gives the
    same images on the same machine. Continue to take moments to go on; stop taking them to stop.

    Raises ValueError where no gradient reaches the image, or where scores cease to be finite.
    """
    image.to(network.device, precision(network))
    if any(value.is_inference() for value in image.parameters()):
        raise ValueError("no gradient ascent within torch.inference_mode(), whose tensors keep none; call it outside")
    if priors and not isinstance(image, Pixels):
        raise ValueError(f"priors that change pixels need an image of pixels, not {type(image).__name__}")
    random = generator(seed)
    optimise = (optimiser or adam())(list(image.parameters()))
    scoring = _Scoring(network, objective, image, transform, random, precise)
    for number in range(1, steps + 1):
        if isinstance(optimise, SeparateLBFGS):
            moment = _searched(optimise, scoring, number, random)
        else:
            moment = scoring(number)
            optimise.step()
        if isinstance(image, Pixels):
            _changed(image, priors, number)
        image.project()
        yield moment


def _searched(optimise: SeparateLBFGS, scoring: _Scoring, number: int, generator: torch.Generator) -> Moment:
    """One step of an optimiser that evaluates the objective often, and where it began."""
    before = generator.get_state()
    moments: list[Moment] = []

    def closure() -> Tensor:
        generator.set_state(before)  # a line search compares what differs in the image alone
        moments.append(scoring(number, trial=bool(moments)))
        return -moments[-1].scores

    optimise.step(closure)
    return moments[0]


def _changed(image: Pixels, priors: Sequence[Prior], number: int) -> None:
    """Lets the priors change the pixels, after the optimiser has."""
    gradient = image.pixels.grad
    assert gradient is not None
    with torch.no_grad():
        for prior in priors:
            image.pixels.copy_(prior(image.pixels, -gradient, number))


class _Scoring:
    """Scores the images as they are, and leaves in the values' `grad` what raises the scores when it is subtracted."""

    def __init__(
        self, network: Network, objective: Objective, image: Image, transform: Transform | None,
        generator: torch.Generator, precise: bool,
    ) -> None:  # fmt: skip
        self.network, self.objective, self.image = network, objective, image
        self.transform, self.generator, self.precise = transform, generator, precise
        self.values = list(image.parameters())

    def __call__(self, step: int, trial: bool = False) -> Moment:
        """Where the images stand; ValueError where a score is not finite, unless a `trial` has gone too far."""
        with torch.inference_mode(False), torch.enable_grad():
            images = self.image()
            if step == 1 and not trial:
                _check_room(self.network, self.objective, images)
            transformed = images if self.transform is None else self.transform(images, self.generator)
            values = evaluated(self.network, self.objective, transformed, self.precise) | {IMAGES: images}
            parts, scores = self.objective.parts(values), self.objective.score(values)
        if not trial and not torch.isfinite(scores.detach().sum()):
            raise ValueError(f"the objective is not finite at step {step}; take smaller steps or lighter priors")
        for value, gradient in zip(self.values, self._gradients(scores), strict=True):
            value.grad = gradient
        return Moment(step, images.detach().clone(), scores.detach(), {k: part.detach() for k, part in parts.items()})

    def _gradients(self, scores: Tensor) -> Sequence[Tensor]:
        gradients: Sequence[Tensor | None] = ()
        if scores.requires_grad:
            gradients = torch.autograd.grad(scores, self.values, -torch.ones_like(scores), allow_unused=True)
        stated = [gradient for gradient in gradients if gradient is not None]
        if len(stated) < len(self.values):
            raise ValueError(f"no gradient comes back from {self.objective.name}: {self.network.name} keeps none there")
        return stated


def _check_room(network: Network, objective: Objective, images: Tensor) -> None:
    """ValueError where what the network keeps of many or large images for the way back is far beyond memory."""
    reads = objective.reads - {IMAGES}
    if not reads or images.nbytes < WORTH:
        return
    size = (int(images.shape[-2]), int(images.shape[-1]))
    what = f"{{}} images of {size[0]} × {size[1]} px, and what {network.name} computes of them, together"
    each = backward_bytes(network, size, reads) + 3 * images[0].nbytes
    check_room(len(images), each, what, device=network.device)


def evaluated(network: Network, objective: Objective, images: Tensor, precise: bool = False) -> dict[str, Tensor]:
    """What the objective reads of the network for the images (N, 3, H, W) in [0, 1]; `precise` as in `ascend`."""
    reads = objective.reads - {IMAGES}
    if not reads:
        return {}
    x = network.normalise(images).contiguous(memory_format=torch.channels_last)
    kind = network.device.type
    several = x.split(TOGETHER if kind == "cpu" else len(x))
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda" and not precise):
        records = [network.record(part, *reads) for part in several]
    tensors = {  # attention gives several
        address: [each for values in records if (each := main_tensor(values[address])) is not None]
        for address in records[0]
    }
    size = (int(x.shape[-2]), int(x.shape[-1]))
    whole = {address: _joined(network, address, parts, size) for address, parts in tensors.items() if parts}
    return {key: each.float() if each.dtype in HALVES else each for key, each in whole.items()}


def _joined(network: Network, name: str, parts: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """What the network gives at an address, of all parts of a batch."""
    if len(parts) == 1:
        return parts[0]
    address = network.address(name, size)
    return torch.cat(list(parts), network.layer(address.layer, size).batch if is_layer(address) else 0)


def scored(network: Network, objective: Objective, images: Tensor) -> Tensor:
    """The objective's scores (N,) of the images as they are, without a transform; no gradient."""
    with torch.no_grad():
        values = evaluated(network, objective, images, precise=True) | {IMAGES: images}
        return objective.score(values)
