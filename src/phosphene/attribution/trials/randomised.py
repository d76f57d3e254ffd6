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

from ...network import Network
from ...network.running.weights import makes_weights, plain_copy
from .usage import Uses, uses

How = Literal["permute", "normal"]


@dataclass(frozen=True)
class Stage:
    """Parts that are randomised together; `name` is of the one that lies deepest among those that are used."""

    name: str
    modules: tuple[str, ...]  # names of modules, or of single weights


@dataclass(frozen=True)
class Parts:
    """The modules that hold weights of their own, and weights that stand by themselves."""

    used: tuple[str, ...]  # in the order in which they are used for the last time
    unused: tuple[str, ...]  # those of which nothing reaches the image


def parametrised(network: Network, size: tuple[int, int] | None = None) -> list[str]:
    """The names of all parts that hold weights of their own, in the order in which they are used; unused ones first."""
    network_parts = parts(network, size)
    return [*network_parts.unused, *network_parts.used]


def parts(network: Network, size: tuple[int, int] | None = None, x: Tensor | None = None) -> Parts:
    """The network's parts with weights, in the order of use for the input `x` (N, C, H, W), or for noise of that size.

    A module's weights belong together and count from where the last of them is used. In a list of weights each stands
    by itself, and so do the matrices of a module that multiplies by several of them one after the other. Positions and
    tokens that join the first layer's values count as below it: they meet the image first.
    """
    if x is None:
        noise = torch.Generator().manual_seed(0)
        x = torch.rand(1, network.channels or 3, *(size or network.preprocessing.size), generator=noise)
        x = x.to(network.device, network.dtype)
    if makes_weights(network.module):  # copies, whose names these are, hold what is made
        network = _copied(network, "permute")
    usage = uses(network, x)
    last_use: dict[str, int] = {}
    unused: list[str] = []
    for path, module in network.module.named_modules():
        for name, weights in _groups(path, module, usage):
            uses_of_part = [_place(weight, usage) for weight in weights if weight in usage.last]
            if uses_of_part:
                last_use[name] = max(uses_of_part)
            else:
                unused.append(name)
    return Parts(tuple(sorted(last_use, key=lambda name: last_use[name])), tuple(unused))


def _groups(path: str, module: nn.Module, result: Uses) -> Iterator[tuple[str, list[str]]]:
    """The parts that a module's own weights make: their name and those of their weights."""
    named = {f"{path}.{name}" if path else name: weight for name, weight in module.named_parameters(recurse=False)}
    if not named:
        return
    times = {
        result.last[name] for name, one in named.items() if one.ndim > 1 and name in result.last.keys() - result.joined
    }
    if isinstance(module, (nn.ParameterList, nn.ParameterDict)) or len(times) > 1:
        yield from ((name, [name]) for name in named)
    else:
        yield path, list(named)


def _place(weight: str, result: Uses) -> int:
    """The call that uses a weight last; 0 for what joins the first layer's values."""
    at = result.last[weight]
    return 0 if weight in result.joined and (not result.first_layers or at < result.first_layers) else at


def stages(network: Network, count: int, size: tuple[int, int] | None = None, x: Tensor | None = None) -> list[Stage]:
    """The parts with weights in at most `count` stages, from the top down: first the last one alone, then equal numbers
    of them. Parts that nothing uses go with the last stage."""
    if count < 1:
        raise ValueError(f"a cascade has at least one stage, not {count}")
    whole = parts(network, size, x)
    names = whole.used[::-1]
    if not names:
        raise ValueError(f"{network.name} has no weights that could be randomised")
    rest, groups = names[1:], min(count - 1, len(names) - 1)
    if not groups:
        return [Stage(names[-1], (*names, *whole.unused))]
    ends = [round(len(rest) * (index + 1) / groups) for index in range(groups)]
    stage_names = [names[:1], *(rest[start:end] for start, end in zip([0, *ends], ends, strict=False))]
    return [Stage(part[-1], part if part is not stage_names[-1] else (*part, *whole.unused)) for part in stage_names]


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
        saved = [
            (tensor, tensor.detach().clone()) for name in stage.modules for tensor in _tensors(copied.module, name)
        ]
        _randomise_all(copied, stage.modules, how, seed)
        yield copied
        if not cumulative:
            with torch.no_grad():
                for tensor, values in saved:
                    tensor.copy_(values)


def _copied(network: Network, how: How) -> Network:
    if how not in get_args(How):
        raise ValueError(f"weights are randomised by {' or '.join(get_args(How))}, not {how!r}")
    try:
        with torch.inference_mode(False):  # else its weights would be ones that no gradient can pass
            module = plain_copy(network.module)
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{network.name} can't be copied, so its weights can't be randomised: {error}") from error
    return Network(module, network.preprocessing, network.labels, head=network.head)


def _randomise_all(network: Network, modules: Iterable[str], how: How, seed: int) -> None:
    randomised: set[int] = set()
    for name in modules:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + _number(name))
        _randomise(_tensors(network.module, name), how, generator, randomised)


def _randomise(tensors: Sequence[Tensor], how: How, generator: torch.Generator, randomised: set[int]) -> None:
    shuffles: dict[int, Tensor] = {}
    with torch.no_grad():
        for tensor in tensors:
            if id(tensor) in randomised:
                continue
            randomised.add(id(tensor))
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


def _tensors(root: nn.Module, name: str) -> list[Tensor]:
    """The own weights of the module of that name and its statistics, buffers with a number a channel; or the weight."""
    above, _, last = name.rpartition(".")
    if last in root.get_submodule(above)._parameters:
        return [root.get_parameter(name)]
    module = root.get_submodule(name)
    statistics = [buffer for buffer in module.buffers(recurse=False) if buffer.is_floating_point() and buffer.ndim == 1]
    return [*module.parameters(recurse=False), *statistics]


def _number(name: str) -> int:
    """A number for a name that is the same in every run of Python."""
    number = 0
    for letter in name.encode():
        number = (number * 257 + letter) % 1_000_003
    return number
