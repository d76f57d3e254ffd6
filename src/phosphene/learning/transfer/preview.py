"""What augmentation makes of photos, looked at before anything is learned from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result, instrument
from ...instrument.roles import Folder
from ...network import Network, Preprocessing
from ...network.opening.source import undisturbed
from ...picture import Block, ImageBlock, Sheet, grid
from .changes import augmented, checked_kind
from .photo_examples import kept, larger
from .photos import photo_folder

WORDS = {
    "photo": "A random part of 60 to 100 % of the area, mirrored half of the time, with other brightness and colour.",
    "drawing": "Moved by up to 5 % of the side, turned by up to 10 degrees, 90 to 110 % as large; never mirrored.",
    "none": "Nothing is changed.",
}
TILE = 128  # pixels


@dataclass(frozen=True, eq=False, kw_only=True)
class Augmented(Result):
    """Photos (n, copies + 1, h, w, 3) of bytes: each as the network sees it, then as it learns from it."""

    photos: np.ndarray = field(repr=False)
    names: tuple[str, ...]
    kind: str
    unreadable: tuple[str, ...] = ()

    def sheet(self) -> Sheet:
        """A row for each photo: as it is, then augmented."""
        _, copies, height, width, _ = self.photos.shape
        laid = grid(
            self.photos.reshape(-1, height, width, 3), columns=copies, scale=max(1, round(TILE / width)), gutter=6
        )
        labels = [name if at == 0 else "" for name in self.names for at in range(copies)]
        block: Block = ImageBlock(
            laid.pixels, cells=laid.cells, labels=labels, width=copies * (TILE + 6.0) - 6, crisp=width < TILE / 2
        )
        caption = f"{WORDS[self.kind]} At the left each photo as the network sees it when it answers."
        title = f"Augmentation: {self.kind}"
        return Sheet(
            title, "", [block], caption=caption, width=copies * (TILE + 6.0) + 90, description=f"{title}. {caption}"
        )

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "photos": list(self.names), "copies": self.photos.shape[1] - 1}


@instrument
def augmentation(
    network: Network, folder: Folder, *, kind: str = "photo", rows: int = 4, copies: int = 7, seed: int = 0
) -> Augmented:
    """What augmentation makes of a folder's photos before a network learns from them.

    - `folder`: photos with a sub-folder for each class
    - `kind`: photo, drawing or none: which changes leave the class of your photos as it is
    - `rows`: how many photos to show, of different classes
    - `copies`: how many changed copies of each
    - `seed`: where the random numbers begin

    Raises FileNotFoundError or ValueError for a folder without photos of two classes, ValueError for an unknown kind.
    """
    if rows < 1 or copies < 1:
        raise ValueError(f"rows and copies are at least 1, not {min(rows, copies)}")
    held, large = photo_folder(folder), larger(network.preprocessing)
    images: dict[int, np.ndarray] = {}
    names: dict[int, str] = {}
    for seen, values, _, _ in held.read(lambda photo: kept(photo, large)):
        for one, value in zip(seen, values, strict=True):
            if one.label not in images and len(images) < rows:
                images[one.label], names[one.label] = value, one.key
        if len(images) == min(rows, len(held.classes)):
            break
    if not images:
        raise ValueError(f"{held.name} has no photo that can be read; the first: {held.unreadable[0]}")
    stack = torch.from_numpy(np.stack(list(images.values())))
    shown = preview_of(stack, list(names.values()), kind, network.preprocessing, seed, copies)
    return Augmented(photos=shown.photos, names=shown.names, kind=kind, unreadable=tuple(held.unreadable))


def preview_of(
    images: Tensor, names: Sequence[str], kind: str, way: Preprocessing, seed: int, copies: int = 7
) -> Augmented:
    """Rows of images (n, 3, h, w) of bytes: as they are, and so many augmented copies."""
    checked_kind(kind)
    with undisturbed(seed):
        columns = [augmented(images, "none", way.size), *(augmented(images, kind, way.size) for _ in range(copies))]
    values = torch.stack(columns, 1).mul(255).round().to(torch.uint8).permute(0, 1, 3, 4, 2)
    return Augmented(photos=values.numpy(), names=tuple(PurePosixPath(name).name for name in names), kind=kind)
