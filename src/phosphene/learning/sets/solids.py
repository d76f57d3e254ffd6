"""Solids as volumes, and what is seen of them from around: a depth buffer of the first surface on each pixel's ray.

A volume holds values from 0 (empty) to 1 (solid); the surface is where they pass ½. The view is orthographic, from
`azimuth` around the upright axis and `elevation` above the horizon, in degrees. Shading is Lambert's, with normals
taken from the volume's gradient, and a light from one side of the viewer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

SURFACE = 0.5
REACH = 1.25  # half of the view's side; the volume reaches from −1 to 1
AMBIENT = 0.25  # of the light comes from everywhere


def aeroplane(side: int = 32) -> Tensor:
    """A small aeroplane (side, side, side) of five ellipsoids, axes x (nose), y (left), z (up)."""
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    parts = (  # centre and half axes
        ((0.0, 0.0, 0.0), (0.85, 0.16, 0.17)),  # fuselage
        ((0.1, 0.0, -0.02), (0.24, 0.9, 0.07)),  # wings
        ((-0.7, 0.0, 0.05), (0.15, 0.38, 0.07)),  # tailplane
        ((-0.72, 0.0, 0.25), (0.16, 0.07, 0.3)),  # fin
        ((0.35, 0.0, 0.15), (0.25, 0.12, 0.14)),  # cockpit
    )
    solid = np.zeros((side,) * 3)
    for (cx, cy, cz), (ax, ay, az) in parts:
        solid = np.maximum(solid, ((x - cx) / ax) ** 2 + ((y - cy) / ay) ** 2 + ((z - cz) / az) ** 2 <= 1)
    return smooth(solid)


def smooth(solid: np.ndarray, sigma: float = 0.7) -> Tensor:
    """A volume of voxels that are full or empty, blurred by a fraction of a voxel, which gives its surface normals."""
    return torch.from_numpy(gaussian_filter(solid.astype(np.float32), sigma))


def depth(volume: Tensor, azimuth: float, elevation: float, side: int = 48, steps: int = 96) -> tuple[Tensor, Tensor]:
    """How far along its ray each pixel (side, side) meets the surface, infinity where it does not, and the points.

    Distances count from the plane through the volume's centre: negative is nearer to the viewer. Points (side, side,
    3) are in the volume's coordinates from −1 to 1.
    """
    right, up, away = _camera(azimuth, elevation)
    pixel = ((torch.arange(side) + 0.5) / side * 2 - 1) * REACH
    along = torch.linspace(-math.sqrt(3), math.sqrt(3), steps)
    plane = -pixel[:, None, None] * up + pixel[None, :, None] * right  # (side, side, 3), rows from the top
    rays = plane[:, :, None] + along[:, None] * away
    values = _at(volume, rays)
    solid = values > SURFACE
    hit, first = solid.any(-1), solid.float().argmax(-1).clamp_min(1)
    after = values.gather(-1, first[..., None])[..., 0]
    before = values.gather(-1, first[..., None] - 1)[..., 0]
    share = ((SURFACE - before) / (after - before).clamp_min(1e-6)).clamp(0, 1)
    distance = along[first - 1] + share * (along[1] - along[0])
    points = plane + distance[..., None] * away
    return torch.where(hit, distance, math.inf), points


def views(volume: Tensor, azimuth: float, elevation: float, lights: Sequence[float] = (0.0,), side: int = 48) -> Tensor:
    """One image (lights, 1, side, side) for each light, so many degrees to the right; black where nothing is."""
    distance, points = depth(volume, azimuth, elevation, side)
    gradient = torch.gradient(volume)
    normals = -normalize(torch.stack([_at(part, points) for part in gradient], -1), dim=-1)
    right, up, away = _camera(azimuth, elevation)
    angles = torch.tensor(lights).deg2rad()[:, None]
    beams = normalize(angles.sin() * right + 0.5 * up - angles.cos() * away, dim=1)
    bright = AMBIENT + (1 - AMBIENT) * torch.einsum("hwc,lc->lhw", normals, beams).clamp_min(0)
    return torch.where(distance.isfinite(), bright, torch.zeros(()))[:, None]


def _camera(azimuth: float, elevation: float) -> tuple[Tensor, Tensor, Tensor]:
    """The view's axes to the right, up and away from the viewer, in the volume's coordinates."""
    a, e = math.radians(azimuth), math.radians(elevation)
    away = -torch.tensor([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = torch.tensor([-math.sin(a), math.cos(a), 0.0])
    return right, torch.linalg.cross(right, away), away


def _at(volume: Tensor, points: Tensor) -> Tensor:
    """The volume's values between its voxels' centres, at points (..., x, y, z) from −1 to 1; 0 outside."""
    grid = points.flip(-1).reshape(1, 1, 1, -1, 3)  # grid_sample counts the last axis first
    values = grid_sample(volume[None, None].float(), grid, align_corners=False)
    return values.view(points.shape[:-1])
