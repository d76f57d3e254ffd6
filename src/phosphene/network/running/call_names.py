"""What the modules and functions of a network are called, and which modules are looked into.

Names follow torchvision's feature extractor: the dotted path of a module, and for functions Python's name of them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from .unseen import is_scripted


def modules_of(root: nn.Module) -> dict[int, tuple[str, nn.Module]]:
    """id of each module of `root` -> (dotted path, module); the path is the first for one that is held twice."""
    result: dict[int, tuple[str, nn.Module]] = {}

    def walk(module: nn.Module, path: str) -> None:
        result[id(module)] = path, module
        for name, child in module._modules.items():
            if child is not None and id(child) not in result:
                walk(child, path if name == "_orig_mod" else f"{path}.{name}" if path else name)

    walk(root, "")
    return result


def inside(module: nn.Module, name: str) -> nn.Module | None:
    """The part of that name that a module holds, or None; also in a scripted one, whose parts are no dict."""
    return next((part for key, part in module._modules.items() if key == name), None)


def is_leaf(module: nn.Module) -> bool:
    """Whether it is one of torch.nn's layers or an operator of ONNX; containers and blocks are looked into."""
    if is_scripted(module):
        return True
    if not type(module).__module__.startswith(_LAYERS) or isinstance(module, _CONTAINERS):
        return False
    inner = module._modules.keys() - {"parametrizations"}
    return not inner or isinstance(module, nn.MultiheadAttention)


_LAYERS = ("torch.nn", "onnx2torch.", f"{__package__.rpartition('.')[0]}.opening.graphs.onnx_layers")
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)

# Python's operators reach the mode as methods; the names are those of torchvision's feature extractor.
_OPERATORS = {"__rsub__": "sub", "__rdiv__": "truediv", "__rtruediv__": "truediv", "__rpow__": "pow", "idiv": "div"}
_DIVISIONS = (torch.Tensor.div, torch.Tensor.div_)


def function_name(func: Callable) -> str:
    """The name of a function as values carry it: `add` for +, add and add_ alike."""
    name = getattr(func, "__name__", str(func))
    if name == "__get__":  # a property of a tensor: .T, .data, .shape
        return getattr(getattr(func, "__self__", None), "__name__", name)
    if func in _DIVISIONS:
        return "truediv"
    return _OPERATORS.get(name) or name.strip("_")
