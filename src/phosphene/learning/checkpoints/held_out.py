"""Some held-out examples beside the weights, so that a learned system can be shown without its data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

HELD_OUT, COUNT = "held-out.safetensors", 64


def some_places(count: int, wanted: int = COUNT) -> Tensor:
    """So many places among all, drawn with one seed, so that examples in any order give some of each class."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:wanted].sort().values


def held_out_bytes(x: Tensor, others: Mapping[str, Tensor] | None = None) -> bytes:
    """Values in [0, 1] as bytes 0 to 255; any others as they are, and beside them what else is known of each."""
    small = x.min() >= 0 and x.max() <= 1
    return save({"x": x.mul(255).round().to(torch.uint8) if small else x.contiguous(), **(others or {})})


def known_of(examples: Any, places: Tensor) -> dict[str, Tensor]:
    """The classes of the examples, and the places that views were seen from, where these are known."""
    known = {name: getattr(examples, name, None) for name in ("labels", "poses")}
    return {name: value[places].contiguous() for name, value in known.items() if value is not None}


def read_held_out(folder: Path, shape: tuple[int, ...]) -> Tensor:
    """The examples (n, ...), none where the file is not there."""
    x = read_all(folder).get("x")
    if x is None:
        return torch.empty(0, *shape)
    return x.float() / 255 if x.dtype == torch.uint8 else x


def read_all(folder: Path) -> dict[str, Tensor]:
    """The examples as 'x', and what is known of them; nothing where the file is not there."""
    path = folder / HELD_OUT
    if not path.is_file():
        return {}
    try:
        return load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0]})") from error
