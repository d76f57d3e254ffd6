"""Some samples of a system and the training image nearest to each, beside the weights: does it repeat what it saw?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

NEAREST, COUNT, CHUNK = "nearest.safetensors", 9, 2048


def nearest_bytes(samples: Tensor, examples: Any) -> bytes:
    """Samples (n, C, H, W) with values in [0, 1], and the nearest example to each, by the distance of values."""
    flat = samples.flatten(1).double()
    best, places = torch.full((len(flat),), torch.inf, dtype=torch.float64), torch.zeros(len(flat), dtype=torch.long)
    for start in range(0, len(examples), CHUNK):
        x = examples.batch(torch.arange(start, min(start + CHUNK, len(examples)))).x.flatten(1).double()
        distances = x.square().sum(1) - 2 * flat @ x.T  # less the sample's own square, the same for all
        least, at = distances.min(1)
        places[least < best] = at[least < best] + start
        best = torch.minimum(best, least)
    pairs = {"samples": samples, "nearest": examples.batch(places).x}
    return save({name: _bytes(x) for name, x in pairs.items()})


def read_nearest(folder: Path) -> tuple[Tensor, Tensor] | None:
    """The samples and their nearest training images, (n, C, H, W) each; None where they are not there."""
    path = folder / NEAREST
    if not path.is_file():
        return None
    try:
        held = load(path.read_bytes())
        return held["samples"].float() / 255, held["nearest"].float() / 255
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0]})") from error


def _bytes(x: Tensor) -> Tensor:
    return x.detach().cpu().clamp(0, 1).mul(255).round().to(torch.uint8).contiguous()
