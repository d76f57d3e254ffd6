"""What a sweep is asked to do: which layers of a network, how much is kept of each, and which images' features."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from ...network import Layer, Network
from ...network.blocks import blocks, convolutions
from ...network.running.seam import OUTPUT

CONVOLUTIONS = "convolutions"  # the word for every layer that is a convolution's output
POOLS = ("mean", "max", "none")
K = 9


@dataclass(frozen=True)
class Work:
    """The units of `layers`, their `k` strongest patches, at most `each` of one image, and images' features."""

    layers: tuple[str, ...]
    features: tuple[str, ...] = ()
    k: int = K
    each: int = 1
    pool: str = "mean"  # a map's features: the mean or the largest over its places, or all of them
    half: bool = False  # features as float16
    batch: int = 16

    def __post_init__(self) -> None:
        for name in ("k", "each", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is a number above 0, not {getattr(self, name)}")
        if self.pool not in POOLS:
            raise ValueError(f"pool {self.pool!r} is not known; it is one of {', '.join(POOLS)}")
        if not self.layers and not self.features:
            raise ValueError("there is nothing to keep: name layers, features, or both")

    def keeps_units_of(self, other: Work) -> bool:
        """Whether what it keeps of a layer's units holds what the other asks for."""
        return self.k >= other.k and self.each == other.each

    def keeps_features_of(self, other: Work) -> bool:
        return self.pool == other.pool and (other.half or not self.half)

    def without(self, layers: Collection[str], features: Collection[str]) -> Work | None:
        """The work that is left where these are done; None where nothing is."""
        rest = tuple(name for name in self.layers if name not in layers)
        others = tuple(name for name in self.features if name not in features)
        return replace(self, layers=rest, features=others) if rest or others else None


@dataclass(frozen=True)
class Sweep:
    """One network's pass over the images: its name in the atlas, and what was asked for."""

    name: str
    network: str
    fingerprint: str
    opening: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    labels: tuple[str, ...] = field(repr=False)
    work: Work

    @classmethod
    def of(cls, name: str, network: Network, work: Work) -> Sweep:
        labels = tuple(network.labels[index] for index in range(len(network.labels))) if network.labels else ()
        preprocessing = network.preprocessing.to_dict()
        return cls(name, network.name, network.fingerprint, network.opening, preprocessing, labels, work)


def chosen_layers(network: Network, names_asked: str | Sequence[str] | None) -> tuple[str, ...]:
    """The layers asked for by name, by pattern ('blocks.*') or as 'convolutions', in the network's order.

    None: all convolutions and the outputs of the blocks (blocks.py); without convolutions, also all layers with places
    that a module outside of others gives.
    """
    every = network.layers()
    names = set(_default_layers(network) if names_asked is None else ())
    for name in [names_asked] if isinstance(names_asked, str) else names_asked or ():
        if name == CONVOLUTIONS:
            matching = convolutions(network)
        elif any(sign in name for sign in "*?["):
            matching = [layer.name for layer in every if fnmatchcase(layer.name, name) and _usable(layer)]
        else:
            matching = [_checked(network, name).name]
        if not matching:
            raise LookupError(f"no layer of {network.name} is meant by {name!r}; network.layers() lists them all")
        names |= set(matching)
    return tuple(dict.fromkeys(layer.name for layer in every if layer.name in names))


def _default_layers(network: Network) -> list[str]:
    """The layers if none are asked for."""
    convolution_names = convolutions(network)
    outer = [layer.name for layer in network.layers() if layer.layout is not None and layer.module and layer.depth <= 2]
    return [*(convolution_names or outer), *blocks(network)]


def described_layers(network: Network, names_asked: str | Sequence[str] | None) -> tuple[str, ...]:
    """The layers whose features are kept; None: the last one before the scores."""
    if names_asked is None:
        every = [layer for layer in network.layers() if _usable(layer)]
        scores = next((layer.shape for layer in every if layer.name == OUTPUT), None)  # None of what finds objects
        before = [layer.name for layer in every if layer.shape != scores]
        return (before[-1] if before else OUTPUT,)
    names = [names_asked] if isinstance(names_asked, str) else list(names_asked)
    return tuple(dict.fromkeys(_checked(network, name).name for name in names))


def _checked(network: Network, name: str) -> Layer:
    layer = network.layer(name)
    if not _usable(layer):
        shape = " × ".join(map(str, layer.shape))
        raise ValueError(f"{name} of {network.name} is {shape} an image, without channels and places; choose another")
    return layer


def _usable(layer: Layer) -> bool:
    return layer.layout is not None or (len(layer.shape) == 1 and layer.batch == 0)
