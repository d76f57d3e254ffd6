"""What a classifier answers to images (N, 3, H, W) in [0, 1], and which class a label means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..network import Network

LOGITS = "logits"


def answers(network: Network, images: Tensor) -> Tensor:
    """The probabilities (N, classes) of the images, in full precision; no gradient.

    Raises ValueError for a network that is no classifier.
    """
    with torch.no_grad():
        logits = network.record(network.normalise(images.to(network.device, network.dtype)), LOGITS)[LOGITS]
    if logits.ndim != 2:
        shape = " × ".join(map(str, logits.shape[1:]))
        raise ValueError(f"{network.name} gives {shape or 'one number'} an image, not one score a class")
    return logits.softmax(1).cpu()


def rounded(images: Tensor) -> Tensor:
    """The images as a file of 8 bits a colour holds them: whole 255ths."""
    return (images * 255).round() / 255


def classes_of(network: Network, label: Any, many: int, size: tuple[int, int]) -> list[int]:
    """The numbers of the classes that `label` names: one for all of `many` images, or a sequence with one for each."""
    given: Sequence[Any] = list(label) if isinstance(label, (list, tuple)) else [label]
    found = [int(network.address(f"{LOGITS}:{one}", size).channel or 0) for one in given]
    if len(found) not in (1, many):
        raise ValueError(f"{len(found)} labels don't fit {many} images; give one for all, or one for each")
    return found * many if len(found) == 1 else found


def in_words(network: Network, index: int) -> str:
    """The class's name, or 'class 17' where no names are known."""
    return network.labels[index] if index < len(network.labels) else f"class {index}"
