"""What an attribution asks about: addresses of units, checked, and the signals that start at them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...input_photo import named, peaks
from ...instrument.roles import Target
from ...network import Address, Network
from ...network.running.seam import OUTPUT


@dataclass(frozen=True)
class Question:
    """One address for each signal, all in one layer."""

    layer: str
    addresses: tuple[Address, ...]
    names: tuple[str, ...]  # the addresses in words, with class names


def questions(network: Network, x: Tensor, target: Target) -> Question:
    """The target for the input `x` (N, C, H, W): one address for all images, or one for each.

    None stands for each image's best class. LookupError for an address that is not there, ValueError for addresses in
    several layers, for a layer without a channel, and for a number of addresses that does not fit the images.
    """
    if target is None:
        addresses = [Address(OUTPUT, int(best)) for best in network.scores(x).argmax(1)]
    else:
        texts = [target] if isinstance(target, str) else list(target)
        size = (int(x.shape[-2]), int(x.shape[-1]))
        addresses = [network.address(one, size) for one in texts]
        if not addresses:
            raise ValueError("no target was given; name at least one, such as 'logits:281'")
    layers = sorted({address.layer for address in addresses})
    if len(layers) > 1:
        raise ValueError(f"one call asks about one layer, not {', '.join(layers)}; make a call for each")
    for address in addresses:
        if address.channel is None:
            raise ValueError(f"say which unit of {address.layer}: {address.layer}:17, or {address.layer}:17@row,column")
    if len(addresses) == 1:
        addresses *= len(x)
    if len(x) not in (1, len(addresses)):
        raise ValueError(
            f"{len(addresses)} targets don't fit {len(x)} images; give one for all, one each, or one image"
        )
    return Question(layers[0], tuple(addresses), tuple(named(network, address) for address in addresses))


def units(network: Network, question: Question, value: Tensor, size: tuple[int, int]) -> Tensor:
    """Where in each image's part of the layer's `value` (N, ...) the addressed units lie: flat indices (B,).

    Address i is of image i, or all are of the only image. A channel without a place stands for its largest activation;
    of several that are equal, for the one nearest to their middle.
    """
    layout = network.layer(question.layer, size).layout
    numbers = torch.arange(value[0].numel()).view(1, *value.shape[1:])
    index_maps = layout.maps(numbers)[0] if layout is not None else numbers[0]
    indices = []
    for index, address in enumerate(question.addresses):
        assert isinstance(address.channel, int)
        if address.token is not None and layout is not None:
            token = 0 if address.token == "cls" else int(address.token.removeprefix("register"))
            at = layout.extras(numbers)[0, token, address.channel]
        elif address.place is not None:
            at = index_maps[address.channel, address.place[0], address.place[1]]
        else:
            among = index_maps[address.channel]
            among = among if among.ndim == 2 else among.reshape(1, -1)
            values_of_image = value[min(index, len(value) - 1)].detach().flatten()
            row, column = peaks(values_of_image[among.to(values_of_image.device)].double().cpu().numpy())
            at = among[row, column]
        indices.append(at)
    return torch.stack(indices).to(value.device)


def fixed_addresses(network: Network, question: Question, at: Tensor, size: tuple[int, int]) -> tuple[Address, ...]:
    """The addresses with the places where `units` found them (`at`, flat indices), if the layer has places."""
    layer = network.layer(question.layer, size)
    if layer.layout is None:
        return question.addresses
    shape = list(layer.shape)
    numbers = torch.arange(torch.Size(shape).numel()).view(1, *shape)
    index_maps = layer.layout.maps(numbers)[0]
    addresses = []
    for address, index in zip(question.addresses, at.tolist(), strict=True):
        if address.place is None and address.token is None:
            assert isinstance(address.channel, int)
            row, column = (index_maps[address.channel] == index).nonzero()[0].tolist()
            address = Address(address.layer, address.channel, (row, column))
        addresses.append(address)
    return tuple(addresses)


def check_gradient(network: Network, layer: str, value: Tensor, images: Tensor) -> None:
    """ValueError where no gradient leads from the layer's value back to the images."""
    if not value.requires_grad or not _leads_to(value, images):
        raise ValueError(f"no gradient comes back from {layer}: {network.name} computes it without keeping one")


def _leads_to(value: Tensor, images: Tensor) -> bool:
    """Whether the graph behind the value reaches the images, which are a leaf of it."""
    ahead, visited = [value.grad_fn], set()
    while ahead:
        node = ahead.pop()
        if node is None or node in visited:
            continue
        if getattr(node, "variable", None) is images:
            return True
        visited.add(node)
        ahead += [behind for behind, _ in node.next_functions]
    return value is images
