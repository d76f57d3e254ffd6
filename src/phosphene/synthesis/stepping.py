"""From an ascent's moments to an instrument's results, one a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..network import Network
from .ascent import Moment, scored
from .images import Image
from .objectives import Objective
from .synthesis import Synthesis

_Kind = TypeVar("_Kind", bound=Synthesis)


def stepped(
    network: Network, objective: Objective, image: Image, moments: Iterable[Moment], steps: int,
    kind: type[_Kind], **told: Any,
) -> Iterator[_Kind]:  # fmt: skip
    """A result for every moment; the last one's images are those after the last step, scored without a transform.

    `told` are the fields that do not change from step to step.
    """
    history = torch.empty(0)
    common = {"network": network.name, "objective": objective.name, "steps": steps, **told}
    for moment in moments:
        if not len(history):
            history = torch.empty(steps, len(moment.scores), dtype=moment.scores.dtype)
        history[moment.step - 1] = moment.scores.cpu()
        images, scores = moment.images, moment.scores
        if moment.step == steps:
            images = shown(image)
            scores = scored(network, objective, images)
        yield kind(images=images.cpu(), scores=scores.cpu(), history=history[: moment.step], step=moment.step, **common)


def shown(image: Image) -> Tensor:
    """The images as they are now."""
    with torch.no_grad():
        return image().detach().clone()
