"""Copies of a network with the weights of some layers randomised; the network itself is left alone.

`permute` gives every weight of a layer another place in its tensor: the values, and so their mean, spread and tails,
stay, and what was learned in their arrangement is gone. `normal` draws new ones of each tensor's mean and spread.
Vectors of one layer (a batch normalisation's weights, biases and running statistics) are permuted together in either
case, so that every variance stays above zero and belongs to the mean that it came with. J. Adebayo et al. (2018) draw
anew from the layer's initialiser, which also changes the scale of every signal. A weight that is made of others, as
under a spectral norm or pruned, is randomised as the network uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ..network import Network
from ..network.weights import plain_copy

How = Literal["permute", "normal"]


@dataclass(frozen=True)
class Stage:
    """Modules that are randomised together; `name` is of the one that lies deepest in the network."""

    name: str
    modules: tuple[str, ...]


def parametrised(network: Network, size: tuple[int, int] | None = None) -> list[str]:
    """The names of the modules that hold weights of their own, in the order in which they are computed."""
    computed = {name: place for place, name in enumerate(network.survey(size).names)}

    def place(name: str) -> int:
        if not name:
            return -1  # what the whole network owns, as a vision transformer its positions, meets the image first
        while name and name not in computed:  # a part that no call shows is computed with what it is part of
            name = name.rpartition(".")[0]
        return computed.get(name, len(computed))

    owners = [name for name, module in network.module.named_modules() if any(True for _ in module.parameters(False))]
    owners = [_holder(name) for name in owners]
    return sorted(dict.fromkeys(owners), key=place)


def _holder(name: str) -> str:
    """The module that computes with a weight, where the name is of what the weight is made of."""
    return name.partition(".parametrizations.")[0]


def stages(network: Network, count: int, size: tuple[int, int] | None = None) -> list[Stage]:
    """The modules with weights in at most `count` stages, from the top down: first the last module alone, then equal
    numbers of modules."""
    if count < 1:
        raise ValueError(f"a cascade has at least one stage, not {count}")
    names = parametrised(network, size)[::-1]
    if not names:
        raise ValueError(f"{network.name} has no weights that could be randomised")
    rest, groups = names[1:], min(count - 1, len(names) - 1)
    if not groups:
        return [Stage(names[-1], tuple(names))]
    ends = [round(len(rest) * (index + 1) / groups) for index in range(groups)]
    parts = [names[:1], *(rest[start:end] for start, end in zip([0, *ends], ends, strict=False))]
    return [Stage(part[-1], tuple(part)) for part in parts]


def randomised(network: Network, modules: Iterable[str], *, how: How = "permute", seed: int = 0) -> Network:
    """A copy of the network whose modules of these names have random weights; the same for the same seed.

    What a module gets depends on its name and the seed alone, not on what else is randomised. Raises ValueError for
    another way `how`, and where the module can't be copied.
    """
    copied = _copied(network, how)
    _randomise_all(copied, modules, how, seed)
    return copied


def descending(
    network: Network, steps: Sequence[Stage], *, cumulative: bool = True, how: How = "permute", seed: int = 0
) -> Iterator[Network]:
    """A copy of the network at each stage: random there, and if `cumulative` in all stages before it as well.

    It is the same copy each time, changed in between: use it before asking for the next.
    """
    copied = _copied(network, how)
    for stage in steps:
        kept = [
            (tensor, tensor.detach().clone())
            for name in stage.modules
            for tensor in _tensors(copied.module.get_submodule(name))
        ]
        _randomise_all(copied, stage.modules, how, seed)
        yield copied
        if not cumulative:
            with torch.no_grad():
                for tensor, values in kept:
                    tensor.copy_(values)


def _copied(network: Network, how: How) -> Network:
    if how not in get_args(How):
        raise ValueError(f"weights are randomised by {' or '.join(get_args(How))}, not {how!r}")
    try:
        with torch.inference_mode(False):  # else its weights would be ones that no gradient can pass
            module = plain_copy(network.module)
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{network.name} can't be copied, so its weights can't be randomised: {error}") from error
    return Network(module, network.preprocessing, network.labels)


def _randomise_all(network: Network, modules: Iterable[str], how: How, seed: int) -> None:
    done: set[int] = set()
    for name in modules:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + _number(name))
        _randomise(network.module.get_submodule(name), how, generator, done)


def _randomise(module: nn.Module, how: How, generator: torch.Generator, done: set[int]) -> None:
    shuffles: dict[int, Tensor] = {}
    with torch.no_grad():
        for tensor in _tensors(module):
            if id(tensor) in done:
                continue
            done.add(id(tensor))
            count = tensor.numel()
            if tensor.ndim < 2:
                if count not in shuffles:
                    shuffles[count] = torch.randperm(count, generator=generator)
                values = tensor.reshape(-1)[shuffles[count].to(tensor.device)]
            elif how == "permute":
                values = tensor.reshape(-1)[torch.randperm(count, generator=generator).to(tensor.device)]
            else:
                drawn = torch.randn(count, generator=generator, dtype=torch.float64).to(tensor)
                values = tensor.mean() + tensor.std(correction=0) * drawn
            tensor.copy_(values.view_as(tensor))


def _tensors(module: nn.Module) -> list[Tensor]:
    """The module's own weights, and its statistics: buffers with a number a channel."""
    statistics = [buffer for buffer in module.buffers(recurse=False) if buffer.is_floating_point() and buffer.ndim == 1]
    return [*module.parameters(recurse=False), *statistics]


def _number(name: str) -> int:
    """A number for a name that is the same in every run of Python."""
    number = 0
    for letter in name.encode():
        number = (number * 257 + letter) % 1_000_003
    return number
