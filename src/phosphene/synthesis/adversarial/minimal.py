"""The smallest change of an image that makes a network answer a chosen class (C. Szegedy et al. 2013, section 4.1).

    minimise  c |r|^2 + loss(x + r, label)  subject to  x + r in [0, 1]^m

by box-constrained L-BFGS, with a line search over c: the smaller the weight c of the norm, the surer the label. A
minimiser for the largest c that still reaches the label is the smallest change found. As the field does we take the
square of the norm; for convex losses the result is the same smallest change, and the problem is smooth at r = 0. The
loss is the cross-entropy.

An image counts as changed to the label only if it still is when it is rounded to 8 bits, as files hold it: changes
below half a 255th vanish there. Changes that reach the label but do not survive the rounding are kept only where none
survives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ...network import Network
from ..engine.answers import answers, rounded
from ..engine.ascent import evaluated
from ..engine.objectives import Objective
from ..engine.optimisers.bounded import towards

FACTOR = 10.0  # between two weights, until the label is reached with one and missed with the other


@dataclass(frozen=True)
class Change:
    """The smallest change so far: the image (1, 3, H, W), its distance, and whether it reaches the label."""

    image: Tensor = field(repr=False)
    norm: float  # L2
    reached: bool  # as it is
    survives: bool  # also rounded to 8 bits
    weight: float  # c, of the search that found it


def minimal_perturbations(
    network: Network, original: Tensor, label: int, *, searches: int, iterations: int, survive: bool = True
) -> Iterator[Change]:
    """The smallest change of one image (1, 3, H, W) known after each of `searches` minimisations.

    Each takes at most `iterations` steps. `survive` asks of the line search that the rounded image reaches the label.
    Raises ImportError without SciPy, ValueError within torch.inference_mode().
    """
    if torch.is_inference_mode_enabled():
        raise ValueError("no gradients within torch.inference_mode(), which keeps none; call it outside")
    aim = towards(network, [label], "the label")
    best = Change(original, 0.0, False, False, math.nan)
    reached_at: float | None = None  # the largest weight that reaches the label
    missed_at: float | None = None  # the smallest that does not
    weight, start = 1.0, torch.zeros_like(original)
    for _ in range(searches):
        change = minimised(network, aim, original, weight, start, iterations)
        judged = _as_change(network, original, change, label, weight)
        best = _better(best, judged, survive)
        if judged.survives if survive else judged.reached:
            reached_at, start = weight, change
        else:
            missed_at = weight
        if reached_at is None:
            weight /= FACTOR
        elif missed_at is None:
            weight *= FACTOR
        else:
            weight = math.sqrt(reached_at * missed_at)
        yield best


def minimised(
    network: Network, aim: Objective, original: Tensor, weight: float, start: Tensor, iterations: int
) -> Tensor:
    """The change r (1, 3, H, W) of least weight |r|^2 + loss, from `start`, with the image within [0, 1]."""
    from scipy import optimize

    def cost(values: np.ndarray) -> tuple[float, np.ndarray]:
        change = torch.from_numpy(values).to(original).view_as(original).requires_grad_()
        with torch.enable_grad():
            loss = -aim.score(evaluated(network, aim, original + change, precise=True)).sum()
        if not loss.requires_grad:
            raise ValueError(f"no gradient comes back from the scores: {network.name} keeps none there")
        (gradient,) = torch.autograd.grad(loss, change)
        slope = gradient.flatten().double().cpu().numpy() + 2 * weight * values
        return float(loss.detach()) + weight * float(values @ values), slope

    image = original.flatten().double().cpu().numpy()
    minimum = optimize.minimize(
        cost, start.flatten().double().cpu().numpy(), jac=True, method="L-BFGS-B",
        bounds=optimize.Bounds(-image, 1 - image), options={"maxiter": iterations, "maxfun": 2 * iterations},
    )  # fmt: skip
    return torch.from_numpy(minimum.x).to(original).view_as(original)


def _as_change(network: Network, original: Tensor, change: Tensor, label: int, weight: float) -> Change:
    image = (original + change).clamp(0, 1)  # adding rounds, and may leave the box by that
    reached, survives = (answers(network, torch.cat([image, rounded(image)])).argmax(1) == label).tolist()
    return Change(image, float((image - original).double().norm()), reached, reached and survives, weight)


def _better(one: Change, other: Change, survive: bool) -> Change:
    """The one that counts, or at least reaches the label; of two alike, the smaller; if none does, the larger."""
    first, second = ((each.survives if survive else each.reached, each.reached) for each in (one, other))
    if first != second:
        return one if first > second else other
    smaller, larger = (one, other) if one.norm <= other.norm else (other, one)
    return smaller if one.reached else larger
