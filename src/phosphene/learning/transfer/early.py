"""An early look: can a copy learn four photos by heart? What fails here fails on all photos, only later."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from ...inspection.checkup.overfitting import NEAR, trained
from ...network import Network

PHOTOS = 4


def one_of_each(labels: Iterable[int], count: int = PHOTOS) -> list[int]:
    """The numbers of a few photos, one of each class in turn."""
    groups: dict[int, list[int]] = {}
    for at, label in enumerate(labels):
        groups.setdefault(label, []).append(at)
    most = max(map(len, groups.values()))
    return [group[turn] for turn in range(most) for group in groups.values() if turn < len(group)][:count]


def early_look(module: nn.Module, x: Tensor, labels: Tensor, head: Any, rates: int) -> tuple[bool, str]:
    """Whether a copy learns the inputs by heart, at up to so many learning rates, and a sentence that says so."""
    network = Network(module, head=head)
    best, steps, tried = math.inf, 0, []
    losses: tuple[float, ...] = ()
    for training, _ in zip(trained(network, x, labels), range(rates), strict=False):
        tried.append(f"{training.rate:g}")
        if training.best < best:
            best, steps, losses = training.best, len(training.losses) - 1, training.losses
    photos = f"{len(x)} photos"
    if best < NEAR:
        return True, f"a copy learned {photos} by heart in {steps} step{'s' * (steps != 1)}"
    if not math.isfinite(best):
        return (
            False,
            f"the loss of {photos} is no finite number, so nothing will be learned; look at the network's input",
        )
    if best < losses[0] / 2:
        return True, f"a copy learns {photos} by heart slowly: its loss fell from {losses[0]:.3g} to {best:.2g}"
    return False, (
        f"a copy could not learn even {photos} by heart: its loss went from {losses[0]:.3g} to {best:.2g} and not to 0 "
        f"at rate {' and '.join(tried)}, so more training is unlikely to help; photos of different classes may look "
        "alike to the network"
    )
