"""The best image known for each class, and how sure the network is of it: the archive of MAP-Elites.

MAP-Elites (J.-B. Mouret and J. Clune, 2015) keeps one elite a niche. Here the niches are the network's classes, and
each child competes in all of them at once (A. Nguyen, J. Yosinski and J. Clune, 2014): it takes every niche where the
network is surer of it than of who lives there. Libraries of MAP-Elites place a solution in one niche by what it
measures, which is another game; so the archive is our own.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Archive:
    """Elites, one a class: `confidences` (classes,), `images` (classes, 3, H, W) uint8, and their `genomes`."""

    def __init__(self, genomes: dict[str, Tensor], images: Tensor, probabilities: Tensor) -> None:
        """Founded by the first generation: genomes (B, ...), images (B, 3, H, W) and probabilities (B, classes)."""
        self.confidences, best = probabilities.max(0)
        self.genomes = {name: values[best].clone() for name, values in genomes.items()}
        self.images = images[best].clone()

    def offer(self, genomes: dict[str, Tensor], images: Tensor, probabilities: Tensor) -> int:
        """Lets each child into every class where it is surest; how many classes have changed hands."""
        surest, best = probabilities.max(0)
        won = surest > self.confidences
        winners = best[won]
        self.confidences = torch.where(won, surest, self.confidences)
        for name, values in genomes.items():
            self.genomes[name][won] = values[winners]
        self.images[won] = images[winners]
        return int(won.sum())

    def parents(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The genomes of `count` elites: half of them drawn evenly, half in proportion to their confidences.

        Children of images that the network is sure of win other classes more often.
        """
        shares = 1 / len(self.confidences) + self.confidences.double() / self.confidences.double().sum()
        chosen = torch.multinomial(shares, count, replacement=True, generator=generator)
        return {name: values[chosen] for name, values in self.genomes.items()}
