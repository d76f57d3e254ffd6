"""Changes of an image within a ball: the fast gradient sign method and projected gradient descent, on the engine.

    FGSM  x' = x + epsilon sign(dJ/dx)                                       (I. Goodfellow et al. 2014, section 4)
    PGD   x_{t+1} = project(x_t + rate d(dJ/dx)),  d = sign or g / |g|_2     (A. Madry et al. 2017, eq. 2)

J is the cross-entropy of the class to get away from, or, with the other sign, of the class to reach. The projection is
on the ball of radius epsilon about x, in the L-infinity or the L2 norm of the pixels in [0, 1], and on the box [0, 1].
Both are an `ascend` of that objective on an image of pixels: the optimiser takes steps of one length, the ball is a
prior, and the box is every image's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ....network import Network
from ..answers import LOGITS
from ..ascent import Moment, ascend
from ..images.image import Pixels
from ..objectives import Objective, objective
from ..options import generator

Norm = Literal["linf", "l2"]
NORMS = {"linf": "L∞", "l2": "L2"}
USUAL = {"linf": 4 / 255, "l2": 1.0}  # both far below what a person sees in a photo of 224 × 224 pixels
SHARE = (
    2.5  # of epsilon that all steps together may go, so that the ball's border can be reached and walked along (Madry)
)


@dataclass(frozen=True)
class Ball:
    """A prior: what has left the ball about `centre` (N, 3, H, W) is brought back to its border."""

    centre: Tensor
    epsilon: float
    norm: Norm

    def __call__(self, pixels: Tensor, gradient: Tensor, number: int) -> Tensor:
        change = pixels - self.centre
        if self.norm == "linf":
            return self.centre + change.clamp(-self.epsilon, self.epsilon)
        return self.centre + change * (self.epsilon / lengths(change).clamp(min=1e-12)).clamp(max=1)


class Steepest(torch.optim.Optimizer):
    """Steps of the length `rate`, in the norm, in the direction that changes the objective most.

    Each step is `shrink` times as long as the one before.
    """

    def __init__(self, values: Iterable[Tensor], rate: float, norm: Norm, shrink: float = 1.0) -> None:
        super().__init__(values, {"rate": rate, "norm": norm, "shrink": shrink})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for value in group["params"]:
                value.sub_(group["rate"] * steepest(value.grad, group["norm"]))
            group["rate"] *= group["shrink"]


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """The direction (N, 3, H, W) of length 1 in the norm along which a function with this gradient grows most."""
    return gradient.sign() if norm == "linf" else gradient / lengths(gradient).clamp(min=1e-30)


def lengths(values: Tensor) -> Tensor:
    """The L2 norm of each image, (N, 1, 1, 1)."""
    return values.flatten(1).norm(dim=1)[:, None, None, None]


def away_from(network: Network, classes: list[int], names: str) -> Objective:
    """The cross-entropy of each image's class, to be raised."""
    return objective(f"cross-entropy of {names}", LOGITS, lambda scores: -log_probability(network, scores, classes))


def towards(network: Network, classes: list[int], names: str) -> Objective:
    """The log-probability of each image's class, to be raised."""
    return objective(f"log-probability of {names}", LOGITS, lambda scores: log_probability(network, scores, classes))


def log_probability(network: Network, scores: Tensor, classes: list[int]) -> Tensor:
    """Each image's log-probability of its own class, (N,)."""
    return network.log_probabilities(scores)[torch.arange(len(scores)), torch.tensor(classes)]


def bounded(
    network: Network, aim: Objective, original: Tensor, *, norm: Norm, epsilon: float, steps: int,
    rate: float | None = None, random: bool = True, seeds: Sequence[int] = (),
) -> tuple[Pixels, Iterator[Moment]]:  # fmt: skip
    """Images within `epsilon` of `original` (N, 3, H, W) that raise `aim`, and the moments of their ascent.

    One step of the rate epsilon that does not start at random is FGSM; the rate is otherwise 2.5 epsilon / steps. Each
    image starts by its own one of `seeds`, so that it comes out the same in any batch.
    """
    ball = Ball(original, epsilon, norm)
    start = original
    if random:
        start = ball(original + scattered(original, epsilon, norm, seeds), original, 0).clamp(0, 1)
    image = Pixels(start)
    length = rate if rate is not None else epsilon if steps == 1 else SHARE * epsilon / steps
    optimiser: Callable[[Iterable[Tensor]], torch.optim.Optimizer] = lambda values: Steepest(values, length, norm)  # noqa: E731
    moments = ascend(network, aim, image, steps=steps, optimiser=optimiser, priors=[ball], precise=True)
    return image, moments


def scattered(like: Tensor, epsilon: float, norm: Norm, seeds: Sequence[int]) -> Tensor:
    """Changes (N, 3, H, W) drawn evenly from the ball, each by its own seed."""
    changes = []
    for seed in seeds:
        random = generator(seed)
        if norm == "linf":
            changes.append((2 * torch.rand(like.shape[1:], generator=random) - 1) * epsilon)
        else:
            direction = torch.randn(like.shape[1:], generator=random)
            radius = torch.rand(1, generator=random) ** (1 / direction.numel())
            changes.append(epsilon * radius * direction / direction.norm())
    return torch.stack(changes).to(like)


def epsilon_of(radius: float | str | None, norm: Norm) -> float:
    """The ball's radius, of a number or of a text such as '4/255'. Raises ValueError for what is none, also no norm."""
    if norm not in NORMS:
        raise ValueError(f"a norm is {' or '.join(NORMS)}, not {norm!r}")
    if radius is None:
        return USUAL[norm]
    try:
        if isinstance(radius, str):
            above, _, below = radius.partition("/")
            radius = float(above) / float(below or 1)
        result = float(radius)
    except (ValueError, TypeError, ZeroDivisionError):
        raise ValueError(f"epsilon is a number or a fraction such as '4/255', not {radius!r}") from None
    if not 0 < result < float("inf"):
        raise ValueError(f"epsilon is above 0, in units of pixels in [0, 1]; it came as {result:g}")
    return result


def radius_text(epsilon: float, norm: Norm) -> str:
    """The radius in words: 'L∞ 4/255', 'L2 0.5'."""
    return f"{NORMS[norm]} {epsilon * 255:.3g}/255" if norm == "linf" else f"{NORMS[norm]} {epsilon:.3g}"
