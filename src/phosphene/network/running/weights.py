"""The one place where a module's weights are read as the network uses them, so that reading changes nothing.

A weight may be made anew whenever it is asked for (`torch.nn.utils.parametrize`), or before every call by a hook
(pruning, the older spectral and weight norms). Spectral norms then take a step of their power iteration if they are in
training mode, and what a hook made last may be out of date. So weights are read in evaluation mode, and made first.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from .evaluating import evaluating, made_before_calls


def weight_of(root: nn.Module, part: nn.Module, name: str = "weight") -> Tensor | None:
    """The weight that the module `part` of the network `root` computes with; detached, None where it has none.

    It may share the network's memory. What is quantized comes as the numbers that it stands for.
    """
    with torch.no_grad(), evaluating(root):
        _make(part, name)
        value = getattr(part, name, None)
        if callable(value) and not isinstance(value, Tensor):  # a quantized module gives it when called
            try:
                value = value()
            except (TypeError, RuntimeError):
                return None
        if not isinstance(value, Tensor):
            return None
        return value.dequantize() if value.is_quantized else value.detach()


def makes_weights(module: nn.Module) -> bool:
    """Whether any weight is made anew, by a parametrization or a hook."""
    return any(is_parametrized(part) or any(True for _ in made_before_calls(part)) for part in module.modules())


def plain_copy(module: nn.Module) -> nn.Module:
    """A copy in which every weight that is made anew, by whatever, is a parameter of the values that it has now."""
    parts = [part for part in module.modules() if part._forward_pre_hooks]
    computed = [value for part in parts for _, _, value in made_before_calls(part)]
    # with its graph none can be copied
    root = copy.deepcopy(module, {id(value): value.detach().clone() for value in computed})
    for part in list(root.modules()):
        parametrized = set(part.parametrizations) if is_parametrized(part) else set()  # type: ignore[arg-type]
        hooked = {name for _, name, _ in made_before_calls(part)}
        values = {name: weight_of(root, part, name) for name in sorted(parametrized | hooked)}
        for name in hooked:
            _unhook(part, name)
        if parametrized:
            del part._modules["parametrizations"]
            part.__class__ = type(part).__bases__[0]  # of the copy alone: the class that makes weights is shared
        for name, value in values.items():
            assert value is not None
            part.register_parameter(name, nn.Parameter(value.clone(), requires_grad=value.is_floating_point()))
    return root


def _make(part: nn.Module, name: str) -> None:
    """Has the hooks make the weight, as a call of the module would."""
    for hook in list(part._forward_pre_hooks.values()):
        if name in (getattr(hook, "name", None), getattr(hook, "_tensor_name", None)) and name in part.__dict__:
            hook(part, ())


def _unhook(module: nn.Module, name: str) -> None:
    """Takes away the hook that makes a weight before every call, and what it makes it of."""
    for key, hook in list(module._forward_pre_hooks.items()):
        if name in (getattr(hook, "name", None), getattr(hook, "_tensor_name", None)):
            del module._forward_pre_hooks[key]
    del module.__dict__[name]
    for tensors in (module._parameters, module._buffers):
        for end in ("_orig", "_g", "_v", "_u", "_mask"):
            tensors.pop(name + end, None)
