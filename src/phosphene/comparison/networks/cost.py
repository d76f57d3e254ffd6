"""What a forward pass of a network costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...network import Network
from ...network.running.recording import recorded
from ...network.running.seam import OUTPUT
from .memory import peak_bytes

REPEATS = 5  # rounds of the timing


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
