"""What an encoder is for: the same model's log p(x), estimated with codes of the prior and with codes of its encoder.

    prior        log 1/K sum_k p(x | z_k),                        z_k ~ p(z)
    importance   log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x),    z_k ~ q(z | x), which the encoder gives

Both are right in the limit and too low in the mean. With two codes a few thousand draws of the prior fill the space;
with twenty, hardly any comes near the code of an image, and the estimate stays tens of nats too low.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result, instrument
from ...instrument.roles import Folder
from ...network.opening.source import undisturbed
from ...picture import DrawingBlock, Sheet, Table, counted
from ...picture.chart import Axis, Chart, Curve, Reference
from ..abilities import Decodes, ScoresByEncoder, ScoresByPrior
from ..checkpoints.folder import read
from ..checkpoints.held_out import read_held_out
from ..checkpoints.shipped import folder_of
from ..registry import make
from ..sets.examples import TensorExamples

FEWEST, MOST = 10, 40_000  # codes
OF_ENCODER = 10_000  # of these each image has its own, so that there are fewer


@dataclass(frozen=True, eq=False, kw_only=True)
class LikelihoodEstimates(Result):
    """Nats, −log p(x) in the mean over held-out images, for each number of codes.

    `by_encoder` and `bound` (−ELBO) are None where the system has no encoder, `exact` where it has more than two codes.
    """

    system: str
    codes: int
    images: int
    samples: tuple[int, ...]
    by_prior: np.ndarray = field(repr=False)
    by_encoder: np.ndarray | None = field(repr=False)
    bound: float | None
    exact: float | None

    def sheet(self) -> Sheet:
        """Both estimates against the number of codes."""
        series: list[Curve | Reference] = [Curve(self.samples, self.by_prior, "codes of the prior")]
        if self.by_encoder is not None:
            series.append(Curve(self.samples, self.by_encoder, "codes of its encoder"))
        if self.bound is not None:
            series.append(Reference(self.bound, "−ELBO"))
        if self.exact is not None:
            series.append(Reference(self.exact, "exact"))
        chart = Chart(series, Axis("codes drawn", scale="log"), Axis("−log p(x) (nats)"), width=860, height=340)
        subtitle = f"{self.system} with {counted(self.codes, 'code')}, {counted(self.images, 'image')} held out"
        caption = f"{self._words()} Lower is better; both estimates lie above the true value in the mean."
        title = "How well does the model predict images, by two ways to compute it?"
        return Sheet(
            title, subtitle, [DrawingBlock(chart.drawing())], caption=caption, description=f"{title} {caption}"
        )

    def _words(self) -> str:
        many, prior = f"{self.samples[-1]:,}", float(self.by_prior[-1])
        if self.by_encoder is None:
            rest = f"; the integral over all codes is {self.exact:.1f}" if self.exact is not None else ""
            return f"With {many} codes of the prior {prior:.1f} nats{rest}."
        best = float(np.nanmin(self.by_encoder))
        return (
            f"With {many} codes of the prior {prior:.1f} nats, which is {prior - best:.1f} above the {best:.1f} that "
            "codes of the encoder give."
        )

    def table(self) -> Table:
        """A row for each number of codes."""
        header = ["codes", "prior (nats)", *(["encoder (nats)"] if self.by_encoder is not None else [])]
        columns = [self.by_prior, *([self.by_encoder] if self.by_encoder is not None else [])]
        cells = [[f"{value:.2f}" if np.isfinite(value) else "" for value in column] for column in columns]
        return Table(header, [[f"{count:,}", *row] for count, *row in zip(self.samples, *cells, strict=True)])

    def to_dict(self) -> dict[str, Any]:
        return {
            "system": self.system, "codes": self.codes, "images": self.images, "samples": list(self.samples),
            "by_prior": self.by_prior.tolist(), "bound": self.bound, "exact": self.exact,
            "by_encoder": None if self.by_encoder is None else self.by_encoder[np.isfinite(self.by_encoder)].tolist(),
        }  # fmt: skip


@instrument
def likelihood_estimates(folder: Folder, *, samples: int = MOST) -> LikelihoodEstimates:
    """What an encoder is for: −log p(x) of held-out images, by codes of the prior and by codes of the encoder.

    - `folder`: the folder of a learned VAE or density network
    - `samples`: the largest number of codes that is tried

    ValueError for a system whose codes have no prior.
    """
    system, card = read(folder_of(folder), make)
    if not isinstance(system, ScoresByPrior):
        raise ValueError(f"a {card.system} has no codes with a prior; take a VAE or a density network")
    held = read_held_out(folder_of(folder), system.shape)
    if not len(held):
        raise ValueError(f"{folder} holds no held-out images; learn it anew")
    if samples < FEWEST:
        raise ValueError(f"at least {FEWEST} codes are drawn, not {samples}")
    counts = numbers_up_to(samples)
    with undisturbed(0):
        x = system.learns_from(TensorExamples(held)).batch(torch.arange(len(held))).x
    by_prior = np.array([_nats(system.prior_log_prob(x, count)) for count in counts])
    by_encoder = bound = exact = None
    if isinstance(system, ScoresByEncoder):
        few = [count for count in counts if count <= OF_ENCODER]
        by_encoder = np.full(len(counts), np.nan)
        by_encoder[: len(few)] = [_nats(system.log_prob(x, count)) for count in few]
        with undisturbed(0):
            bound = _nats(system.bound(x))
    codes = system.code_size if isinstance(system, Decodes) else 0
    if 1 <= codes <= 2:
        exact = _nats(system.exact_log_prob(x))
    return LikelihoodEstimates(
        system=system.title, codes=codes, images=len(x), samples=counts, by_prior=by_prior, by_encoder=by_encoder,
        bound=bound, exact=exact,
    )  # fmt: skip


def numbers_up_to(most: int) -> tuple[int, ...]:
    """10, 30, 100, 300, … and the last."""
    tried = [number * 10**power for power in range(1, 10) for number in (1, 3)]
    return (*(number for number in tried if number < most), most)


def _nats(scores: Tensor) -> float:
    return -float(scores.double().mean())
