"""Layer-wise relevance propagation: a score shared out among the pixels, layer by layer (S. Bach et al., 2015).

Every function hands the relevance of its result on to what it was computed from (`relevance`), so that a score becomes
a sum over pixels: R at the input, what biases and constants keep, and nothing else. Each result says what was kept and
by how much the sum misses the score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ...instrument import instrument
from ...instrument.roles import Images, Target
from ...network import Network
from ...network.running.outputs import main_tensor
from ...picture import Sheet, compact
from ..maps.attribution import photo_fields
from ..maps.signal import Signal
from ..maps.targets import Question, questions, units
from . import Account, composite, propagation
from .account import BIASES, Bias
from .composites import BIASES_OF
from .layers import relevance_of

AT_ONCE = 8  # targets of one image that run together
FAITHFUL = 1e5  # times the layer's largest value: where magnitudes sum to more, rounding is as large as what they say


@dataclass(frozen=True, eq=False, kw_only=True)
class Relevance(Signal):
    """Relevance (N, C, H, W) of every pixel and channel: with what biases kept it sums to the score."""

    rule: str
    absorbed: Tensor = field(repr=False)  # (N,) relevance that biases and constants kept
    gap: Tensor = field(repr=False)  # (N,) relevance + absorbed - score; zero but for functions that lose relevance
    rules: Mapping[str, str] = field(default_factory=dict, repr=False)  # layer -> the rule that stood there

    def note(self, index: int) -> str:
        """How much of the score the pixels hold."""
        score, absorbed, gap = (float(part[index]) for part in (self.scores, self.absorbed, self.gap))
        return parts_of_score(score - absorbed + gap, absorbed, -gap, score)

    def sheet(self, *, range: str | None = None, page: int = 1) -> Sheet:
        """Each photo and its relevance: warm is evidence for the target, cold is evidence against it.

        - `range`: how a map's values become colours: symmetric, symmetric:percentile, minmax, percentile:low:high or
          low:high; up to the 99.5th percentile of the magnitudes if not given
        - `page`: which page of twelve, from 1
        """
        headings = tuple(
            f"{target} · {compact(float(score))}: {self.note(index)}"
            for index, (target, score) in enumerate(zip(self.targets, self.scores, strict=True))
        )
        return Signal.sheet(replace(self, headings=headings), range=range, page=page)

    def to_dict(self) -> dict[str, Any]:
        result = super().to_dict()
        for signal, absorbed, gap in zip(result["signals"], self.absorbed, self.gap, strict=True):
            signal |= {"absorbed": float(absorbed), "gap": float(gap)}
        return {**result, "rule": self.rule, "rules": dict(self.rules)}


def parts_of_score(pixels: float, biases: float, lost: float, score: float) -> str:
    """A score's parts in words: in percent, or as numbers where percents would say nothing."""
    parts = (pixels, biases, lost)
    if abs(score) * 10 > max(map(abs, parts)) and score:
        texts = [_share(part / score) for part in parts]
        whole = " of the score"
    else:
        texts = [compact(part) for part in parts]
        whole = f" of the score {compact(score)}"
    missing = f", {texts[2]} is lost" if abs(lost) > 1e-3 * abs(score) else ""
    return f"the pixels hold {texts[0]}{whole}, biases kept {texts[1]}{missing}"


def _share(part: float) -> str:
    percents = 100 * part
    return f"{percents:.0f} %" if abs(percents) >= 1 or not percents else f"{percents:.1g} %"


@instrument
def lrp(
    network: Network, images: Images, target: Target = None, *, rule: str = "composite-share", bias: Bias | None = None
) -> Relevance:
    """How much each pixel contributes to a class score, by layer-wise relevance propagation (LRP).

    Functions that only move, add or select values conserve relevance. Pixels, `absorbed` (the relevance of biases and
    constants) and `gap` (lost relevance) sum to the score up to rounding; the sheet says how much of it the pixels
    have. Raises LookupError for rules and targets that do not exist, ValueError for images that the network can't take.

    - `target`: a class or unit, such as 'logits:goose', 'blocks.3:17' (its largest activation) or 'blocks.3:17@5,6'; if
      not given, each image's best class
    - `rule`: composite (flat for the first layer, zplus for convolutions, epsilon for linear layers), composite-share
      (the same with bias=safe), epsilon, gamma, zplus, alphabeta, epsilon-gamma-box, or a table such as
      'first=zbox,convolution=gamma:0.1,head.*=epsilon:0.01'
    - `bias`: absorb (a bias keeps its relevance), share (the layer's inputs get it, in proportion to their
      contributions) or safe (share where a rule's sums can't cancel: zplus, alphabeta, flat and wsquare; else absorb);
      if not given, safe for composite-share, absorb for all other rules
    """
    bias = BIASES_OF.get(rule.strip(), "absorb") if bias is None else bias
    if bias not in BIASES:
        raise ValueError(f"bias is one of {', '.join(BIASES)}, not {bias!r}")
    table = composite(rule)
    x = network.inputs(images).detach()
    question = questions(network, x, target)
    if question.layer == "probabilities":
        raise ValueError("relevance is that of a score, which a sum makes; ask for logits: in place of probabilities:")
    # how many targets may go through together
    limits = _limits(network, x)
    layers = network.layers((int(x.shape[-2]), int(x.shape[-1])))
    alone = network.steadiness(tuple(x.shape[-2:])).coupled if len(question.addresses) > 1 else ()
    together = 1 if alone or any(layer.batch for layer in layers) else AT_ONCE  # the account takes images to come first
    results: list[tuple[Tensor, Tensor, Tensor]] = []
    layer_rules: dict[str, str] = {}
    # each run with an account of its own, which says what biases absorbed
    for start in range(0, len(question.addresses), together):
        rows = slice(start, start + together)
        rows_question = Question(question.layer, question.addresses[rows], ())
        account = Account(len(rows_question.addresses), bias)
        rules = propagation(table, limits, account)
        batch = x[rows] if len(x) > 1 else x.expand(len(rows_question.addresses), -1, -1, -1)
        values, scores, largest = _propagated(network, batch, rows_question, rules)
        if not bool((values.abs().flatten(1).sum(1) <= FAITHFUL * largest).all()):
            raise ValueError(
                f"with the rule {rule} and bias={bias}, sums that nearly cancel divide, and relevance has grown to "
                f"more than {FAITHFUL:g} times any score; take bias='absorb', a larger epsilon, or zplus"
            )
        results.append((values, scores, account.absorbed.to(scores)))
        layer_rules = {name: str(one) for name, one in rules.layers.rules.items()}
    # a line of the table that named no layer was a mistake
    if wrong := table.unused(list(layer_rules)):
        raise LookupError(
            f"no layer with weights of {network.name} that ran fits {', '.join(wrong)}; these did: {_few(layer_rules)}"
        )
    values, scores, absorbed = (torch.cat(part) for part in zip(*results, strict=True))
    return Relevance(
        method=f"relevance ({rule})", targets=question.names, values=values, scores=scores, shares=True, rule=rule,
        absorbed=absorbed, gap=values.flatten(1).sum(1) + absorbed - scores, rules=layer_rules,
        **photo_fields(network, images),
    )  # fmt: skip


def _limits(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and the highest value (1, C, 1, 1) of each channel of images; of tensors that are none, their own."""
    if x.shape[1] != network.preprocessing.channels:
        return x.amin((0, 2, 3), keepdim=True), x.amax((0, 2, 3), keepdim=True)
    black, white = (network.normalise(torch.full((1, 3, 1, 1), value)).to(x) for value in (0.0, 1.0))
    return torch.minimum(black, white), torch.maximum(black, white)


def _propagated(network: Network, x: Tensor, question: Question, rules: Any) -> tuple[Tensor, Tensor, Tensor]:
    """The relevance of every pixel (N, C, H, W) of one unit's value in each image, those values (N,), and the largest
    magnitude (N,) among all values of the layer."""
    size = (int(x.shape[-2]), int(x.shape[-1]))
    with torch.inference_mode(False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        value = main_tensor(network.record(x, question.layer, rules=rules)[question.layer])
        assert value is not None
        if value.grad_fn is None:
            raise ValueError(f"no relevance reaches {question.layer}: it is made of values that are held constant")
        at = units(network, question, value, size)
        picked = value.flatten(1).gather(1, at[:, None])[:, 0]
        (signal,) = torch.autograd.grad(picked.sum(), x)
    return relevance_of(x.detach(), signal), picked.detach(), value.detach().abs().flatten(1).amax(1)


def _few(layer_rules: Mapping[str, str]) -> str:
    names = list(layer_rules)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
