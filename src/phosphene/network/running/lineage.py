"""How a network's output was computed, as far as it says how its numbers become probabilities.

While a network runs, every value remembers the function that made it and the values that this function took. From the
output one walks back through functions that only move or select numbers: what is met first is what the network ends in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from .call_names import function_name
from .outputs import tensors_in

_MOVING = frozenset(
    "view reshape flatten squeeze unsqueeze contiguous clone detach to type_as float half double bfloat16 getitem "
    "transpose permute select narrow expand index_select T mT dropout chunk split unbind view_as reshape_as "
    "unflatten movedim swapaxes swapdims data type cpu cuda ravel clamp clip clamp_min clamp_max".split()
)
_SQUASHING = frozenset("softmax sigmoid hardsigmoid special_softmax special_expit".split())
_LOGARITHMS = frozenset("log_softmax logsigmoid log_sigmoid special_log_softmax".split())
_COMBINING = frozenset("cat concat concatenate stack mul mean".split())  # of probabilities gives probabilities


@dataclass(frozen=True, eq=False)
class Made:
    """A value's making: the function's name, and the values that it took, of which some are not known."""

    function: str
    inputs: tuple[Made | None, ...]


class Lineage:
    """Wraps a caller of functions, and remembers of every tensor how it was made."""

    def __init__(self, call: Callable[[Callable, tuple, dict], Any]) -> None:
        self._call = call
        self._made: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def __call__(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        inputs = tuple(self._made.get(value) for value in tensors_in((args, kwargs)))
        out = self._call(func, args, kwargs)
        name = "rsub" if getattr(func, "__name__", "") in ("__rsub__", "rsub") else function_name(func)
        made = Made(name, inputs)
        for value in tensors_in(out):
            self._made[value] = made
        return out

    def head(self, output: Tensor) -> str | None:
        """What an output of probabilities is: 'probabilities' or 'log-probabilities'; None where it is neither."""
        return _head(self._made.get(output), {})

    def last(self, output: Tensor) -> str:
        """The function that computed the output's numbers; '' where that is not known."""
        made = _computing(self._made.get(output))
        return made.function if made else ""


def _computing(made: Made | None) -> Made | None:
    """What computed the numbers, behind functions that only move, select or limit them."""
    while made is not None and made.function in _MOVING and made.inputs:
        made = made.inputs[0]
    return made


def _head(made: Made | None, heads: dict[Made | None, str | None]) -> str | None:
    """What it is; `heads` has what was found before, as there may be very many ways back to one value."""
    made = _computing(made)
    if made not in heads:
        heads[made] = None if made is None else _kind(made, heads)
    return heads[made]


def _kind(made: Made, heads: dict[Made | None, str | None]) -> str | None:
    if made.function in _SQUASHING:
        return "probabilities"
    if made.function in _LOGARITHMS:
        return "log-probabilities"
    if made.function not in (*_COMBINING, "exp", "rsub"):
        return None
    before = {_head(each, heads) for each in made.inputs}
    if made.function == "exp":
        return "probabilities" if before == {"log-probabilities"} else None
    several = len(made.inputs) > 1 or made.function in ("stack", "mean", "rsub")  # p * 100 is none, 1 - p is one
    return "probabilities" if several and before == {"probabilities"} else None
