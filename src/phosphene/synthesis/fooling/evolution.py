"""Evolution: children of elites, scored in batches by a network, a generation a step.

    parents = elites, the surer the more often,  children = mutated(parents),  archive.offer(children)

It is a generator, as the gradient's `ascend` is: the caller decides what to show, keep, or stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ...network import Network
from ..engine.answers import answers
from ..engine.options import generator as generator_of
from ..engine.options import precision
from .archive import Archive
from .encodings import Encoding


@dataclass(frozen=True)
class Generation:
    """Where an evolution stands: the archive, which goes on changing, and how many classes changed hands."""

    number: int  # from 1
    archive: Archive
    changed: int


def evolve(
    network: Network, encoding: Encoding, *, generations: int, children: int = 32, seed: int = 0
) -> Iterator[Generation]:
    """Images that raise the network's confidence in each of its classes; one generation of `children` a step.

    The first generations are drawn at random: as many as are worth it for the encoding, at most a tenth of all. The
    same seed gives the same images on the same machine.
    """
    founding = max(1, min(encoding.founding, generations // 10))
    generator = generator_of(seed)
    archive: Archive | None = None
    for number in range(1, generations + 1):
        if archive is None or number <= founding:
            genomes = encoding.random(children, generator)
        else:
            genomes = encoding.mutated(archive.parents(children, generator), number, generator)
        images = encoding.images(genomes)
        pixels = (images.to(precision(network)) / 255).contiguous(
            memory_format=torch.channels_last
        )  # a third faster on CPUs
        probabilities = answers(network, pixels)
        if archive is None:
            archive = Archive(genomes, images, probabilities)
            changed = len(archive.confidences)
        else:
            changed = archive.offer(genomes, images, probabilities)
        yield Generation(number, archive, changed)
