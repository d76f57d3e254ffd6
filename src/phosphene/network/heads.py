"""Which head a network has: told by how its output was computed, or else by what it gives to noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .running.outputs import Head
from .running.seam import OUTPUT
from .survey import Survey

_SCORING = frozenset("linear conv2d addmm matmul mm bmm adaptive_avg_pool2d avg_pool2d".split())
_CLOSE = 1e-3  # of 1, that a row of probabilities sums to


def head_of(survey: Survey, answers: Callable[[], Tensor | None]) -> Head:
    """The head of a surveyed network; `answers` gives its scores (2, classes) of two images of noise.

    They are asked for only where the output was computed by something that may or may not make probabilities of scores,
    such as a sum of two softmaxes.
    """
    if survey.head == "probabilities":
        return "probabilities"
    if survey.head == "log-probabilities":
        return "log-probabilities"
    shape = next((layer.shape for layer in survey.layers if layer.name == OUTPUT), ())
    if shape[:1] in ((), (1,)):
        return "sigmoid"
    if survey.last in _SCORING:
        return "softmax"
    scores = answers()
    if scores is None or scores.ndim != 2:
        return "softmax"
    if _sums_to_one(scores):
        return "probabilities"
    return "log-probabilities" if _sums_to_one(scores.exp()) else "softmax"


def _sums_to_one(rows: Tensor) -> bool:
    return bool((rows >= 0).all()) and bool(((rows.double().sum(1) - 1).abs() < _CLOSE).all())


def noise(shape: tuple[int, int, int]) -> Tensor:
    """Two images (2, C, H, W) of noise, the same each time."""
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
