"""What every function of a network does with relevance, in one run on the seam.

Layers with weights follow their rules (`layers`), activations pass all of it to their input, normalisations hold their
statistics constant, attention its weights (`attention`). A factor that gates a larger one gets nothing; two equal
factors get one half each. What only moves, adds or selects values conserves relevance by itself (`sharing`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...network import Rules, functions
from ...network.running.rules import RuledCall
from .account import Account
from .attention import multi_head_attention, scaled_dot_product_attention
from .composites import Composite, Range
from .layers import Layers
from .normalising import group_norm, instance_norm, layer_norm, local_response_norm, normalize, rms_norm
from .sharing import absorbed_constant, halved, padded, passed, shifted

ACTIVATIONS = (
    "relu relu6 hardtanh clamp clip clamp_min clamp_max leaky_relu prelu rrelu elu selu celu gelu silu mish hardswish "
    "hardsigmoid sigmoid tanh softplus softsign threshold logsigmoid exp sqrt square pow abs hardshrink softshrink"
).split()
STATISTICS = "softmax log_softmax softmin var std norm rsqrt reciprocal var_mean std_mean".split()


@dataclass(frozen=True)
class Propagation(Rules):
    """Rules of one run; `layers` knows afterwards which rule stood where."""

    layers: Layers

    def caller(self) -> RuledCall:
        return _OfTheImage(self)


class _OfTheImage(RuledCall):
    """Rules only what depends on the image: what a network computes from its parameters alone is a constant."""

    def __call__(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        if not any(depends(part) for part in _tensors((*args, *kwargs.values()))):
            with torch.no_grad():
                out = func(*args, **kwargs)
            return out.detach() if depends(out) else out  # a view of a parameter asks for gradients all the same
        return super().__call__(func, args, kwargs)


def depends(x: Any) -> bool:
    """Whether a value depends on the image: what is computed from parameters alone asks for no gradient."""
    return isinstance(x, Tensor) and x.requires_grad and not isinstance(x, nn.Parameter)


def _tensors(values: Any) -> Sequence[Tensor]:
    result: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            result.append(value)
        elif isinstance(value, (list, tuple)):
            result += _tensors(value)
        elif isinstance(value, Mapping):
            result += _tensors(value.values())
    return result


def propagation(composite: Composite, limits: Range | None, account: Account) -> Propagation:
    """The rules of one run; `limits` are the lowest and highest values that pixels can have, for zbox."""
    layers = Layers(composite, limits, account)
    table: dict[Callable, Callable] = layers.table()

    def stand(rule: Callable, *names: str) -> None:
        table.update(dict.fromkeys(functions(*names), rule))

    function: Callable
    for name in ACTIVATIONS:
        for function in functions(name):
            table[function] = _activation(_out_of_place(function, name))
    for name in STATISTICS:
        for function in functions(name):
            table[function] = _constant(function)
    stand(layer_norm(account), "layer_norm")
    stand(group_norm(account), "group_norm")
    stand(instance_norm(account), "instance_norm")
    stand(rms_norm, "rms_norm")
    stand(local_response_norm, "local_response_norm")
    stand(normalize, "normalize")
    stand(scaled_dot_product_attention, "scaled_dot_product_attention")
    stand(multi_head_attention(layers), "multi_head_attention_forward")
    stand(_pad(account), "pad")
    stand(_joined(account), "cat", "concat", "concatenate")
    for function in (*functions("add", "sub", "rsub"), *_operators("add", "radd", "iadd", "sub", "rsub", "isub")):
        table[function] = _sum(_out_of_place(function), account)
    for function in (*functions("mul", "multiply"), *_operators("mul", "rmul", "imul")):
        table[function] = _product
    for function in (*functions("div", "divide", "true_divide"), *_operators("truediv", "itruediv")):
        table[function] = _quotient
    for function in (*functions("matmul", "bmm"), *_operators("matmul")):
        table[function] = _matrices
    return Propagation("relevance propagation", "layer with weights", table, layers)


def _operators(*names: str) -> list[Callable]:
    return [getattr(Tensor, f"__{name}__") for name in names]


_OUT_OF_PLACE = {Tensor.__iadd__: Tensor.__add__, Tensor.__isub__: Tensor.__sub__}


def _out_of_place(function: Callable, name: str | None = None) -> Callable:
    """The function that gives a new value where this one writes into its first argument."""
    if function in _OUT_OF_PLACE:
        return _OUT_OF_PLACE[function]
    function_name = getattr(function, "__name__", "")
    if not function_name.endswith("_") or function_name.startswith("__"):
        return function
    return next(f for f in functions(name or function_name.strip("_")) if not f.__name__.endswith("_"))


def _activation(function: Callable) -> Callable:
    def rule(*args: Any, **kwargs: Any) -> Any:
        x = args[0] if args else kwargs["input"]
        if kwargs.get("training") or not depends(x) or any(depends(part) for part in args[1:]):
            return NotImplemented
        with torch.no_grad():
            y = function(*args, **kwargs)
        return passed(x, y) if isinstance(y, Tensor) and y.shape == x.shape else NotImplemented

    return rule


def _constant(function: Callable) -> Callable:
    """Its value, of which nothing goes back."""

    def rule(*args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            return function(*args, **kwargs)

    return rule


def _sum(function: Callable, account: Account) -> Callable:
    def rule(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        if depends(a) and depends(b):
            return NotImplemented
        x, other = (a, b) if depends(a) else (b, a)
        if args or kwargs.get("alpha", 1) != 1 or not depends(x):
            return NotImplemented
        constant = torch.as_tensor(other, dtype=x.dtype, device=x.device)
        with torch.no_grad():
            signs = torch.zeros((), dtype=x.dtype, device=x.device), torch.ones((), dtype=x.dtype, device=x.device)
            sign = function(signs[1], signs[0]) if x is a else function(signs[0], signs[1])  # 1, or -1 for a - x
            added = function(signs[0], constant) if x is a else function(constant, signs[0])
        return shifted(x if sign > 0 else -x, added, account)

    return rule


def _product(input: Any, other: Any) -> Any:
    if not (depends(input) and depends(other)):
        return NotImplemented
    if input.numel() == other.numel():
        return torch.mul(halved(input), halved(other))
    return torch.mul(input, other.detach()) if input.numel() > other.numel() else torch.mul(input.detach(), other)


def _quotient(input: Any, other: Any, *, rounding_mode: Any = None) -> Any:
    if not depends(other) or rounding_mode is not None:
        return NotImplemented
    return torch.div(input, other.detach())


def _matrices(input: Tensor, other: Tensor) -> Any:
    if depends(input) and depends(other):
        return torch.matmul(halved(input), halved(other))
    return NotImplemented


def _joined(account: Account) -> Callable:
    def rule(tensors: Sequence[Tensor], dim: int = 0) -> Any:
        of_image = next((t for t in tensors if depends(t)), None)
        if of_image is None or all(depends(t) for t in tensors):
            return NotImplemented
        return torch.cat([t if depends(t) else absorbed_constant(of_image, t, account) for t in tensors], dim)

    return rule


def _pad(account: Account) -> Callable:
    def rule(input: Tensor, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Any:
        if mode != "constant":
            return NotImplemented
        return padded(input, pad, value or 0.0, account)

    return rule
