"""Rules: functions replaced by others of the same signature inside one run.

A method such as guided backprop leaves the forward pass as it is and changes how a signal passes back through some
function. `Rules` is a table from functions to what stands for them; a run with rules computes everything else as ever.
A table of which nothing was met raises: the answer would be the plain network's, silently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .call_names import function_name
from .seam import running
from .unseen import refuse_rules, scripted, scripted_function

ACTIVATIONS = {
    "relu": "ReLU", "relu6": "ReLU6", "hardtanh": "Hardtanh", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU",
    "selu": "SELU", "celu": "CELU", "gelu": "GELU", "silu": "SiLU", "mish": "Mish", "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid", "softplus": "Softplus", "tanh": "tanh", "sigmoid": "sigmoid",
}  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """Replacements for functions: `table` maps a function to another one of the same signature.

    If a rule returns NotImplemented, the function itself is called. If the function works in place, its rule gets a
    copy, and the result is written back, so that other references to the tensor see the change as in the plain network.
    A rule with the attribute `in_place` gets `inplace=True` instead, and writes the result itself.
    """

    name: str  # of the method, for messages: 'guided backprop'
    target: str  # what it rules, for messages: 'ReLU'
    table: Mapping[Callable, Callable]

    def caller(self) -> RuledCall:
        return RuledCall(self)


_WATCHED = ((torch, "relu"), (torch, "conv2d"), (F, "linear"), (F, "relu"), (Tensor, "relu"), (Tensor, "add"))


def replaced_by() -> str | None:
    """The package whose functions stand where PyTorch's own were; None where these are there."""
    for home, name in _WATCHED:
        at = getattr(getattr(home, name), "__globals__", {}).get("__name__", "torch")  # built-in ones have none
        if at != "torch" and not at.startswith("torch."):
            return at.partition(".")[0]
    return None


class RuledCall:
    """Computes the functions of one run under rules, and counts what it met.

    ValueError where PyTorch's functions are not its own in this process: no rule would know them.
    """

    def __init__(self, rules: Rules) -> None:
        if package := replaced_by():
            raise ValueError(
                f"{rules.name} rules PyTorch's functions, and {package} has put others in their place in this process; "
                f"have {package} take them away again, or ask in a process of its own"
            )
        self.rules = rules
        self.ruled: Counter[str] = Counter()
        self.met: Counter[str] = Counter()

    def __call__(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        if func is scripted:
            raise refuse_rules(self.rules.name, self.rules.target, running())
        if func is scripted_function:
            raise refuse_rules(self.rules.name, self.rules.target, running(), args[0].name)
        rule = self.rules.table.get(func)
        name = function_name(func)
        out = NotImplemented if rule is None else _ruled(rule, func, args, kwargs)
        if out is NotImplemented:
            self.met[name] += 1
            return func(*args, **kwargs)
        self.ruled[name] += 1
        return out

    def check(self) -> None:
        """Raises LookupError if the run met nothing to rule."""
        if self.ruled:
            return
        unruled = [f"{count} {ACTIVATIONS[name]}" for name, count in self.met.most_common() if name in ACTIVATIONS]
        has = f"it has {', '.join(unruled)}" if unruled else "it has no activation function that Phosphene knows"
        raise LookupError(f"{self.rules.name} found no {self.rules.target} in this network; {has}")


def _ruled(rule: Callable, func: Callable, args: tuple, kwargs: dict) -> Any:
    if not _in_place(func, args, kwargs):
        return rule(*args, **kwargs)
    target = args[0] if args else kwargs["input"]
    if getattr(rule, "in_place", False) and not target._is_view():
        flag = _INPLACE_AT.get(func)
        return rule(*args[:flag], **{**kwargs, "inplace": True})
    flags = {"inplace": False} if kwargs.get("inplace") else {}
    copied_args = (target.clone(), *args[1:]) if args else ()
    out = rule(*copied_args, **{**kwargs, **({} if args else {"input": target.clone()}), **flags})
    return out if out is NotImplemented else target.copy_(out)


def functions(*names: str) -> tuple[Callable, ...]:
    """Every function of these names, however a network may call it: F.relu, torch.relu, x.relu, and in place."""
    homes = (F, torch, Tensor, torch._C._nn)
    variants = [getattr(home, n, None) for name in names for n in (name, f"{name}_") for home in homes]
    return tuple(dict.fromkeys(f for f in variants if callable(f)))


def _in_place(func: Callable, args: tuple, kwargs: dict) -> bool:
    name = getattr(func, "__name__", "")
    if name in _ASSIGNING or (name.endswith("_") and not name.startswith("__")):
        return True
    if kwargs.get("inplace"):
        return True
    flag = _INPLACE_AT.get(func)
    return flag is not None and len(args) > flag and args[flag] is True


_ASSIGNING = {f"__i{name}__" for name in "add sub mul truediv div floordiv mod pow matmul and or xor".split()}

# where the functions of torch.nn.functional take `inplace` by position
_INPLACE_AT = {
    F.relu: 1, F.relu6: 1, F.silu: 1, F.mish: 1, F.hardswish: 1, F.hardsigmoid: 1, F.selu: 1, F.leaky_relu: 2,
    F.elu: 2, F.celu: 2, F.hardtanh: 3, F.threshold: 3,
}  # fmt: skip
