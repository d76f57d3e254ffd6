"""Ridge regression from sums, its strength and its centre chosen on held-out samples.

    W = argmin  mean |y - W z - b|² + λ s |W - W0|²,   s the mean variance of z, W0 = 0 or the map that changes nothing

(A. Hoerl and R. Kennard, 1970). The bias is not penalised. W0 = "nothing changes" says what is known beforehand: where
samples are few, the map stays close to leaving values alone, and not close to forgetting them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .moments import Moments

STRENGTHS = (1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True, eq=False)
class Fit:
    """A linear map y = z @ weight + bias, and how it was chosen."""

    weight: Tensor = field(repr=False)  # (inputs, outputs), float64
    bias: Tensor = field(repr=False)  # (outputs,)
    strength: float
    centre: str  # "zero" or "unchanged"
    held_out: float  # its mean squared error on held-out samples, over the variance of y there


def ridge(fit: Moments, held_out: Moments, prior: Tensor | None = None, strengths: Sequence[float] = STRENGTHS) -> Fit:
    """The map of the smallest error on the held-out sums; `prior` (inputs, outputs) is the map that changes nothing.

    Raises ValueError where nothing varies.
    """
    if fit.count < 2 or held_out.count < 1:
        raise ValueError("a regression needs two samples to fit and one to choose by; give more images")
    zz, zy, yy = fit.centred()
    scale = float(zz.diagonal().mean())
    if not scale > 0 or not float(yy.sum()) > 0:
        raise ValueError("the values don't vary over these images, so no map can be fitted to them; give other images")
    mean_z, mean_y = fit.means()
    total = float(held_out.centred()[2].sum()) or float(yy.sum())
    best: Fit | None = None
    for strength in sorted(strengths):
        factor = _factor(zz, strength * scale)
        if factor is None:  # too weak for these values: they depend on each other linearly
            continue
        centres = {"zero": None} if prior is None else {"zero": None, "unchanged": prior.double()}
        for name, centre in centres.items():
            right = zy if centre is None else zy - zz @ centre
            weight = torch.cholesky_solve(right, factor)
            weight = weight if centre is None else weight + centre
            bias = mean_y - mean_z @ weight
            error = float(held_out.error(weight, bias).sum()) / total
            if best is None or error < best.held_out:
                best = Fit(weight, bias, strength, name, error)
    assert best is not None  # the largest strength always has a factor
    return best


def _factor(zz: Tensor, strength: float) -> Tensor | None:
    regular = zz.clone()
    regular.diagonal().add_(strength)
    factor, failed = torch.linalg.cholesky_ex(regular)
    return None if int(failed) else factor
