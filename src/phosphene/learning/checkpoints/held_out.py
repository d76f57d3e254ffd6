"""Some held-out examples beside the weights, so that a learned system can be shown without its data set."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

HELD_OUT, COUNT = "held-out.safetensors", 64


def held_out_bytes(x: Tensor) -> bytes:
    """Values in [0, 1] as bytes 0 to 255; any others as they are."""
    small = x.min() >= 0 and x.max() <= 1
    return save({"x": x.mul(255).round().to(torch.uint8) if small else x.contiguous()})


def read_held_out(folder: Path, shape: tuple[int, ...]) -> Tensor:
    """The examples (n, ...), none where the file is not there."""
    path = folder / HELD_OUT
    if not path.is_file():
        return torch.empty(0, *shape)
    try:
        x = load(path.read_bytes())["x"]
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0]})") from error
    return x.float() / 255 if x.dtype == torch.uint8 else x
