"""What each function does to the places of its arguments.

A rule has the name of the function it describes and takes its arguments, after the tracker (to look places up) and the
function's result (for its shape); it returns the result's place, a list of them for several results, or None where it
can't tell. One rule serves the method, the functional form and the in-place form alike. The rules stand in `pointwise`,
`sliding`, `joining`, `moving` and `concatenating`; those of `scatter_rules` and `meeting` are asked when they can't
tell. A function for which no rule has an answer makes its result's receptive field not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .scatter import Scatter


class Tracker(Protocol):
    """Knows the places of the values of one run."""

    def place(self, value: Any) -> Any:
        """The value's `Place`, None if it holds nothing of the image; a `Scatter` only to rules of scattered ones."""

    def scatter(self, value: Any) -> Scatter:
        """The same, element by element."""


Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}
SCATTER_RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Notes the decorated function as the rule of the functions of these names."""

    return _noting(RULES, names)


def scatter_rule(*names: str) -> Callable[[Rule], Rule]:
    """The same, for values whose places are scattered."""
    return _noting(SCATTER_RULES, names)


def _noting(table: dict[str, Rule], names: tuple[str, ...]) -> Callable[[Rule], Rule]:
    def note(function: Rule) -> Rule:
        table.update(dict.fromkeys(names, function))
        return function

    return note


def dims_of(dim: Any, ndim: int) -> list[int]:
    """The dimensions that an argument `dim` names, counted from the front; all if it is None."""
    if dim is None:
        return list(range(ndim))
    return [d % ndim for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
