"""What one network answers over a stream of images, and what a forward pass costs."""

from __future__ import annotations

import heapq
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ...network import Network
from ...network.running.recording import recorded
from ...network.running.seam import OUTPUT
from .memory import peak_bytes

SHOWN = 6  # photos on which the networks disagree most
REPEATS = 5  # rounds of the timing


@dataclass(eq=False)
class Answered:
    """A network's answers, image by image: the most probable class, its probability, and the rank of the right one."""

    network: Network
    title: str
    keys: list[str] | None = None  # of its classes, or None for their numbers: the same key is the same answer
    given: list[str] = field(default_factory=list)  # the key of each answer
    confidence: list[float] = field(default_factory=list)
    rank: list[float] = field(default_factory=list)  # 0 is first; NaN where no class is stated
    classes: int = 0

    def add(self, x: Tensor, stated: Tensor) -> list[str]:
        """Adds the answers for inputs (n, C, H, W) with their stated classes (n,), -1 for none; returns their names.

        Of classes with equal scores the one with the lower number comes first, as in `argmax`.
        """
        scores = self.network.scores(x)
        if not torch.isfinite(scores).all():
            raise ValueError(f"{self.title} gives scores that are not finite")
        probabilities = self.network.probabilities(scores).double()
        best = scores.argmax(1)
        self.confidence += probabilities.gather(1, best[:, None])[:, 0].clamp(0, 1).tolist()
        for row, label in zip(scores, stated.tolist(), strict=True):
            ahead = (row > row[label]).sum() + (row[:label] == row[label]).sum()  # the answer is the first of equals
            self.rank.append(float(ahead) if label >= 0 else np.nan)
        self.classes = scores.shape[1]
        numbers = best.tolist()
        self.given += [str(number) if self.keys is None else self.keys[number] for number in numbers]
        return [self.network.labels[number].partition(",")[0] for number in numbers]


@dataclass(eq=False)
class Disagreed:
    """The images that the networks answer most differently, with their pixels (H, W, 3)."""

    kept: list[tuple[int, int, str, np.ndarray, tuple[str, ...]]] = field(default_factory=list)

    def add(self, place: int, name: str, count: int, answers: Sequence[str], pixels: np.ndarray) -> None:
        """Keeps the image with `count` different answers if few others have more; earlier ones first among equals."""
        entry = count, -place, name, pixels, tuple(answers)
        if len(self.kept) < SHOWN:
            heapq.heappush(self.kept, entry)
        elif entry[:2] > self.kept[0][:2]:
            heapq.heapreplace(self.kept, entry)

    def images(self) -> list[tuple[str, np.ndarray, tuple[str, ...]]]:
        """Names, pixels and answers, the most different first."""
        return [entry[2:] for entry in sorted(self.kept, key=lambda entry: entry[:2], reverse=True)]


@dataclass(frozen=True)
class Cost:
    """What a network and its forward pass take."""

    parameters: int
    operations: int  # for one image; a multiply-add counts as two
    depth: int  # layers with weights that an image passes
    weights_bytes: int
    memory_bytes: int  # of the values that are alive at once in a forward pass of one image


def cost_of(network: Network) -> Cost:
    layers = network.layers()
    modules = dict(network.module.named_modules())
    with_weights = [
        layer for layer in layers
        if layer.module and (part := modules.get(layer.name)) is not None
        and any(weight.ndim > 1 for weight in part.parameters(recurse=False))
    ]  # fmt: skip
    tensors = [*network.module.parameters(), *network.module.buffers()]
    total = next((layer.operations for layer in layers if layer.name == OUTPUT), 0)
    return Cost(
        parameters=sum(weight.numel() for weight in network.module.parameters()), operations=total,
        depth=len(with_weights), weights_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        memory_bytes=peak_bytes(network, noise_for(network, 1)),
    )  # fmt: skip


def noise_for(network: Network, images: int) -> Tensor:
    """Inputs (images, C, H, W) of noise, at the network's own size."""
    shape = (images, network.channels or 3, *network.preprocessing.size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(network.device, network.dtype)


def speeds(networks: Sequence[Network], batch: int, repeats: int = REPEATS) -> list[float]:
    """Images a second of each network's forward pass alone, for noise: the median of rounds in which all take turns."""
    inputs = [noise_for(network, batch) for network in networks]
    seconds: list[list[float]] = [[] for _ in networks]
    for turn in range(repeats + 1):  # the first one warms up
        for index in range(len(networks))[:: 1 if turn % 2 else -1]:
            start = time.perf_counter()
            with torch.no_grad():
                recorded(networks[index].module, inputs[index], {OUTPUT})
            if networks[index].device.type == "cuda":
                torch.cuda.synchronize(networks[index].device)
            if turn:
                seconds[index].append(time.perf_counter() - start)
    return [batch / statistics.median(each) for each in seconds]
