"""The rules of relevance propagation, and tables of which layer takes which.

With contributions z_jk = x_j w_jk of input j to output k, z_k = Σ_j z_jk + b_k, and w⁺, w⁻ the weights' positive and
negative parts, an input gets of the relevance R_k (S. Bach et al. 2015; G. Montavon et al. 2019, table 10.1):

    epsilon:e       z_jk / (z_k + e sign z_k)
    gamma:g         x_j (w_jk + g w⁺_jk) / Σ …   for z_k > 0 and x_j ≥ 0; w⁻ in place of w⁺ where one sign turns
    zplus           z⁺_jk / Σ_j z⁺_jk, the positive contributions alone
    alphabeta:a:b   a z⁺_jk / Σ_j z⁺_jk − b z⁻_jk / Σ_j z⁻_jk, with a − b = 1
    flat            equal shares
    wsquare         w²_jk / Σ_j w²_jk
    zbox            (z_jk − l_j w⁺_jk − h_j w⁻_jk) / Σ_j …, l and h the lowest and highest value that a pixel can have

A composite is written as a table: 'first=flat,convolution=zplus,linear=epsilon'. Its keys are `first` (the layer that
sees the image), `convolution`, `linear`, or patterns of layers' names such as 'layer4.*'; the pattern that comes last
wins over all others, and what has no rule takes epsilon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from ...network import near
from .account import Bias
from .sharing import Portion, standing

Run = Callable[[Tensor, Tensor], Tensor]  # the layer's own operation on an input and a weight, without bias
Range = tuple[Tensor, Tensor]  # lowest and highest value of an image's channels (1, C, 1, 1)


@dataclass(frozen=True)
class Rule:
    """A rule and its numbers; its text is what `rule` reads."""

    name: str
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        return ":".join([self.name, *(f"{number:g}" for number in self.numbers)])

    @property
    def steady(self) -> bool:
        """Whether it divides by sums of numbers of one sign only, which can't cancel."""
        return self.name in STEADY

    def portions(
        self, run: Run, x: Tensor, weight: Tensor, bias: Tensor | float, limits: Range | None
    ) -> list[Portion]:
        """What shares an output's relevance, for the input x, a weight, and a bias that fits the output."""
        return _RULES[self.name].portions(run, x, weight, bias, limits, *self.numbers)


def _epsilon(run: Run, x: Tensor, w: Tensor, b: Tensor, limits: Range | None, epsilon: float) -> list[Portion]:
    return [Portion(run(x, w), b, epsilon=epsilon)]


def _gamma(run: Run, x: Tensor, w: Tensor, b: Tensor, limits: Range | None, gamma: float) -> list[Portion]:
    up, down = w + gamma * w.clamp(min=0), w + gamma * w.clamp(max=0)
    b_up, b_down = b + gamma * b.clamp(min=0), b + gamma * b.clamp(max=0)
    return [Portion(_split(run, x, up, down), b_up, sign=1), Portion(_split(run, x, down, up), b_down, sign=-1)]


def _zplus(run: Run, x: Tensor, w: Tensor, b: Tensor, limits: Range | None) -> list[Portion]:
    return [Portion(_split(run, x, w.clamp(min=0), w.clamp(max=0)), b.clamp(min=0))]


def _alphabeta(run: Run, x: Tensor, w: Tensor, b: Tensor, limits: Range | None, alpha: float, beta: float) -> list:
    up, down = w.clamp(min=0), w.clamp(max=0)
    return [
        Portion(_split(run, x, up, down), b.clamp(min=0), factor=alpha),
        Portion(_split(run, x, down, up), b.clamp(max=0), factor=-beta),
    ]


def _flat(run: Run, x: Tensor, w: Tensor, b: Tensor, limits: Range | None) -> list[Portion]:
    return [Portion(run(standing(x, 1.0), torch.ones_like(w)))]


def _wsquare(run: Run, x: Tensor, w: Tensor, b: Tensor, limits: Range | None) -> list[Portion]:
    return [Portion(run(standing(x, 1.0), w.square()))]


def _zbox(run: Run, x: Tensor, w: Tensor, b: Tensor, limits: Range | None) -> list[Portion]:
    if limits is None or x.ndim != 4 or x.shape[1] != limits[0].shape[1]:
        raise ValueError("zbox is a rule of the layer that sees the image, and of no other: write first=zbox,…")
    low, high = (standing(x, limit) for limit in limits)
    return [Portion(run(x, w) - run(low, w.clamp(min=0)) - run(high, w.clamp(max=0)))]


def _split(run: Run, x: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """One weight for the positive inputs and another for the negative ones."""
    below = x < 0
    if not below.any():
        return run(x, positive)
    return run(x.masked_fill(below, 0.0), positive) + run(x.masked_fill(~below, 0.0), negative)


@dataclass(frozen=True)
class _Kind:
    portions: Callable[..., list[Portion]]
    numbers: tuple[float, ...] = ()  # those it takes where none are given


_RULES = {
    "epsilon": _Kind(_epsilon, (1e-6,)),
    "gamma": _Kind(_gamma, (0.25,)),
    "zplus": _Kind(_zplus),
    "alphabeta": _Kind(_alphabeta, (2.0, 1.0)),
    "flat": _Kind(_flat),
    "wsquare": _Kind(_wsquare),
    "zbox": _Kind(_zbox),
}
EPSILON = Rule("epsilon", (1e-6,))
STEADY = ("zplus", "alphabeta", "flat", "wsquare")

COMPOSITES = {
    "epsilon": "convolution=epsilon,linear=epsilon",
    "gamma": "convolution=gamma,linear=gamma",
    "zplus": "convolution=zplus,linear=zplus",
    "alphabeta": "convolution=alphabeta,linear=alphabeta",
    "composite": "first=flat,convolution=zplus,linear=epsilon",
    "composite-share": "first=flat,convolution=zplus,linear=epsilon",
    "epsilon-gamma-box": "first=zbox,convolution=gamma:0.25,linear=epsilon",
    "alphabeta-flat": "first=flat,convolution=alphabeta:2:1,linear=epsilon",
}
BIASES_OF: dict[str, Bias] = {"composite-share": "safe"}  # composites that leave biases' shares to the inputs
_KINDS = ("first", "convolution", "linear")


@dataclass(frozen=True)
class Composite:
    """Which rule stands for which layer."""

    table: tuple[tuple[str, Rule], ...]

    def __str__(self) -> str:
        return ",".join(f"{key}={rule}" for key, rule in self.table)

    def rule(self, kind: str, path: str, first: bool) -> Rule:
        """The rule of a layer of that kind, at that path."""
        for key, result in reversed(self.table):
            if key not in _KINDS and fnmatchcase(path, key):
                return result
        table = dict(self.table)
        return table.get("first" if first and "first" in table else kind, EPSILON)

    def unused(self, paths: Sequence[str]) -> list[str]:
        """The patterns that fit none of the paths."""
        return [key for key, _ in self.table if key not in _KINDS and not any(fnmatchcase(path, key) for path in paths)]


def composite(text: str) -> Composite:
    """The composite that a name of COMPOSITES or a table names.

    Raises LookupError for a rule that is not there, ValueError for numbers that don't fit it.
    """
    entries = COMPOSITES.get(text.strip(), text)
    if "=" not in entries:
        names = [*COMPOSITES, *_RULES]
        if entries.partition(":")[0] not in _RULES:
            raise LookupError(
                f"there is no rule {text!r}{near(text, names)}; the rules are {', '.join(COMPOSITES)}, or a table such "
                f"as {COMPOSITES['composite']!r}"
            )
        entries = f"convolution={entries},linear={entries}"
    table = []
    for part in filter(None, entries.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"{part!r} is no entry of a table of rules; write LAYER=RULE, as {entries!r} is written")
        table.append((key.strip(), _rule(value.strip())))
    return Composite(tuple(table))


def _rule(text: str) -> Rule:
    name, *numbers_text = text.split(":")
    if name not in _RULES:
        raise LookupError(f"there is no rule {name!r}{near(name, _RULES)}; the rules are {', '.join(_RULES)}")
    defaults = _RULES[name].numbers
    try:
        numbers = tuple(map(float, numbers_text)) or defaults
    except ValueError:
        numbers = ()
    if len(numbers) != len(defaults) or not all(math.isfinite(number) and number >= 0 for number in numbers):
        form = ":".join([name, *map(str, defaults)])
        raise ValueError(f"{text!r} does not fit the rule {name}; write it as {form}")
    if name == "alphabeta" and abs(numbers[0] - numbers[1] - 1) > 1e-9:
        raise ValueError(f"alphabeta conserves relevance only where the first number less the second is 1, not {text}")
    return Rule(name, numbers)
