"""One object seen from around, under several lights: what it looks like from each azimuth and elevation.

As in Hadsell, Chopra & LeCun 2006, section 4.4, there are 18 azimuths, 9 elevations and 6 lights, of which a third is
held out. The object is a chair of ModelNet10 where PHOSPHENE_DATA holds it, else a small aeroplane made here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .dataset import DataSet
from .examples import TensorExamples
from .folder import in_folder
from .solids import aeroplane, smooth, views

AZIMUTHS, ELEVATIONS, LIGHTS = 18, 9, 6
LOWEST, STEP = 30, 5  # degrees of elevation
SIDE, HELD_OUT = 48, 1 / 3
CHAIR = 1  # the place of the chair among ModelNet10's chairs to learn from
VOXELS = "modelnet10_vox32.npz"


@dataclass(frozen=True, eq=False)
class Views(TensorExamples):
    """Images with the steps of azimuth and elevation (N, 2) that each was seen from; `turns` azimuths make a circle."""

    poses: Tensor | None = None
    turns: int = AZIMUTHS

    def some(self, places: object) -> Views:
        at = places if isinstance(places, slice) else torch.as_tensor(places)
        assert self.poses is not None
        return Views(self.x[at], None, None, self.poses[at], self.turns)


def object_views() -> DataSet:
    """The object's views, in random order."""
    volume, what = _object()
    return views_of(volume, what)


def views_of(
    volume: Tensor, what: str, azimuths: int = AZIMUTHS, elevations: int = ELEVATIONS, lights: int = LIGHTS,
    side: int = SIDE,
) -> DataSet:  # fmt: skip
    """The views of a volume from `azimuths` × `elevations` places under each light."""
    images, poses = [], []
    beams = np.linspace(-60, 60, lights).tolist()
    for azimuth in range(azimuths):
        for elevation in range(elevations):
            degrees = 360 * azimuth / azimuths, LOWEST + STEP * elevation
            images.append(views(volume, *degrees, beams, side).mul(255).round().to(torch.uint8))
            poses += [(azimuth, elevation)] * lights
    whole = Views(torch.cat(images), None, None, torch.tensor(poses), azimuths)
    order = torch.randperm(len(poses), generator=torch.Generator().manual_seed(0))
    held = round(len(poses) * HELD_OUT)
    note = f"{what}, rendered from {azimuths} azimuths and {elevations} elevations under {lights} lights"
    return DataSet("object-views", whole.some(order[held:]), whole.some(order[:held]), (note,))


def _object() -> tuple[Tensor, str]:
    path = in_folder(VOXELS)
    if path is None:
        return aeroplane(), "an aeroplane of five ellipsoids"
    with np.load(path) as held:
        places = np.flatnonzero(held["train_labels"] == list(held["classes"]).index("chair"))
        voxels = np.unpackbits(held["train_bits"][places[CHAIR]]).reshape(32, 32, 32)
    return smooth(voxels.astype(np.float32)), "a chair of ModelNet10"
