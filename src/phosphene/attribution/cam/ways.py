"""The ways through autograd's graph from one value down to another, counted; what all of them pass through is a cut."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

Edge = tuple[Node, int]  # a value: the function that made it, and which of its results it is
Entry = tuple[Node, int]  # a function, and which of its arguments a value is

MOVES = {  # what changes which numbers a value holds and how they lie, and none of them
    f"{name}Backward" for name in "Slice Select View UnsafeView ReshapeAlias Permute Transpose T Squeeze Unsqueeze "
    "Clone Alias Narrow AsStrided".split()
}  # fmt: skip


def edge_of(value: Tensor | None) -> Edge | None:
    """Where a gradient by the value is taken; None where none is asked for."""
    if value is None or not value.requires_grad:
        return None
    edge = get_gradient_edge(value)
    return edge.node, edge.output_nr


def gradient_edge(edge: Edge) -> GradientEdge:
    return GradientEdge(*edge)


@dataclass(frozen=True, eq=False)
class Ways:
    """The functions between a value and an earlier one, each after all that use its results, and the ways down."""

    top: Edge
    bottom: Edge
    order: tuple[Node, ...]
    down: dict[Node, int]  # from each function down to the earlier value
    entered: Collection[Entry] | None  # functions by which alone the earlier value is reached

    def cuts(self) -> set[Edge]:
        """The values, the earlier one left out, that all ways pass through; none where there is no way."""
        whole = self.down[self.top[0]]
        if not whole:
            return set()
        over: dict[Node, int] = {self.top[0]: 1}  # ways from the top down to each function
        ways_to: dict[Edge, int] = {self.top: 1}
        for node in self.order:
            for before, number in node.next_functions:
                if before is not None and (before, number) != self.bottom and self.down.get(before):
                    ways_to[before, number] = ways_to.get((before, number), 0) + over[node]
                    over[before] = over.get(before, 0) + over[node]
        return {edge for edge, many in ways_to.items() if many * self.down[edge[0]] == whole}


def ways(top: Edge, bottom: Edge, entered: Collection[Entry] | None = None) -> Ways:
    """The ways from `top` down to `bottom`, of those that end in one of the functions `entered` if they are given."""
    upwards: list[Node] = []
    visited: set[Node] = set()
    ahead: list[tuple[Node, bool]] = [(top[0], False)]
    while ahead:
        node, complete = ahead.pop()
        if complete:
            upwards.append(node)
        elif node not in visited:
            visited.add(node)
            ahead.append((node, True))
            ahead += [
                (before, False)
                for before, number in node.next_functions
                if before is not None and before not in visited and (before, number) != bottom
            ]
    down: dict[Node, int] = {}
    for node in upwards:
        down[node] = 0
        for at, (before, number) in enumerate(node.next_functions):
            if (before, number) == bottom:
                down[node] += entered is None or (node, at) in entered
            elif before is not None:
                down[node] += down[before]
    return Ways(top, bottom, tuple(node for node in reversed(upwards) if down[node]), down, entered)


def entries(top: Edge, bottom: Edge) -> list[Entry]:
    """The functions on the ways from `top` that take the value `bottom`, and as which of their arguments."""
    return [
        (node, at)
        for node in ways(top, bottom).order
        for at, (before, number) in enumerate(node.next_functions)
        if (before, number) == bottom
    ]


def unmoved(edge: Edge) -> list[Edge]:
    """The value and those before it that it was only sliced, viewed or permuted out of, nearest first."""
    chain = [edge]
    while (name := chain[-1][0].name()).rstrip("0123456789") in MOVES and name:
        before = chain[-1][0].next_functions[0]
        if before[0] is None:
            break
        chain.append((before[0], before[1]))
    return chain
