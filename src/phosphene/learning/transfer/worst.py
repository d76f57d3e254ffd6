"""The held-out photos that a network is most wrong about, with why it answers so, beside the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ...attribution import why
from ...network import Network
from ...picture import Photo

FILE, COUNT = "worst.safetensors", 6
METHODS = ("cam", "grad_cam", "occlusion", "gradient")  # of `why`: the first that works with the network


@dataclass(frozen=True, eq=False)
class Worst:
    """Photos (n, h, w, 3) of bytes as the network sees them; maps (n, 2, h', w') for its answer and for the truth."""

    photos: np.ndarray
    maps: np.ndarray

    def to_bytes(self) -> bytes:
        photos, maps = torch.from_numpy(self.photos), torch.from_numpy(self.maps)
        return save({"photos": photos.contiguous(), "maps": maps.contiguous()})


def worst_of(losses: Tensor, right: Tensor, count: int = COUNT) -> list[int]:
    """The numbers of the photos with the largest losses, wrong ones first."""
    order = sorted(range(len(losses)), key=lambda at: (bool(right[at]), -float(losses[at])))
    return order[:count]


def explained(
    network: Network, photos: Sequence[Photo], answers: Sequence[int], truths: Sequence[int]
) -> tuple[Worst, dict[str, Any]]:
    """The photos with the maps of one method of `why`, and what a card says of it."""
    seen, maps, method, name, signed = [], [], "", "", False
    refused = ""
    for photo, answer, truth in zip(photos, answers, truths, strict=True):
        x = network.prepare(photo)
        pixels = network.denormalise(x).clamp(0, 1).mul(255).round().to(torch.uint8)[0].permute(1, 2, 0)
        targets = [f"logits:{answer}", f"logits:{truth}"] if answer != truth else [f"logits:{answer}"]
        for each in (method,) if method else METHODS:
            try:
                answer_maps = why(network, photo, targets, methods=each)
                result = answer_maps.results[0]
            except (ValueError, LookupError, RuntimeError) as error:
                refused = str(error)
                continue
            values = result.maps.detach().float().cpu()
            seen.append(pixels.cpu().numpy())
            maps.append(values[[0, -1]].numpy())
            method, name, signed = each, answer_maps.names[0], bool(result.signed)
            break
    if not seen:
        empty = Worst(np.zeros((0, 1, 1, 3), np.uint8), np.zeros((0, 2, 1, 1), np.float32))
        return empty, {"method": "", "name": "", "signed": False, "refused": refused}
    return Worst(np.stack(seen), np.stack(maps)), {"method": method, "name": name, "signed": signed, "refused": ""}


def read_worst(folder: Path) -> Worst | None:
    """The photos and maps in a folder; None where there are none. ValueError for a damaged file."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        held = load(path.read_bytes())
        return Worst(held["photos"].numpy(), held["maps"].numpy())
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({str(error).splitlines()[0]})") from error
