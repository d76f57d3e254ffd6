"""When a network uses its weights, followed through one run whoever calls their modules.

A weight is used where it, or something computed from weights alone (a view, a cast, a product of two small matrices),
enters a function together with something computed from the image. So it does not matter whether a module is called,
its `forward` is, or a function is given its weights, nor in which list the weights stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from ...network import Network
from ...network.running.call_names import function_name
from ...network.running.evaluating import evaluating
from ...network.running.seam import Run

JOINING = ("add", "sub", "cat", "concat", "concatenate", "stack")  # by which positions and tokens come to a value


@dataclass
class Uses:
    """The last use of each weight of a network, by its dotted name: the number of the function call."""

    last: dict[str, int] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)  # weights that are added or appended to values and nothing else
    first_layers: int = 0  # the call by which a second layer's weights come in; weights joined before meet the image


class _Following:
    """Calls functions as `Run` asks it to, and notes which weights come to the image by which of them."""

    def __init__(self, weights: Mapping[str, Tensor], image: Tensor) -> None:
        self.uses, self.calls = Uses(), 0
        self.of_weights: WeakIdKeyDictionary = WeakIdKeyDictionary()  # tensor -> names of weights, of these alone
        self.of_image: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self.mixed: set[str] = set()  # weights that did more than join
        for name, weight in weights.items():
            self.of_weights[weight] = self.of_weights.get(weight, frozenset()) | {name}
        self.of_image[image] = True

    def __call__(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        inputs = list(_tensors((args, kwargs)))
        names = frozenset().union(*(self.of_weights.get(value, frozenset()) for value in inputs))
        image = any(value in self.of_image for value in inputs)
        out = func(*args, **kwargs)
        for value in _tensors(out):
            if image:
                self.of_image[value] = True
                if value in self.of_weights and not isinstance(value, nn.Parameter):  # written into
                    del self.of_weights[value]
            elif names and not isinstance(value, nn.Parameter):
                self.of_weights[value] = names
        if image and names:
            self._note(names, function_name(func).strip("_").removeprefix("i").removeprefix("r") in JOINING)
        return out

    def _note(self, names: frozenset[str], joins: bool) -> None:
        self.calls += 1
        self.uses.last.update(dict.fromkeys(names, self.calls))
        if not joins:
            if self.mixed - names and not self.uses.first_layers:
                self.uses.first_layers = self.calls
            self.mixed |= names
        self.uses.joined = (self.uses.joined | names) - self.mixed


def uses(network: Network, x: Tensor) -> Uses:
    """When the network uses its weights for the input `x` (N, C, H, W)."""
    module = network.module
    weights = dict(module.named_parameters(remove_duplicate=False))
    image = x.detach().clone()
    following = _Following(weights, image)
    run = Run(module, lambda name, kind, value: value, following)
    with torch.inference_mode(False), evaluating(module), torch.no_grad(), run:
        module(image)
    return following.uses


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _tensors(value)
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)
