"""Ascent in phases, more and more in the middle of the image: the centre-biased regularisation of facets.

A. Nguyen, J. Yosinski and J. Clune (Multifaceted feature visualization, 2016) draw the whole image first, then enlarge
it 1.2 times and draw through a window that moves about the middle, then nothing but the middle, and at last the whole
window once more. Shares of the steps, zoom, spread and margin are those of the authors' code (Evolving-AI-Lab/mfv,
`act_max.tvd.mean.py`). Their image is made of pixels, smoothed after every step by total variation; ours is a spectrum
that fades, seen a little larger, smaller, turned and under noise, and it is not itself enlarged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...network import Network
from .ascent import Moment, Optimisers, ascend
from .images.from_start import FromStart
from .objectives import Objective
from .transforms import Cropped, Noised, Several, Transform, resampled


@dataclass(frozen=True)
class Windowed:
    """Of each image a window, 1 / `zoom` of its sides, brought to the image's own size and turned by ± `turn` degrees.

    It lies about the middle: its place is normal, with the deviation `spread` as a share of the room that there is.
    """

    zoom: float = 1.2
    spread: float = 0.3
    turn: float = 5.0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        many, side = len(images), 1 / self.zoom
        room = 1 - side  # each way, where half of the grid's side is 1
        shifts = (2 * room * self.spread * torch.randn(2, many, generator=generator)).clamp(-room, room)
        angle = torch.deg2rad(self.turn * (2 * torch.rand(many, generator=generator) - 1))
        return resampled(images, torch.full((many,), side), angle, shifts[0], shifts[1], "reflection")


@dataclass(frozen=True)
class Phase:
    share: float  # of the steps
    transform: Transform
    margin: float | None = None  # share of the sides; where given, what is drawn so far is settled first


WHOLE = Several((Cropped(0.8, 1.1, 5.0), Noised()))
PHASES = (
    Phase(190 / 370, WHOLE),
    Phase(150 / 370, Several((Windowed(), Noised()))),
    Phase(20 / 370, Several((Windowed(spread=0.2), Noised())), margin=50 / 224),
    Phase(10 / 370, Several((Windowed(), Noised())), margin=0.0),
)


def in_phases(
    network: Network, objective: Objective, image: FromStart, *, steps: int, optimiser: Optimisers, seed: int
) -> Iterator[Moment]:
    """The moments of all phases, counted through."""
    steps_before, share = 0, 0.0
    for number, phase in enumerate(PHASES):
        share += phase.share
        more = round(share * steps) - steps_before
        if more and phase.margin is not None:
            image.settle(phase.margin)
        for moment in ascend(network, objective, image, steps=more, transform=phase.transform,
                             optimiser=optimiser, seed=seed + number):  # fmt: skip
            yield replace(moment, step=steps_before + moment.step)
        steps_before += more
