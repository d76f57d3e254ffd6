"""Objectives: what a synthesised image is to do, as values that add and scale.

An objective reads values of the network, by their addresses, and the images themselves, and gives one score an image:
the higher, the better. `unit(...)` is what most recipes start from; priors (`priors.py`) are terms of the same kind, so
that `unit(network, "logits:goose", size) - 0.1 * total_variation()` says what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...input_photo import named
from ...network import Address, Network
from ...network.running.outputs import main_tensor

IMAGES = "<images>"  # reads the images (N, 3, H, W) in [0, 1], before any transform, in the place of an address

Size = tuple[int, int]
Values = Mapping[str, Tensor]  # by address, as `Network.record` gives them, and IMAGES


@dataclass(frozen=True)
class Term:
    """One thing to raise: the addresses that it reads, and what it makes of their values: one number an image (N,).

    `spec` names it as a prior, with a place for its weight: 'tv:{weight},beta=1.5'.
    """

    name: str
    reads: tuple[str, ...]
    measure: Callable[..., Tensor]
    spec: str = ""

    def __call__(self, values: Values) -> Tensor:
        return self.measure(*(values[address] for address in self.reads))


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms; one score an image, to be raised. A term of weight 0 is only told, among the parts."""

    terms: tuple[tuple[float, Term], ...]

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(address for _, term in self.terms for address in term.reads)

    @property
    def name(self) -> str:
        first, *following = self._raised or self.terms
        words = [f"{'' if first[0] == 1 else f'{first[0]:g} × '}{first[1].name}"]
        for weight, each in following:
            factor = "" if abs(weight) == 1 else f"{abs(weight):g} × "
            words.append(f"{'−' if weight < 0 else '+'} {factor}{each.name}")
        return " ".join(words)

    @property
    def _raised(self) -> tuple[tuple[float, Term], ...]:
        return tuple(part for part in self.terms if part[0])

    def parts(self, values: Values) -> dict[str, Tensor]:
        """Each term's value for each image (N,), before its weight."""
        return {each.name: each(values) for _, each in self.terms}

    def score(self, values: Values) -> Tensor:
        """The weighted sum for each image (N,)."""
        return torch.stack([weight * each(values) for weight, each in self._raised or self.terms]).sum(0)

    def __add__(self, other: Objective) -> Objective:
        return Objective(self.terms + other.terms)

    def __sub__(self, other: Objective) -> Objective:
        return self + -other

    def __mul__(self, weight: float) -> Objective:
        return Objective(tuple((factor * weight, each) for factor, each in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return -1.0 * self


def objective(name: str, reads: str | Sequence[str], measure: Callable[..., Tensor], spec: str = "") -> Objective:
    """The objective of one term; `measure` gets the values of `reads` in their order."""
    return Objective(((1.0, Term(name, (reads,) if isinstance(reads, str) else tuple(reads), measure, spec)),))


def unit(network: Network, target: str | Address | Sequence[str | Address], size: Size) -> Objective:
    """The activation of a unit, channel or layer, a class's score or its probability, by its address.

    `layer:17@5,6` is one neuron; `layer:17` a channel, its mean over all places; `layer` the mean square of all its
    activations; `logits:goose` a class's score, `probabilities:goose` its probability. Several addresses in one layer,
    one for each image of the batch, ask something else of each. `size` is the (height, width) of the network's input.

    Raises LookupError for an address that is not there, ValueError for several that are not all units of one layer.
    """
    several = [target] if isinstance(target, (str, Address)) else list(target)
    addresses = [network.address(each, size) for each in several]
    if not addresses:
        raise ValueError("no target was given; name at least one, such as 'logits:281'")
    if len(addresses) > 1:
        return objective(f"units of {addresses[0].layer}", addresses[0].layer, _each(network, addresses, size))
    address = addresses[0]
    if is_layer(address):
        batch = network.layer(address.layer, size).batch
        return objective(f"mean square of {address}", address.layer, lambda value: _mean_square(value, batch))
    return objective(
        named(network, address), str(address), lambda value: value.flatten(1).mean(1) if value.ndim > 1 else value
    )


def is_layer(address: Address) -> bool:
    """Whether it means the whole layer."""
    return address.channel is None and address.place is None and address.token is None


def _mean_square(value: Tensor, batch: int) -> Tensor:
    tensor = main_tensor(value)
    assert tensor is not None
    return tensor.movedim(batch, 0).flatten(1).square().mean(1)


def _each(network: Network, addresses: Sequence[Address], size: Size) -> Callable[[Tensor], Tensor]:
    """Measures unit i for image i."""
    if len({address.layer for address in addresses}) > 1 or any(a.channel is None or a.token for a in addresses):
        text = ", ".join(str(address) for address in addresses)
        raise ValueError(f"the images of one batch ask for channels or classes of one layer, not for {text}")
    layer = network.layer(addresses[0].layer, size)
    channels = [int(address.channel) for address in addresses]  # type: ignore[arg-type]

    def measure(value: Tensor) -> Tensor:
        tensor = main_tensor(value)
        assert tensor is not None
        if len(tensor) != len(channels):
            raise ValueError(f"{len(channels)} targets don't fit {len(tensor)} images; give one for each")
        if layer.layout is not None:
            tensor = layer.layout.maps(tensor.movedim(layer.batch, 0))
        units = tensor[torch.arange(len(tensor)), channels].reshape(len(tensor), -1)
        columns = layer.maps_shape[2]
        whole = units.mean(1)
        with_place = [i for i, address in enumerate(addresses) if address.place]
        if not with_place:
            return whole
        at = [a.place[0] * columns + a.place[1] if a.place else 0 for a in addresses]
        single = units[torch.arange(len(tensor)), at]
        mask = torch.tensor([a.place is not None for a in addresses], device=tensor.device)
        return torch.where(mask, single, whole)

    return measure
