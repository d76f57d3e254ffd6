"""Examples: what a system learns from, so many of them, any of them as a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """Examples (n, ...), of images the values in [0, 1], and their classes (n,) where these are known."""

    x: Tensor
    labels: Tensor | None = None


@runtime_checkable
class Examples(Protocol):
    """So many examples; `batch` is given their places (n,) and makes what a system's `steps` takes.

    It may draw random numbers from PyTorch's generator, which the loop seeds for every step.
    """

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""

    def batch(self, places: Tensor) -> Any: ...


@dataclass(frozen=True, eq=False)
class TensorExamples:
    """Examples in memory, (N, ...): numbers as they are, or bytes 0 to 255 that stand for 0 to 1."""

    x: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    def batch(self, places: Tensor) -> Batch:
        x = self.x[places]
        x = x.float().div_(255) if x.dtype == torch.uint8 else x
        return Batch(x, None if self.labels is None else self.labels[places])

    @property
    def sha256(self) -> str:
        """The hash of all values, in their order, and of the classes."""
        digest = sha256(repr((str(self.x.dtype), tuple(self.x.shape))).encode())
        for start in range(0, len(self.x), 4096):
            digest.update(self.x[start : start + 4096].contiguous().numpy().data)
        if self.labels is not None:
            digest.update(self.labels.numpy().data)
        return digest.hexdigest()

    def some(self, places: Sequence[int] | Tensor | slice) -> TensorExamples:
        """Those at these places."""
        at = places if isinstance(places, slice) else torch.as_tensor(places)
        return TensorExamples(self.x[at], None if self.labels is None else self.labels[at], self.classes)


def as_examples(data: Any) -> Examples:
    """Examples of a tensor or array (N, ...). TypeError or ValueError, with a sentence, for what holds none."""
    if isinstance(data, Examples):
        return data
    if not isinstance(data, (Tensor, np.ndarray)):
        raise TypeError(f"a system learns from a tensor or array (N, ...) of examples, not from {type(data).__name__}")
    x = torch.as_tensor(data)
    if x.ndim < 2 or not len(x):
        raise ValueError(f"examples are (N, ...), at least one of them, not {tuple(x.shape)}")
    if x.dtype != torch.uint8:
        x = x if x.is_floating_point() else x.float()
        if not torch.isfinite(x).all():
            raise ValueError("there are values in the examples that are no finite numbers; take these examples out")
    return TensorExamples(x)


def parts(examples: Examples, size: int) -> Any:
    """All examples in order, in batches of at most `size`."""
    for start in range(0, len(examples), size):
        yield examples.batch(torch.arange(start, min(start + size, len(examples))))
