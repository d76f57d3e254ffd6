"""Images scored under several learned systems side by side: how probable is each, and which of its pixels are not?

Nats of different systems are different things: a density of grey values (KDE, PPCA) and a probability of black and
white ones (a VAE, a density network) have no common unit. So each image is placed among the examples that the system
has not learned from: 'above 3 %' says that 3 % of these are less probable than it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result, instrument
from ...instrument.roles import Folders, Photos
from ...network import Preprocessing
from ...network.opening.source import undisturbed
from ...picture import (
    Block,
    ColourBar,
    ImageBlock,
    Range,
    Sheet,
    Table,
    apply_range,
    colour,
    compact,
    counted,
    files,
    grid,
    map_range,
    read,
)
from ..abilities import Scores as ScoresExamples
from ..abilities import ScoresPixels
from ..checkpoints.folder import read as read_system
from ..checkpoints.held_out import read_held_out
from ..checkpoints.shipped import folder_of
from ..pictures.tiles import block, is_image
from ..registry import make
from ..sets.examples import TensorExamples
from ..system import System

MOST, WIDE, SIDE = 24, 8, 112  # images; tiles in a row, and pixels of a tile


@dataclass(frozen=True, eq=False, kw_only=True)
class SystemScores:
    """What one system says: nats (N,), each image's place among held-out ones in [0, 1], and nats of pixels or None."""

    name: str
    data: str
    nats: np.ndarray
    place: np.ndarray
    pixels: np.ndarray | None = field(repr=False)  # (N, H, W)


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoredImages(Result):
    """Images (N, C, H, W) as the systems take them, with their scores under each system."""

    images: Tensor = field(repr=False)
    names: tuple[str, ...]
    systems: tuple[SystemScores, ...]
    unreadable: tuple[str, ...] = ()

    def sheet(self) -> Sheet:
        """The images, and for each system their scores over the surprise of every pixel."""
        blocks: list[Block] = [block(self.images, WIDE, "Images", side=SIDE)]
        ranges: list[Range] = []
        for each in self.systems:
            labels = [_label(nats, place) for nats, place in zip(each.nats, each.place, strict=True)]
            heading = f"{each.name}, learned from {each.data}"
            if each.pixels is None:
                tiles = block(self.images, WIDE, heading, "It scores images, not their pixels.", side=SIDE)
            else:
                limits = map_range(-each.pixels, "percentile:0:99.5").ranges[0]
                ranges.append(limits)
                values = colour(apply_range(-each.pixels, limits), "sequential")
                drawn = grid(values, columns=WIDE, scale=max(1, round(SIDE / max(values.shape[1:3]))), gutter=3)
                caption = f"Surprise of each pixel given all others, −log p in nats: {limits.caption()}."
                tiles = ImageBlock(drawn.pixels, heading, caption, cells=drawn.cells)
            blocks.append(ImageBlock(tiles.pixels, tiles.heading, tiles.caption, tiles.cells, labels))
        if ranges:
            blocks.append(ColourBar("sequential", Range(0.0, 1.0, "unit"), "expected · surprising, share of the range"))
        title = "How probable are these images?"
        caption = (
            "Below each image log p in nats, and the share of held-out examples of the same system that are less "
            "probable. Nats of different systems can't be compared; these shares can."
        )
        names = ", ".join(each.name for each in self.systems)
        return Sheet(title, f"{counted(len(self.names), 'image')} under {names}", blocks, caption=caption,
                     description=f"{title} {names}.", ranges=ranges)  # fmt: skip

    def table(self) -> Table:
        """A row for each image, a column for each system."""
        rows = []
        for row, name in enumerate(self.names):
            rows.append([name, *(_label(each.nats[row], each.place[row]) for each in self.systems)])
        return Table(["image", *(f"{each.name} (nats)" for each in self.systems)], rows)

    def to_dict(self) -> dict[str, Any]:
        return {
            "images": list(self.names),
            "systems": [
                {"name": each.name, "data": each.data, "nats": each.nats.tolist(), "above": each.place.tolist()}
                for each in self.systems
            ],
            "unreadable": list(self.unreadable),
        }


@instrument
def scores(photos: Photos | None = None, *, systems: Folders = ()) -> ScoredImages:
    """How probable images are under learned systems, side by side, and which pixels each finds surprising.

    - `photos`: photos, files or folders, the first 24 of them; if not given, images that the first system holds out
    - `systems`: the folders of learned systems that score images, such as a KDE, PPCA and a VAE

    ValueError for systems that score nothing, and for those that take images of different sizes.
    """
    paths: list[str | os.PathLike[str]] = [systems] if isinstance(systems, (str, os.PathLike)) else list(systems)
    if not paths:
        raise ValueError("no system is named; give systems (--systems), the folders of learned systems")
    opened = [_opened(path) for path in paths]
    shape = opened[0][0].shape
    for path, (system, _, _) in zip(paths, opened, strict=True):
        if system.shape != shape:
            raise ValueError(
                f"{paths[0]} takes images {shape}, and {path} images {system.shape}; name systems of one size"
            )
    unreadable: list[str] = []
    x, names_of_images = _images(photos, shape, opened[0][2], unreadable)
    return ScoredImages(
        images=x,
        names=tuple(names_of_images),
        systems=tuple(_scored(system, data, held, x) for system, data, held in opened),
        unreadable=tuple(unreadable),
    )


def _opened(path: str | os.PathLike[str]) -> tuple[System, str, Tensor]:
    """A system that scores images, the name of its data, and its held-out examples."""
    folder = folder_of(path)
    system, card = read_system(folder, make)
    if not isinstance(system, ScoresExamples):
        raise ValueError(f"{path} holds a {system.title.lower()}, which gives images no probability")
    if not is_image(system.shape):
        raise ValueError(f"{path} learned from examples {system.shape}, which are no images")
    return system, str(card.data["name"]), read_held_out(folder, system.shape)


def _images(images: Any, shape: tuple[int, ...], held: Tensor, unreadable: list[str]) -> tuple[Tensor, list[str]]:
    """Images (N, C, H, W) in [0, 1] of the systems' size, and their names."""
    if images is None:
        some = held[:WIDE]
        if not len(some):
            raise ValueError("the first system holds no held-out images; give images")
        return some, [f"held out {number}" for number in range(1, len(some) + 1)]
    if isinstance(images, Tensor):
        if images.ndim != 4 or tuple(images.shape[1:]) != tuple(shape):
            raise ValueError(f"images are (N, {', '.join(map(str, shape))}), not {tuple(images.shape)}")
        return images[:MOST].float(), [f"image {number}" for number in range(1, len(images[:MOST]) + 1)]
    way = Preprocessing.plain((shape[1], shape[2]), shape[0])
    prepared: list[Tensor] = []
    names: list[str] = []
    for one in files(images):
        if len(names) == MOST:
            break
        try:
            photo = read(one)
        except (ValueError, OSError) as error:
            unreadable.append(str(error))
            continue
        prepared.append(way.prepare(photo))
        names.append(photo.name)
    if not prepared:
        raise ValueError(f"none of the images can be read: {unreadable[0]}")
    return torch.cat(prepared), names


def _scored(system: System, data: str, held: Tensor, x: Tensor) -> SystemScores:
    """What one system says about images and about their pixels."""
    assert isinstance(system, ScoresExamples)
    with undisturbed(0), torch.no_grad():
        taken, others = (
            system.learns_from(TensorExamples(part)).batch(torch.arange(len(part))).x for part in (x, held)
        )
        nats, reference = system.log_prob(taken).double(), system.log_prob(others).double()
        pixels = system.pixel_log_prob(taken).double().mean(1).numpy() if isinstance(system, ScoresPixels) else None
    place = (reference[None] < nats[:, None]).double().mean(1).numpy()
    return SystemScores(name=system.title, data=data, nats=nats.numpy(), place=place, pixels=pixels)


def _label(nats: float, place: float) -> str:
    return f"{compact(float(nats), 4)} · above {place:.0%}"
