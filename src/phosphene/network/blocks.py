"""The layers that matter most where none are named: convolutions, and the outputs of the network's blocks.

A block is a module with two or more layers with weights in it, of values that lie on a grid of places, and it is one of

- an element of a list of modules (`nn.Sequential`, `nn.ModuleList`, `nn.ModuleDict`, or one with numbered parts, as in
  an exported program), such as `blocks.3` or `layer1.0`;
- such a list with blocks in it, such as `layer1`;
- a part of the network itself, such as the encoder of a U-Net.

So the branches inside a residual block, its attention and its MLP are none, and what only weighs channels, as
squeeze-and-excitation does, is none either: its layers have no places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import nn
from torch.nn.modules.conv import _ConvNd

from .network import Network
from .survey import Layer

LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
FEWEST = 2  # layers with weights in a block


def convolutions(network: Network) -> list[str]:
    """The layers that are a convolution's output, in the network's order."""
    modules = dict(network.module.named_modules(remove_duplicate=False))
    return [layer.name for layer in network.layers() if _is_convolution(layer, modules)]


def blocks(network: Network) -> list[str]:
    """The layers that are a block's output, in the network's order."""
    modules = dict(network.module.named_modules(remove_duplicate=False))
    on_grid = [(path, layer) for layer in network.layers() if layer.layout and (path := _path(layer, modules))]
    with_weights = {path for path, layer in on_grid if _places(layer) > 1 and _has_weights(modules[path])}
    candidates = {path for path, _ in on_grid if sum(each.startswith(f"{path}.") for each in with_weights) >= FEWEST}
    lists = {parent for path in candidates if _is_list(modules[parent := _parent(path)])}
    trunks = {
        parent for path in candidates if all(each.startswith(_below(parent := _parent(path))) for each in with_weights)
    }
    block_paths = {path for path in candidates if _parent(path) in lists | trunks or path in lists}
    return [layer.name for path, layer in on_grid if path in block_paths]


def distinct_blocks(network: Network) -> list[str]:
    """The same without lists of modules that return what their last block returns."""
    names = blocks(network)
    return [name for before, name in zip(["", *names], names, strict=False) if not before.startswith(f"{name}.")]


def _is_list(module: nn.Module) -> bool:
    names = [name for name, _ in module.named_children()]
    return isinstance(module, LISTS) or bool(names and all(name.isdecimal() for name in names))


def _is_convolution(layer: Layer, modules: Mapping[str, nn.Module]) -> bool:
    """By its class; one of another family, such as a quantised one, by its name, where nothing is inside it."""
    module = modules.get(_path(layer, modules))
    if layer.layout is None or module is None:
        return False
    return isinstance(module, _ConvNd) or (layer.kind.startswith("Conv") and not any(module.children()))


def _path(layer: Layer, modules: Mapping[str, nn.Module]) -> str:
    """The path of the module that gave the value; empty for the network's own, and for a function's."""
    if not layer.module:
        return ""
    first = re.sub(r"_\d+$", "", layer.name)  # a module that is called again has a number behind its name
    return layer.name if layer.name in modules else first if first in modules else ""


def _has_weights(module: nn.Module) -> bool:
    """Whether it has weights that join values: of two dimensions or more, also as a parametrization's."""
    has_matrix = any(weight is not None and weight.ndim > 1 for weight in module._parameters.values())
    return has_matrix or "parametrizations" in module._modules


def _places(layer: Layer) -> int:
    return layer.maps_shape[1] * layer.maps_shape[2]


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _below(path: str) -> str:
    """What the paths of all modules inside this one begin with."""
    return f"{path}." if path else ""
