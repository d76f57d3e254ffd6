"""A module made of a graph, which raises its errors as any module does."""

from collections.abc import Mapping
from typing import Any

from torch import fx


def graph_module(parts: Mapping[str, Any], graph: fx.Graph, name: str) -> fx.GraphModule:
    """The module that computes `graph`, whose calls and attributes are `parts` by their dotted names."""
    return quiet(fx.GraphModule(dict(parts), graph, name))


def quiet(module: fx.GraphModule) -> fx.GraphModule:
    """The module without torch.fx's report on stderr for every error; each one has a class of its own."""
    if "__call__" in vars(type(module)):
        del type(module).__call__
    return module
