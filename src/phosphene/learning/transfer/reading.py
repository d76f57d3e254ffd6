"""Every photo is read once: its features, and for a whole network what is kept of it to learn from."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...network import Network
from ..sets.pixels import Pixels
from .features import features
from .head import ScoreLayer
from .moment import Moment, duration
from .photo_examples import kept, larger
from .photos import PhotoFolder
from .probe import check_finite


@dataclass(frozen=True, eq=False)
class Material:
    """What was made of the photos: features (n, features), images (n, 3, h, w) of bytes; seconds that one took."""

    features: Tensor | None
    images: Tensor | None
    per_photo: float


def read(
    network: Network, photos: PhotoFolder, module: nn.Module, layer: ScoreLayer, minutes: float | None,
    *, with_features: bool, with_images: bool,
) -> Generator[Moment, None, Material]:  # fmt: skip
    """Reads all photos of the folder, and says how long that takes once it can tell."""
    large = larger(network.preprocessing)
    vectors: list[Tensor] = []
    pixels = Pixels(3, large.size) if with_images else None
    first = next(module.parameters())

    def prepare(photo: Any) -> tuple[Any, Any]:
        x = network.preprocessing.prepare(photo) if with_features else None
        return x, kept(photo, large) if pixels is not None else None

    begun, told, per_photo = time.monotonic(), False, 0.0
    for seen, values, done, total in photos.read(prepare):
        if with_features and values:
            x = torch.cat([value[0] for value in values]).to(first.device, first.dtype)
            vectors.append(features(module, layer, x).cpu().float())
        for _, image in values:
            if pixels is not None:
                pixels.add(image)
        per_photo = (time.monotonic() - begun) / done
        notice = ""
        if total and not told and done >= 2 * len(seen) and done < total:
            told, left = True, per_photo * (total - done)
            notice = "reading photos and computing their features" if with_features else "reading photos"
            notice += f": {total:,} photos, about {duration(left)} more"
            if minutes is not None and left > 60 * minutes:
                notice += f", longer than the {minutes:g} minutes asked for"
        yield Moment(done, total, "photos", notice)
    material = Material(
        torch.cat(vectors) if vectors else None, None if pixels is None else torch.from_numpy(pixels.all()), per_photo
    )
    if material.features is not None:
        check_finite(material.features, [one.key for one in photos.photos], network.name)
    return material
