"""A network's values as a tree, and which of them a drawing shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ...network import Layer

FEWEST, MOST = 12, 40  # rows that a reader takes in
INERT = ("Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "DropPath", "StochasticDepth", "PatchDropout")
INERT_FUNCTIONS = ("dropout", "dropout2d", "feature_dropout", "contiguous", "clone", "detach", "to", "float")
ARRANGING = (
    "flatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze", "getitem", "movedim", "expand",
    "unflatten", "T", "mT", "swapaxes", "rearrange",
)  # fmt: skip


@dataclass(eq=False)
class Node:
    """A value and those that were computed inside the module that returned it."""

    layer: Layer
    module: nn.Module | None  # None for functions
    parts: list[Node]


def tree(layers: Sequence[Layer], modules: dict[str, nn.Module]) -> Node:
    """The values as a tree. What a module computes inside comes just before what it returns."""
    nodes: list[Node] = []
    for layer in layers:
        path = _path(layer.name, modules)
        module = None if path is None else modules[path]
        parts: list[Node] = []
        while module is not None and nodes and _inside(nodes[-1].layer, layer, path):
            parts.insert(0, nodes.pop())
        nodes.append(Node(layer, module, parts))
    if not nodes:
        raise ValueError("the network computes nothing from its input, so there is nothing to draw")
    return nodes[-1]


def _path(name: str, modules: dict[str, nn.Module]) -> str | None:
    """The dotted path of the module that returned a value; repeated calls are numbered ('conv_1')."""
    if name == "logits" and name not in modules:
        return ""
    start, _, number = name.rpartition("_")
    return name if name in modules else start if number.isdigit() and start in modules else None


def _inside(inner: Layer, outer: Layer, path: str | None) -> bool:
    return inner.depth > outer.depth and (not path or inner.name.startswith(f"{path}."))


def open_to(root: Node, depth: int) -> list[Node]:
    nodes = [root]
    for _ in range(depth):
        nodes = [part for node in nodes for part in (_steps(node) or [node])]
    return nodes


def opened(root: Node) -> list[Node]:
    """What the network calls, Sequentials opened, and then the costliest modules until there are enough rows."""
    nodes, refused = open_to(root, 1), set()
    while True:
        few = len(visible(nodes)) < FEWEST
        kinds = [
            (node.layer.kind == "Sequential", node.layer.operations, (node.layer.kind, node.layer.depth))
            for node in nodes
            if _steps(node) and (few or node.layer.kind == "Sequential")
        ]
        choices = [choice for choice in kinds if choice[2] not in refused]
        if not choices:
            return nodes
        kind = max(choices)[2]
        wider = [
            part
            for node in nodes
            for part in (_steps(node) if (node.layer.kind, node.layer.depth) == kind and _steps(node) else [node])
        ]
        if len(visible(wider)) <= MOST:
            nodes = wider
        else:
            refused.add(kind)


def _steps(node: Node) -> list[Node]:
    """The values inside a module, unless it is one layer that computes by a function (or several) of its own."""
    return node.parts if any(part.module is not None and not _inert(part) for part in node.parts) else []


def _inert(node: Node) -> bool:
    return node.layer.kind in (INERT if node.module is not None else INERT_FUNCTIONS)


def visible(nodes: Sequence[Node], input_values: int = -1) -> list[Node]:
    """Without what passes its input on, or only arranges it anew; `input_values` is their number in the input."""
    nodes_kept: list[Node] = []
    before = input_values
    for node in nodes:
        count = math.prod(node.layer.shape)
        moved = node.module is None and node.layer.kind in ARRANGING and count == before
        if not _inert(node) and not moved:
            nodes_kept.append(node)
        before = count
    return nodes_kept


def group(node: Node, first: bool) -> str:
    """What a layer is, by what it holds: attention before convolution before linear."""
    kinds = [_kind.lower() for _kind in _kinds(node)]
    kind_name = node.layer.kind.lower()
    has = {part: any(part in kind for kind in kinds) for part in ("attention", "attn", "conv", "linear", "matmul")}
    if has["attention"] or has["attn"]:
        return "attention"
    if has["conv"]:
        return "stem" if first else "convolution"
    if (
        "pool" in kind_name
        or kind_name == "mean"
        or (kind_name == "sequential" and any("pool" in kind for kind in kinds))
    ):
        return "pooling"
    return "linear" if has["linear"] or has["matmul"] else "other"


def _kinds(node: Node) -> list[str]:
    inner = [type(module).__name__ for module in node.module.modules()] if node.module is not None else []
    return [node.layer.kind, *inner, *(kind for part in node.parts for kind in _kinds(part))]
