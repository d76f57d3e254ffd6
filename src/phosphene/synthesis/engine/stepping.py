"""From an ascent's moments to an instrument's results, one a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from ...network import Network
from .ascent import Moment, evaluated
from .images.image import Image
from .objectives import IMAGES, Objective
from .synthesis import Synthesis

_Kind = TypeVar("_Kind", bound=Synthesis)


def stepped(
    network: Network, objective: Objective, image: Image, moments: Iterable[Moment], steps: int,
    kind: type[_Kind], **fields: Any,
) -> Iterator[_Kind]:  # fmt: skip
    """A result for every moment; the last one's images are those after the last step, scored without a transform.

    `fields` are the fields that do not change from step to step.
    """
    common = {"network": network.name, "objective": objective.name, "steps": steps, **fields}
    for now, history in ended(network, objective, image, moments, steps):
        yield kind(images=now.images.cpu(), scores=now.scores.cpu(), history=history, step=now.step, **common)


def ended(
    network: Network, objective: Objective, image: Image, moments: Iterable[Moment], steps: int
) -> Iterator[tuple[Moment, Tensor]]:
    """Each moment with the scores so far (steps taken, N); the last is of the images after the last step, unmoved."""
    history = torch.empty(0)
    for moment in moments:
        if not len(history):
            history = torch.empty(steps, len(moment.scores), dtype=moment.scores.dtype)
        history[moment.step - 1] = moment.scores.cpu()
        yield _last(network, objective, image, steps) if moment.step == steps else moment, history[: moment.step]


def _last(network: Network, objective: Objective, image: Image, steps: int) -> Moment:
    images = current_images(image)
    with torch.no_grad():
        values = evaluated(network, objective, images, precise=True) | {IMAGES: images}
        return Moment(steps, images, objective.score(values), objective.parts(values))


def current_images(image: Image) -> Tensor:
    """The images as they are now."""
    with torch.no_grad():
        return image().detach().clone()
