"""Whether what a network computes for an image depends on that image alone: found by trying, once for its weights.

Two things can come between. A network may answer by chance: a dropout that is always on, stochastic depth, noise. And
it may mix the images of a batch: a batch norm without running statistics, attention or a range over the whole batch, a
dynamically quantized layer. Two runs tell: an image alone, and the same image beside a very different one, whose values
are compared module by module. Where they differ, or a random number was drawn, further runs look at every value: what
differs between two runs of the image alone is due to chance, the rest to the batch.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .call_names import modules_of
from .chance import moved, own_chance, states
from .evaluating import evaluating
from .outputs import main_tensor
from .seam import OUTPUT, Run

SAMPLE = 1024  # numbers of a value that are compared, spread over it
ALIKE = {torch.float64: 1e-9, torch.float32: 1e-4}  # of a value's largest number; rounding stays below 2e-6 of it
COARSE = 5e-2  # in half precision, where rounding reaches 2e-2, and on accelerators, which may round their factors
TRIES = 32  # runs of a network that draws random numbers before its answers are taken not to depend on them


@dataclass(frozen=True)
class Steadiness:
    """The names of values that random numbers, or the other images of a batch, change, in order of computation."""

    random: tuple[str, ...] = ()
    coupled: tuple[str, ...] = ()
    compared: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    spread: float = 0.0  # by how much the first of them changed, as a share of its largest number

    def is_random(self, layer: str) -> bool:
        """Whether chance changes the layer's value; one that can't be compared if anything before it changes."""
        if not self.random or layer in self.compared:
            return layer in self.random
        return layer not in self.names or self.names.index(layer) > self.names.index(self.random[0])

    def insist(self, network: str, layer: str, promise: str) -> None:
        """Raises ValueError if random numbers change the layer's value, so that exact numbers can't be promised."""
        if self.is_random(layer):
            raise ValueError(
                f"{network} answers at random: the same image gives other values each time, from {self.random[0]} on, "
                f"and {promise}; switch off what draws random numbers (a dropout function takes training=self.training)"
            )


@dataclass(frozen=True)
class _Sample:
    shape: tuple[int, ...]
    sample: Tensor
    total: float
    alike: float


def very_different(channels: int, size: tuple[int, int]) -> Tensor:
    """Two images (2, C, H, W), patches with noise: one in [0, 1], the other brighter, and of four times the contrast.

    Whatever a network takes over a batch, such as a mean, a spread or a largest value, is another with both.
    """
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, channels, 8, 8, generator=generator)
    images = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
    images = 0.7 * images + 0.3 * torch.rand(images.shape, generator=generator)
    images[1] = 4 * images[1] - 1
    return images


def tried(module: nn.Module, images: Tensor, names: Collection[str]) -> Steadiness:
    """Tries the module on two images (2, C, H, W): `names` are of the values that depend on the image."""
    with own_chance():
        before = states()
        alone = _among(names, _samples(module, images[:1], modules=True))
        beside = _beside(module, images, alone, modules=True)
        drew = moved(before, states())
        if not drew and not _differing(alone, beside):
            return Steadiness(compared=frozenset(alone), names=tuple(alone))
        alone = _among(names, _samples(module, images[:1]))
        differ = _differing(alone, _beside(module, images, alone))
        chance: list[tuple[str, float]] = []
        for _ in range(TRIES if drew else 1):
            chance = _differing(alone, _samples(module, images[:1]), exactly=drew)
            if chance:
                break
    random = {name for name, _ in chance}
    coupled = [(name, by) for name, by in differ if name not in random]
    by = (chance or coupled or [("", 0.0)])[0][1]
    return Steadiness(
        tuple(name for name, _ in chance), tuple(name for name, _ in coupled), frozenset(alone), tuple(alone), by
    )


def _among(names: Collection[str], samples: dict[str, _Sample]) -> dict[str, _Sample]:
    return {name: value for name, value in samples.items() if name in names}


def _beside(
    module: nn.Module, images: Tensor, alone: Mapping[str, _Sample], *, modules: bool = False
) -> dict[str, _Sample]:
    """The first image's values beside the second; nothing of a network that takes one image only."""
    try:
        return _samples(module, images, alone, modules=modules)
    except Exception:  # anybody's forward
        return {}


def _samples(
    module: nn.Module, x: Tensor, alone: Mapping[str, _Sample] | None = None, *, modules: bool = False
) -> dict[str, _Sample]:
    """A sample of every value, or every module's, for the first image; of a run of it `alone` or beside another."""
    samples: dict[str, _Sample] = {}

    def observe(name: str, kind: str, value: Any) -> Any:
        tensor = main_tensor(value)
        if tensor is not None and tensor.is_floating_point() and tensor.numel() and not tensor.is_quantized:
            values = _first_of(tensor.detach(), None if alone is None else alone.get(name))
            if values is not None:
                flat = values.reshape(-1)
                sample = flat[:: max(1, len(flat) // SAMPLE)].double().cpu()
                alike = ALIKE.get(values.dtype, COARSE) if values.device.type == "cpu" else COARSE
                samples[name] = _Sample(tuple(values.shape), sample, 0.0 if modules else float(values.sum()), alike)
        return value

    only = {path or OUTPUT for path, _ in modules_of(module).values()} if modules else None
    with torch.inference_mode(False), evaluating(module), torch.no_grad(), Run(module, observe, only=only):
        module(x.clone())
    return samples


def _first_of(value: Tensor, alone: _Sample | None) -> Tensor | None:
    """The first image's part of a value, known by the one dimension that is twice as long with two images.

    None where that is not clear: a dimension that holds more than images may hold them in any order.
    """
    if alone is None or tuple(value.shape) == alone.shape:
        return value
    if value.ndim != len(alone.shape):
        return None
    longer = [at for at, (now, was) in enumerate(zip(value.shape, alone.shape, strict=True)) if now != was]
    if len(longer) == 1 and alone.shape[longer[0]] == 1 and value.shape[longer[0]] == 2:
        return value.narrow(longer[0], 0, 1)
    return None


def _differing(
    one: Mapping[str, _Sample], other: Mapping[str, _Sample], *, exactly: bool = False
) -> list[tuple[str, float]]:
    """The values that differ between two runs, and by what share of their largest number."""
    result = []
    for name, first in one.items():
        second = other.get(name)
        if second is None:
            continue
        if first.shape != second.shape:
            if exactly:  # the same image twice
                result.append((name, 1.0))
            continue
        most = float(torch.maximum(first.sample.abs(), second.sample.abs()).nan_to_num().max())
        by = float((first.sample - second.sample).nan_to_num().abs().max()) / (most or 1.0)
        if by > first.alike or (exactly and (by > 0 or first.total != second.total)):
            result.append((name, by))
    return result


def joined(parts: Sequence[Any], dimension: int = 0) -> Any:
    """The values of several images from those of each, tensors along the dimension that holds images."""
    first = parts[0]
    if isinstance(first, Tensor):
        if first.ndim > dimension and all(part.ndim == first.ndim for part in parts):
            return torch.cat(list(parts), dimension)
        return torch.stack(list(parts)) if first.ndim == 0 else first
    if isinstance(first, Mapping):
        result = copy.copy(first)
        for key in first:
            result[key] = joined([part[key] for part in parts], dimension)  # type: ignore[index]
        return result
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(joined(parts_at, dimension) for parts_at in zip(*parts, strict=True)))
    if isinstance(first, (tuple, list)):
        return type(first)([joined(parts_at, dimension) for parts_at in zip(*parts, strict=True)])
    return first
