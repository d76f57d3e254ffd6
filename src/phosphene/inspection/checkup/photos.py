"""The photos that a check-up looks at: those of a folder with the classes it states, or the two that ship."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ...network import Network
from ...network.describing.stated import stated_class
from ...picture import Photo, labelled, photos, read
from .finding import Finding, listed

SHIPPED = Path(__file__).parents[2] / "photos"
BATCH = 8


@dataclass(frozen=True, eq=False)
class Material:
    """Photos as images (N, 3, H, W) in [0, 1] at the network's size, and their classes (N,), -1 where not known."""

    folder: str | os.PathLike[str] | None
    total: int  # pictures in the folder, also those not looked at
    photos: tuple[Photo, ...]
    names: tuple[str | None, ...]  # of the sub-folders
    targets: Tensor
    unreadable: tuple[str, ...] = ()
    images: Tensor = field(default_factory=lambda: torch.empty(0), repr=False)

    @property
    def labelled(self) -> bool:
        """Whether every photo's class is known."""
        return len(self.targets) > 0 and bool((self.targets >= 0).all())

    def first(self, count: int) -> Material:
        """At most `count` of the photos, spread over all."""
        indices = spread(len(self.photos), count)
        return replace(
            self,
            photos=tuple(self.photos[i] for i in indices),
            names=tuple(self.names[i] for i in indices),
            targets=self.targets[indices],
            images=self.images[indices],
        )


def gather(network: Network, folder: str | os.PathLike[str] | None, limit: int) -> Material:
    """At most `limit` photos of the folder, evenly spread over it, unreadable ones left out.

    Raises FileNotFoundError for no folder; ValueError for one without pictures, or where none can be read.
    """
    if limit < 1:
        raise ValueError(f"limit is the number of photos to look at, at least 1, not {limit}")
    pairs = labelled(folder) if folder is not None else [(path, None) for path in photos(SHIPPED)]
    opened: list[Photo] = []
    names: list[str | None] = []
    targets: list[int] = []
    unreadable: list[str] = []
    for index in spread(len(pairs), limit):
        path, name = pairs[index]
        try:
            photo = read(path)
        except (ValueError, OSError) as error:
            unreadable.append(str(error))
            continue
        opened.append(photo)
        names.append(name)
        targets.append(stated_class(network.labels, path, name))
    if not opened:
        raise ValueError(
            f"none of the {len(unreadable)} pictures in {folder!r} can be read; the first: {unreadable[0]}"
        )
    made = Material(folder, len(pairs), tuple(opened), tuple(names), torch.tensor(targets), tuple(unreadable))
    return replace(made, images=images(network, opened))


def spread(total: int, count: int) -> list[int]:
    if count >= total:
        return list(range(total))
    return [i * total // count for i in range(count)]


def images(network: Network, result: Sequence[Photo]) -> Tensor:
    """The photos cut as the network wants them, before scale, mean and std: (N, 3, H, W) in [0, 1]."""
    way = network.preprocessing
    if way.crop == "none":  # photos of many shapes would not fit one batch
        way = replace(way, crop="squash", resize=way.size)
    return torch.cat([way.denormalise(way.prepare(photo)).clamp(0, 1) for photo in result])


def photos_found(material: Material) -> Finding:
    """What was read, what was not, and whether classes are known."""
    count, broken = len(material.photos), len(material.unreadable)
    labelled = int((material.targets >= 0).sum())
    evidence = {
        "photos": count,
        "pictures": material.total,
        "labelled": labelled,
        "unreadable": list(material.unreadable),
    }
    if broken:
        first = material.unreadable[0]
        words = f"{broken} of {count + broken} pictures can't be read; the first: {first}"
        return Finding("photos", "warning", words, evidence, "Remove or save anew the files listed in the evidence.")
    if material.folder is None:
        words = f"No folder was given: looked at the {count} photos that ship with Phosphene."
        return Finding("photos", "note", words, evidence, "Give a folder of photos, best with a sub-folder per class.")
    unknown = sorted({n for n, t in zip(material.names, material.targets, strict=True) if n and t < 0})
    if unknown:
        words = f"{len(unknown)} sub-folders are no class of the network: {listed(unknown)}."
        return Finding("photos", "note", words, evidence, "Name sub-folders by the network's labels or class numbers.")
    words = f"Looked at {count} of {material.total} photos; the classes of {labelled} are known."
    return Finding("photos", "good", words, evidence)
