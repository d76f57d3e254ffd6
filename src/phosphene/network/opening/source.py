"""What opening a source gives, and what every kind of source needs while it opens one."""

import difflib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..labels import Labels, imagenet
from ..preprocessing import Preprocessing
from ..running.outputs import Head


@dataclass(frozen=True, eq=False)
class Source:
    """A module in eval mode with how a photo becomes its input and what its outputs are called.

    `spec` opens the same network again (a weights file also needs its architecture). `notes` say in sentences what was
    assumed or done on the way, for people to read.
    """

    module: nn.Module
    preprocessing: Preprocessing
    labels: Labels
    spec: str
    notes: tuple[str, ...] = ()
    head: Head | None = None  # None: found out
    network: Callable[..., Any] | None = None  # what makes a Network of it that knows more than others


@dataclass(frozen=True)
class Blueprint:
    """An architecture that can be built for any number of classes, with what is known about its weights' input.

    `labels` and `head` are those that it says of a module that it built; None where it says none.
    """

    spec: str
    build: Callable[[int | None], nn.Module]
    preprocessing: Callable[[nn.Module], Preprocessing]
    note: str = ""
    labels: Callable[[nn.Module], Labels | Sequence[str] | None] = lambda module: None
    head: Callable[[nn.Module], Head | None] = lambda module: None


@contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Random numbers begin at `seed` inside; outside, every generator and the default dtype are as they were."""
    python, numpy, dtype = random.getstate(), np.random.get_state(), torch.get_default_dtype()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        # torch.manual_seed would also seed accelerators that nobody has asked for
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            torch.set_default_dtype(dtype)


def as_labels(labels: Labels | Sequence[str] | None, count: int | None) -> Labels:
    """The labels that were given, else ImageNet's for 1,000 classes, else numbers."""
    if isinstance(labels, Labels):
        return labels
    if isinstance(labels, str):
        raise TypeError(f"labels are a sequence of class names, not the single text {labels!r}")
    if labels is not None:
        return Labels(tuple(labels), count)
    return Labels(imagenet()) if count == 1000 else Labels(None, count)


def count_classes(module: nn.Module, preprocessing: Preprocessing) -> int | None:
    """How many classes the module tells apart: its own `num_classes`, else the columns of what it makes of black.

    None if it makes no (N, classes) tensor of such an input, whatever the reason: then the number is not known here.
    """
    stated = getattr(module, "num_classes", None)
    if isinstance(stated, int) and stated > 0:
        return stated
    first = next(module.parameters(), torch.empty(0))
    black = torch.zeros(1, preprocessing.channels, *preprocessing.size, dtype=first.dtype, device=first.device)
    try:
        with torch.no_grad():
            scores = module(black)
    except Exception:  # anybody's forward, at a size that was only guessed
        return None
    return scores.shape[1] if isinstance(scores, torch.Tensor) and scores.ndim == 2 else None


def count_channels(module: nn.Module) -> int:
    """The first convolution's input channels; 3 without one."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return part.in_channels
    return 3


def near(name: str, choices: Iterable[str]) -> str:
    """'; near it: a, b' or nothing."""
    matches = difflib.get_close_matches(name, list(choices), n=4, cutoff=0.5)
    return f"; near it: {', '.join(matches)}" if matches else ""


def first_line(error: BaseException) -> str:
    """An error's own words, short enough for the end of a sentence."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
