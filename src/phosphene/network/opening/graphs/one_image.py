"""Graphs that were written down for one image: whether they take several, and a check where they don't."""

from typing import Any

import torch
from torch import Tensor, fx, nn

from ...preprocessing import Preprocessing
from .graph_module import quiet
from .onnx_layers import OneImage

CLOSE = 1e-3  # how near two answers must be to count as the same


def together(module: nn.Module, way: Preprocessing) -> str:
    """A sentence where two images together get other answers than each alone; empty where they get the same."""
    generator = torch.Generator().manual_seed(0)
    first = next(module.parameters(), torch.empty(0))
    images = torch.rand(2, way.channels, *way.size, generator=generator).to(first.dtype)
    with torch.no_grad():
        try:
            alone = [tensors_of_output(module(image[None])) for image in images]
        except Exception:  # it does not run at the size that is assumed; whoever uses it is told so
            return ""
        try:
            both = tensors_of_output(module(images))
        except Exception:  # whatever a graph for one image does with two
            return "the file is written for one image at a time"
    for part, *each in zip(both, *alone, strict=True):
        expected = torch.cat(each) if each[0].ndim else torch.stack(each)
        if part.shape != expected.shape or not torch.allclose(part, expected, rtol=CLOSE, atol=CLOSE):
            return "the file is written for one image at a time"
    return ""


def tensors_of_output(value: Any) -> list[Tensor]:
    """All tensors in what a network returned."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [tensor for part in parts for tensor in tensors_of_output(part)]


def one_by_one(module: fx.GraphModule, why: str) -> fx.GraphModule:
    """The module with a check in front that refuses several images, and says why."""
    module.add_submodule("one_image", OneImage(why))
    first = next(node for node in module.graph.nodes if node.op == "placeholder")
    with module.graph.inserting_after(first):
        checked = module.graph.call_module("one_image", (first,))
    first.replace_all_uses_with(checked, delete_user_cb=lambda user: user is not checked)
    module.recompile()
    return quiet(module)
