"""The judge of generated images: a small classifier, trained on real images that no generator has learned from.

It learns from one half of the held-out images; the other half says how often it is right, and what real images look
like in its features. So it needs nothing that is stored, and its verdict on a system can be had again from the same
held-out images.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...network.opening.source import undisturbed
from ..nets.conv import CHANNELS
from ..sets.examples import TensorExamples

STEPS, BATCH, RATE, FEATURES = 1000, 64, 1.5e-3, 64
FEWEST = 200  # held-out images, below which a half teaches nothing
CHUNK = 500
_latest: dict[str, Judge] = {}  # by the hash of the held-out images


@dataclass(frozen=True, eq=False)
class Judge:
    """A classifier, the share of other real images that it has right, and those images."""

    network: nn.Sequential = field(repr=False)
    accuracy: float
    others: TensorExamples = field(repr=False)  # real images that it has not learned from

    @torch.no_grad()
    def logits(self, x: Tensor) -> Tensor:
        """(N, classes)."""
        return torch.cat([self.network(part) for part in x.split(CHUNK)])

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """The values before the last layer, (N, features), in 64-bit numbers."""
        return torch.cat([self.network[:-1](part) for part in x.split(CHUNK)]).double()


def judge_of(held: TensorExamples) -> Judge | None:
    """The judge for a data set's held-out images; None where they have no classes, or are too few."""
    if held.labels is None or len(held) < FEWEST or len(held.shape) != 3 or min(held.shape[1:]) < 4:
        return None
    key = held.sha256
    if key not in _latest:
        _latest.clear()  # one is enough: a system is measured on one data set
        _latest[key] = trained(held)
    return _latest[key]


def trained(held: TensorExamples) -> Judge:
    """A judge for images with classes, the same one each time."""
    assert held.labels is not None
    order = torch.randperm(len(held), generator=torch.Generator().manual_seed(0))
    taught, others = held.some(order[: len(held) // 2]), held.some(order[len(held) // 2 :])
    classes = int(held.labels.max()) + 1
    with undisturbed(0), torch.enable_grad():  # whoever measures a system wants no gradients
        network = _network(held.shape, classes)
        optimiser = torch.optim.Adam(network.parameters(), RATE)
        for step in range(STEPS):
            batch = taught.batch(torch.randint(len(taught), (BATCH,)))
            assert batch.labels is not None
            optimiser.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            optimiser.zero_grad(set_to_none=True)
            cross_entropy(network(batch.x), batch.labels).backward()
            optimiser.step()
    network.eval().requires_grad_(False)
    real = others.batch(torch.arange(len(others)))
    assert real.labels is not None
    with torch.no_grad():
        right = torch.cat([network(part).argmax(1) for part in real.x.split(CHUNK)]) == real.labels
    return Judge(network, float(right.double().mean()), others)


def _network(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    first, second = CHANNELS
    return nn.Sequential(
        nn.Conv2d(shape[0], first, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(first, second, 4, 2, 1), nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * (shape[1] // 4) * (shape[2] // 4), FEATURES), nn.ReLU(),
        nn.Linear(FEATURES, classes),
    )  # fmt: skip
