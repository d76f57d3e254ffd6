"""Random numbers that a network draws while it runs are not taken from the process's own generators.

Python, NumPy and PyTorch have one generator each for the whole process, which a person may have seeded. A network that
draws from them while an instrument runs it would move them. So runs draw from a stream of their own, which goes on from
run to run: a network that answers at random does so here as well, and outside no generator has moved.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

SEED = 0  # of the stream, in every process


def states() -> tuple[Any, ...]:
    """Where Python's, NumPy's and PyTorch's generators stand, those of accelerators only where they are in use."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    return (
        random.getstate(),
        np.random.get_state(),
        torch.get_rng_state(),
        *(torch.cuda.get_rng_state(device) for device in devices),
    )


def put(at: tuple[Any, ...]) -> None:
    """Sets the generators to these states."""
    python, numpy, cpu, *devices = at
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(cpu)
    for device, state in enumerate(devices):
        torch.cuda.set_rng_state(state, device)


def moved(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    """Whether any number was drawn between two states."""
    if before[0] != after[0] or any(not torch.equal(a, b) for a, b in zip(before[2:], after[2:], strict=False)):
        return True
    (_, keys, *rest), (_, other_keys, *last) = before[1], after[1]
    return rest != last or not np.array_equal(keys, other_keys)


class _Stream:
    """The generators' states inside and outside of runs; the outside comes back when the last run ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.outside: tuple[Any, ...] = ()
        self.inside: tuple[Any, ...] = ()

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            if self.users > 1:
                return
            self.outside = states()
            if not self.inside:
                self.inside = self._first()
            put((*self.inside, *self.outside[len(self.inside) :]))  # a device that came into use since

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users:
                return
            self.inside = states()
            put((*self.outside, *self.inside[len(self.outside) :]))

    def _first(self) -> tuple[Any, ...]:
        random.seed(SEED)
        np.random.seed(SEED)
        torch.default_generator.manual_seed(SEED)
        return states()


_stream = _Stream()


@contextmanager
def own_chance() -> Iterator[None]:
    """Inside the block random numbers come from the stream of runs; outside every generator stands where it stood."""
    _stream.enter()
    try:
        yield
    finally:
        _stream.leave()
