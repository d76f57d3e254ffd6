"""Syntheses of several terms that each matter: results that hold every term's value, and how it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from ...network import Network
from .ascent import Moment
from .images.image import Image
from .objectives import Objective
from .stepping import ended
from .synthesis import Synthesis

_Kind = TypeVar("_Kind", bound="Parted")


@dataclass(frozen=True, eq=False, kw_only=True)
class Parted(Synthesis):
    """A synthesis that holds each term's value for each image, before its weight."""

    parts: dict[str, Tensor] = field(repr=False)  # by the term's name: (N,)
    part_history: dict[str, Tensor] = field(repr=False)  # by the term's name: (steps taken, N)

    def to_dict(self) -> dict[str, Any]:
        parts = {name: values.tolist() for name, values in self.parts.items()}
        return {**super().to_dict(), "parts": parts}


def parted(
    network: Network, objective: Objective, image: Image, moments: Iterable[Moment], steps: int,
    kind: type[_Kind], **fields: Any,
) -> Iterator[_Kind]:  # fmt: skip
    """As `stepped`, with the terms: the last result's images are those after the last step, with their own values."""
    common = {"network": network.name, "steps": steps, "objective": objective.name, **fields}
    ways: dict[str, list[Tensor]] = {}

    def recording() -> Iterator[Moment]:
        for moment in moments:
            for name, values in moment.parts.items():
                ways.setdefault(name, []).append(values.cpu())
            yield moment

    for now, history in ended(network, objective, image, recording(), steps):
        yield kind(
            images=now.images.cpu(),
            scores=now.scores.cpu(),
            history=history,
            parts={name: value.cpu() for name, value in now.parts.items()},
            part_history={name: torch.stack(way) for name, way in ways.items()},
            step=now.step,
            **common,
        )
