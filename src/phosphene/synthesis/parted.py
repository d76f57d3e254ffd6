"""Syntheses of several terms that each matter: results that hold every term's value, and how it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..network import Network
from .ascent import Moment, evaluated
from .images import Image
from .objectives import IMAGES, Objective
from .stepping import shown
from .synthesis import Synthesis

_Kind = TypeVar("_Kind", bound="Parted")


@dataclass(frozen=True, eq=False, kw_only=True)
class Parted(Synthesis):
    """A synthesis that holds each term's value for each image, before its weight."""

    parts: dict[str, Tensor] = field(repr=False)  # by the term's name: (N,)
    part_history: dict[str, Tensor] = field(repr=False)  # by the term's name: (steps taken, N)

    def to_dict(self) -> dict[str, Any]:
        told = {name: values.tolist() for name, values in self.parts.items()}
        return {**super().to_dict(), "parts": told}


def parted(
    network: Network, objective: Objective, image: Image, moments: Iterable[Moment], steps: int,
    kind: type[_Kind], **told: Any,
) -> Iterator[_Kind]:  # fmt: skip
    """As `stepped`, with the terms: the last result's images are those after the last step, with their own values."""
    common = {"network": network.name, "steps": steps, "objective": objective.name, **told}
    scores: list[Tensor] = []
    ways: dict[str, list[Tensor]] = {}
    for moment in moments:
        scores.append(moment.scores.cpu())
        for name, values in moment.parts.items():
            ways.setdefault(name, []).append(values.cpu())
        images, parts, score = moment.images, moment.parts, moment.scores
        if moment.step == steps:
            images = shown(image)
            with torch.no_grad():
                read = evaluated(network, objective, images, precise=True) | {IMAGES: images}
                parts, score = objective.parts(read), objective.score(read)
        yield kind(
            images=images.cpu(),
            scores=score.cpu(),
            history=torch.stack(scores),
            parts={name: value.cpu() for name, value in parts.items()},
            part_history={name: torch.stack(way) for name, way in ways.items()},
            step=moment.step,
            **common,
        )
