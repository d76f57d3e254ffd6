"""The samples of a regression: places of images, and how many sums of them take how much memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...network.room import human, memory
from ..regression.moments import Moments, bytes_of

FitAndChoice = tuple[Moments, Moments]  # the sums to fit by, and those to choose by
SOLVING = 3  # matrices of inputs × inputs that a fit holds beside its sums


def some_of(places: Tensor, most: int, seed: int) -> Tensor:
    """At most so many of these places, drawn at random, the same for all images."""
    if len(places) <= most:
        return places
    return places[torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))[:most]]


def add_samples(sums: FitAndChoice, z: Tensor, y: Tensor, chooses: Tensor) -> None:
    """Adds each image's samples z (N, inputs, places) and y (N, outputs, places) to the sums of its turn."""
    for moments, which in zip(sums, (~chooses, chooses), strict=True):
        some = which.to(z.device)
        moments.add(z[some].movedim(1, 2).flatten(0, 1), y[some].movedim(1, 2).flatten(0, 1))


def check_sums(passes: Iterable[Sequence[tuple[int, int]]], what: str, *, fits: bool = True) -> int:
    """The bytes that the sums of the largest pass take, each of inputs and outputs: to fit by, and to choose by.

    Where nothing `fits`, there are none to choose by. ValueError where these and the fit go beyond this machine's
    memory; `what` says what to do then.
    """
    largest, needed = 0, 0
    for sizes in passes:
        held = sum((1 + fits) * bytes_of(*size) for size in sizes)
        solving = max(SOLVING * 8 * inputs * inputs + 16 * inputs * outputs for inputs, outputs in sizes) if fits else 0
        largest, needed = max(largest, held), max(needed, held + solving)
    available = memory()
    if available is not None and needed > available:
        raise ValueError(
            f"the sums over images of these layers take {human(needed)} of memory, and this machine has "
            f"{human(available)}; {what}"
        )
    return largest
