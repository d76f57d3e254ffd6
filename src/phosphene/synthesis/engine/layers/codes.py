"""What a layer says of an image, as recipes compare it: the code (N, values), or features at places (N, C, places)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ....network import Address, Network
from ....network.running.outputs import main_tensor
from ....network.survey import Layer
from ..ascent import evaluated
from ..objectives import Objective, Size, is_layer, objective
from ..options import precision

Reading = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Code:
    """How the value at an address is read for images of one size: `code(value)` is (N, values)."""

    address: Address
    layer: Layer

    @property
    def reads(self) -> str:
        """The address as `Network.record` takes it."""
        return str(self.address)

    def __call__(self, value: Tensor) -> Tensor:
        return self._by_image(value).flatten(1)

    def features(self, value: Tensor) -> Tensor:
        """(N, C, places); a vector has one place, a channel is C = 1, and tokens without a place are left out."""
        value = self._by_image(value)
        if not is_layer(self.address):
            return value.reshape(len(value), 1, -1)
        if self.layer.layout is not None:
            value = self.layer.layout.maps(value)
        elif value.ndim == 3:
            value = value.movedim(-1, 1)
        return value.reshape(len(value), value.shape[1], -1)

    def _by_image(self, value: Tensor) -> Tensor:
        tensor = main_tensor(value)
        assert tensor is not None
        return tensor.movedim(self.layer.batch, 0) if is_layer(self.address) else tensor


def code(network: Network, address: str | Address, size: Size) -> Code:
    """How to read the value at an address; LookupError where there is none."""
    parsed = network.address(address, size)
    return Code(parsed, network.layer(parsed.layer, size))


def reading(network: Network, codes: Mapping[str, Code], images: Tensor) -> dict[str, Tensor]:
    """The values that codes read, for images (N, 3, H, W) in [0, 1]; no gradient."""
    images = images.to(network.device, precision(network))
    with torch.no_grad():
        reads_all: Objective = objective("", [code.reads for code in codes.values()], lambda *values: values[0])
        values = evaluated(network, reads_all, images, precise=True)
    return {name: values[code.reads] for name, code in codes.items()}
