"""Layers with weights under relevance propagation: convolutions and linear layers, with the normalisation after them.

A batch normalisation that directly follows such a layer is folded into its weights, so that a rule sees what both
compute together; one that stands alone is a scale and a shift of each channel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...network import functions
from ...network.running.seam import running
from .account import Account
from .composites import Composite, Range, Rule, Run
from .sharing import nonzero, shared, shifted, standing


@dataclass
class Origin:
    """How a value was computed: what a batch normalisation after it is folded into."""

    run: Run
    x: Tensor
    weight: Tensor
    bias: Tensor  # as it is added to the output
    rule: Rule
    version: int  # of the value; another one says that it was written to since


@dataclass
class Layers:
    """The rules of layers with weights in one run; notes which rule stood where."""

    composite: Composite
    limits: Range | None
    account: Account
    rules: dict[str, Rule] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def table(self) -> dict[Callable, Callable]:
        """What stands for the functions."""
        result: dict[Callable, Callable] = {
            function: self.convolution(function)
            for name in ("conv1d", "conv2d", "conv3d")
            for function in functions(name)
        }
        for name in ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"):
            result.update({function: self.transposed(function) for function in functions(name)})
        result.update(dict.fromkeys(functions("linear"), self.linear))
        result.update(dict.fromkeys(functions("batch_norm"), self.batch_norm))
        return result

    def convolution(self, convolve: Callable) -> Callable:
        def rule(
            input: Tensor, weight: Tensor, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
            groups: int = 1,
        ) -> Tensor:  # fmt: skip
            def run(x: Tensor, w: Tensor) -> Tensor:
                return convolve(x, w, None, stride, padding, dilation, groups)

            return self.layer(
                "convolution", run, input, weight, None if bias is None else channelwise(bias, weight.ndim - 2)
            )

        return rule

    def transposed(self, convolve: Callable) -> Callable:
        def rule(input: Tensor, weight: Tensor, bias: Any = None, *args: Any, **kwargs: Any) -> Tensor:
            def run(x: Tensor, w: Tensor) -> Tensor:
                return convolve(x, w, None, *args, **kwargs)

            out = self.layer(
                "convolution", run, input, weight, None if bias is None else channelwise(bias, weight.ndim - 2)
            )
            out.origin = None  # type: ignore[attr-defined]  # its weights have the input's channels first
            return out

        return rule

    def linear(self, input: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
        return self.layer("linear", F.linear, input, weight, bias)

    def layer(self, kind: str, run: Run, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The layer's value under the rule of its kind and path."""
        path = running()
        name = f"{path}.{kind}_{self.counts[path]}" if self.counts[path] else path or kind
        rule = self.composite.rule(kind, path, first=not self.rules)
        self.counts[path] += 1
        self.rules[name] = rule
        weight = weight.detach()
        with torch.no_grad():
            z = run(x, weight)
            z = z if bias is None else z + bias
        return self.ruled(rule, run, x, z, weight, weight.new_zeros(()) if bias is None else bias.detach())

    def ruled(self, rule: Rule, run: Run, x: Tensor, z: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The layer's value z = run(x, weight) + bias, shared out by the rule."""
        out = shared(
            x, z, lambda x: rule.portions(run, x, weight, bias, self.limits),
            lambda x: run(standing(x, 1.0), torch.ones_like(weight)), rule.steady, self.account,
        )  # fmt: skip
        out.origin = Origin(run, x, weight, bias, rule, out._version)  # type: ignore[attr-defined]
        return out

    def batch_norm(
        self, input: Tensor, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
        training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
    ) -> Any:  # fmt: skip
        if training or running_mean is None:
            return NotImplemented
        with torch.no_grad():
            scale = (running_var + eps).rsqrt() * (1 if weight is None else weight)
            shift = (0 if bias is None else bias) - running_mean * scale
        origin: Origin | None = getattr(input, "origin", None)
        if origin is not None and origin.version == input._version and len(scale) == len(origin.weight):
            folded = origin.weight * scale.view(-1, *[1] * (origin.weight.ndim - 1))
            scale, shift = (channelwise(part, origin.weight.ndim - 2) for part in (scale, shift))
            z = input.detach() * scale + shift
            return self.ruled(origin.rule, origin.run, origin.x, z, folded, origin.bias * scale + shift)
        scale, shift = (channelwise(part, max(input.ndim - 2, 0)) for part in (scale, shift))
        return shifted(input * scale, shift, self.account)


def channelwise(values: Tensor, dimensions: int) -> Tensor:
    """A number a channel as it is added to maps of so many dimensions."""
    return values.view(-1, *[1] * dimensions)


def relevance_of(x: Tensor, signal: Tensor) -> Tensor:
    """R = x · c."""
    return nonzero(x) * signal
