"""What a classifier answers to images (N, 3, H, W) in [0, 1], and which class a label means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...network import Network

LOGITS = "logits"
HALVES = (torch.float16, torch.bfloat16)


def answers(network: Network, images: Tensor) -> Tensor:
    """The probabilities (N, classes) of the images, in full precision; no gradient.

    Raises ValueError for a network that is no classifier.
    """
    with torch.no_grad():
        scores = network.scores(network.normalise(images.to(network.device)))
        return network.probabilities(scores.float() if scores.dtype in HALVES else scores).cpu()


def with_others(network: Network, probabilities: Tensor) -> Tensor:
    """The same probabilities (N, classes), where there is another class to change to. ValueError for a single score."""
    if probabilities.shape[1] < 2:
        raise ValueError(
            f"{network.name} gives one score an image, so there is no other class to take it for; ph.synthesize and "
            f"ph.fool make images that raise it"
        )
    return probabilities


def rounded(images: Tensor) -> Tensor:
    """The images as a file of 8 bits a colour holds them: whole 255ths."""
    return (images * 255).round() / 255


def classes_of(network: Network, label: Any, many: int, size: tuple[int, int]) -> list[int]:
    """The numbers of the classes that `label` names: one for all of `many` images, or a sequence with one for each."""
    labels: Sequence[Any] = list(label) if isinstance(label, (list, tuple)) else [label]
    classes = [int(network.address(f"{LOGITS}:{one}", size).channel or 0) for one in labels]
    if len(classes) not in (1, many):
        raise ValueError(f"{len(classes)} labels don't fit {many} images; give one for all, or one for each")
    return classes * many if len(classes) == 1 else classes


def in_words(network: Network, index: int) -> str:
    """The class's name, or 'class 17' where no names are known."""
    return network.labels[index] if index < len(network.labels) else f"class {index}"
