"""Colour maps, computed in OKLab so that equal steps of the value look like equal steps.

grey        black to white; 0.5 is 128 (round half up)
sequential  near black through violet, magenta and orange to pale yellow; OKLab lightness is linear in the value
diverging   blue to white to red, for values about zero: 0.5 is exactly neutral, and values at equal distance from it
            have equal lightness
diverging-dark  the same idea with a dark centre: sky blue to near black to orange, for dark pages

A missing value (NaN) is drawn in `MISSING`, a green that none of the maps holds.

OKLab and its matrices: B. Ottosson, 'A perceptual color space for image processing' (2020). The transfer curve is
IEC 61966-2-1 (sRGB). Hues are in degrees, chroma as in OKLCH; a colour outside sRGB loses chroma until it fits, keeping
lightness and hue.
"""

import difflib
from functools import lru_cache

import numpy as np

MAPS = ("grey", "sequential", "diverging", "diverging-dark")
MISSING = (38, 166, 91)
STEPS = 257  # odd, so that one entry lies at exactly 0.5

_LMS_FROM_LAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_RGB_FROM_LMS = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def colour(values01: np.ndarray, map: str = "grey") -> np.ndarray:
    """Values in [0, 1] of any shape as uint8 colours (..., 3); clipped outside, `MISSING` where NaN or infinite."""
    table = lookup(map)
    values = np.asarray(values01, dtype=np.float64)
    missing = ~np.isfinite(values)
    clipped = np.clip(np.where(missing, 0.0, values), 0.0, 1.0)
    if map == "grey":
        level = np.floor(clipped * 255 + 0.5).astype(np.uint8)
        pixels = np.repeat(level[..., None], 3, axis=-1)
    else:
        pixels = np.array(table[np.floor(clipped * (STEPS - 1) + 0.5).astype(np.intp)])
    pixels[missing] = MISSING
    return pixels


def as_rgb(values01: np.ndarray) -> np.ndarray:
    """Values in [0, 1] (..., 3) as uint8 colours; a pixel with a missing channel is drawn in `MISSING`."""
    values = np.asarray(values01, dtype=np.float64)
    if values.shape[-1:] != (3,):
        raise ValueError(f"colours have shape (..., 3), not {values.shape}.")
    missing = ~np.isfinite(values).all(axis=-1)
    pixels = np.floor(np.clip(np.nan_to_num(values), 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
    pixels[missing] = MISSING
    return pixels


def swatch(map: str, width: int = 256, height: int = 1) -> np.ndarray:
    """The map from 0 to 1 as pixels (height, width, 3)."""
    return np.repeat(colour(np.linspace(0, 1, width)[None], map), height, axis=0)


@lru_cache(maxsize=8)
def lookup(map: str) -> np.ndarray:
    """The map's 257 colours, read-only; LookupError for a map that is none."""
    t = np.linspace(0.0, 1.0, STEPS)
    if map == "grey":
        table = np.repeat(np.floor(t * 255 + 0.5).astype(np.uint8)[:, None], 3, axis=1)
    elif map == "sequential":
        table = sequential(t)
    elif map == "diverging":
        table = diverging(t, centre=0.965, end=0.40, low_hue=257.0, high_hue=25.0, chroma=0.165)
    elif map == "diverging-dark":
        table = diverging(t, centre=0.16, end=0.80, low_hue=232.0, high_hue=55.0, chroma=0.135)
    else:
        near = difflib.get_close_matches(map, MAPS, n=1)
        hint = f"; near it: {near[0]}" if near else ""
        raise LookupError(f"{map!r} is no colour map{hint}. The maps are {', '.join(MAPS)}.")
    table.setflags(write=False)
    return table


def sequential(t: np.ndarray) -> np.ndarray:
    """Lightness linear from 0.12 to 0.97; the hue turns from 275 (violet) through 360 to 465 = 105 (yellow)."""
    lightness = 0.12 + 0.85 * t
    hue = 275.0 + 190.0 * t**1.25
    chroma = 0.045 + 0.165 * np.sin(np.pi * t**0.85) ** 0.8
    return to_srgb(lightness, chroma, hue)


def diverging(
    t: np.ndarray, *, centre: float, end: float, low_hue: float, high_hue: float, chroma: float
) -> np.ndarray:
    """Two arms of opposite hue; lightness linear and chroma equal in the distance from the neutral centre."""
    away = np.abs(2 * t - 1)
    lightness = centre + (end - centre) * away
    hue = np.where(t < 0.5, low_hue, high_hue)
    return to_srgb(lightness, chroma * np.sin(np.pi / 2 * away**0.9), hue)


def to_srgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """OKLCH as uint8 sRGB; chroma is lowered, by bisection, to where the colour fits into sRGB."""
    inside, outside = np.zeros_like(chroma), chroma.copy()
    fits = in_gamut(linear_rgb(lightness, chroma, hue))
    for _ in range(24):
        middle = (inside + outside) / 2
        good = in_gamut(linear_rgb(lightness, middle, hue))
        inside, outside = np.where(good, middle, inside), np.where(good, outside, middle)
    linear = np.clip(linear_rgb(lightness, np.where(fits, chroma, inside), hue), 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.floor(encoded * 255 + 0.5).astype(np.uint8)


def linear_rgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    angle = np.deg2rad(hue)
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)
    return (lab @ _LMS_FROM_LAB.T) ** 3 @ _RGB_FROM_LMS.T


def in_gamut(linear: np.ndarray) -> np.ndarray:
    return np.all((linear >= -1e-6) & (linear <= 1 + 1e-6), axis=-1)
