"""Integrated gradients: a value's difference from a baseline, shared out among the pixels along a straight path.

    a_i = (x_i − b_i) · ∫₀¹ ∂f/∂x_i (b + α (x − b)) dα

The sum over all pixels is f(x) − f(b), whatever the network (completeness: M. Sundararajan, A. Taly and Q. Yan,
*Axiomatic Attribution for Deep Networks*, ICML 2017, equation 1 and proposition 1). The integral is a sum over points
of the path (`paths`), and what that misses is the `gap`, which every result holds and tells. Several baselines give the
mean of their signals (expected gradients: G. Erion et al., 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ...picture import compact
from ..maps.attribution import photo_fields
from ..maps.fixed_units import at_once, fix_units, whole
from ..maps.signal import Signal
from .baselines import baselines
from .paths import Integral, Line, Rule, adaptive, fixed, rule_points


@dataclass(frozen=True, eq=False, kw_only=True)
class Integrated(Signal):
    """Signals that sum to the difference of a value between the image and a baseline."""

    baseline: str
    rule: str
    steps: tuple[int, ...]  # for each target
    baseline_scores: Tensor = field(repr=False)  # (N,): the targets' values at the baseline

    @property
    def gap(self) -> Tensor:
        """(N,): by how much each signal's sum is off: sum − (score − baseline's score)."""
        return self.values.double().sum((1, 2, 3)) - (self.scores.double() - self.baseline_scores.double())

    @property
    def foot(self) -> str:
        difference = self.scores.double() - self.baseline_scores.double()
        share, worst = (self.gap / difference).abs().nan_to_num(0.0, posinf=torch.inf).max(0)
        off = f"{float(share):.2%} of it" if share < 1 else compact(float(self.gap[worst].abs()))
        sums = "the signal's sum is" if len(self.steps) == 1 else "each signal's sum is"
        to = "" if len(self.steps) == 1 else "up to "
        how = f"baseline {self.baseline}, {max(self.steps)} steps ({self.rule})"
        return f"{how}; {sums} the score less the baseline's but for {to}{off}"

    def to_dict(self) -> dict[str, Any]:
        result = super().to_dict()
        result |= {"baseline": self.baseline, "rule": self.rule}
        for signal, steps, score, gap in zip(
            result["signals"], self.steps, self.baseline_scores, self.gap, strict=True
        ):
            signal |= {"steps": steps, "baseline_value": float(score), "gap": float(gap)}
        return result


@instrument
def integrated_gradients(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    baseline: str | Tensor | Sequence[str | Tensor] = "zero",
    steps: int | Literal["auto"] = "auto",
    rule: Rule = "gauss",
    batch: int | None = None,
) -> Integrated:
    """A score's difference from that of a baseline, divided among the pixels (Sundararajan, Taly and Yan, 2017).

    The values sum to the score minus the baseline's score, up to the error `.gap`. A channel without a place means the
    place where it is largest in the clean image, along the whole path. Raises LookupError for a target that does not
    exist, ValueError for images, baselines and steps that don't fit.

    - `target`: a class or unit, such as 'logits:goose', 'probabilities:goose' or 'blocks.3:17' (its largest
      activation); if not given, each image's best class
    - `baseline`: where the path starts: zero (zeros in the network's input, often the mean colour), black, white, mean
      (the image's mean colour), blur, noise (with the image's mean and spread, the same at every call), or a tensor as
      large as the image; several joined by '+', such as black+white, give the mean of their signals
    - `steps`: how many points on the path; auto takes as many as needed, where the value changes
    - `rule`: where the points of a fixed number of steps are: gauss (Gauss-Legendre), trapezoid (with both ends),
      middle (the middles of equal parts) or riemann (the ends of equal parts, as in the paper)
    - `batch`: how many points run at once; as many as fit into memory if not given
    """
    if steps == "auto":
        rule_points(rule, 2)  # refuses one that is not there
        integral: Integral = adaptive
    else:
        integral = partial(fixed, points=rule_points(rule, whole(steps, "steps (a number, or 'auto')", 1)))
    with torch.inference_mode(False):
        x = network.inputs(images).detach().clone()
        units = fix_units(network, x, target)
        steady = network.steadiness((int(x.shape[-2]), int(x.shape[-1])))
        steady.insist(network.name, units.layer, "integrated gradients sum to the difference of two answers")
        starts, names = baselines(network, x, baseline)
        most = at_once(network, x, batch, back=True, of=None if steps == "auto" else steps)
        signals, below, point_counts = [], [], []
        for index in range(len(x)):
            # a path from every baseline; their signals are averaged
            at = units.at[units.of(index)]
            lines = [
                Line(
                    network,
                    x[index],
                    start(index)[0],
                    units.layer,
                    at,
                    most,
                )
                for start in starts
            ]
            integrals = [integral(line) for line in lines]
            signals.append(torch.stack([signal for signal, _ in integrals]).mean(0))
            below.append(torch.stack([line.values([0.0])[:, 0] for line in lines]).mean(0))
            point_counts += [sum(points for _, points in integrals)] * len(at)
    return Integrated(
        method="integrated gradients", targets=units.names, values=torch.cat(signals), scores=units.scores,
        shares=True, baseline=names, rule="where the value changes" if steps == "auto" else rule,
        steps=tuple(point_counts),
        baseline_scores=torch.cat(below).to(units.scores), **photo_fields(network, images),
    )  # fmt: skip
