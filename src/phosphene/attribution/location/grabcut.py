"""An object cut out by colour: seeds, a colour model for each side, and the cheapest border (GrabCut).

Two mixtures of five Gaussians are fitted to the colours of the seeds, one for the object and one for the background.
Each pixel z with the label a in {object, background} costs -log p(z | mixture a); two neighbours with different labels
cost 50 / distance · exp(-beta |z - z'|²), so that a border is cheap along an edge. The labelling of the least total
cost is a minimum cut of the pixels' graph. The first cut keeps the mixtures of the seeds (Simonyan et al. 2013, section
3.2, after Y. Boykov and M.-P. Jolly 2001); each further one fits them to the last cut (C. Rother, V. Kolmogorov and
A. Blake, *GrabCut*, 2004). Both cuts are OpenCV's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FEWEST = 8  # seeds of each kind: a mixture of five needs some


def opencv() -> Any:
    """The module cv2. ImportError with what to install if it is not there."""
    try:
        import cv2
    except ImportError:
        raise ImportError("cutting objects out needs OpenCV: pip install 'phosphene[objects]'") from None
    return cv2


def seeded(values: np.ndarray, foreground: float, background: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a map (height, width) reaches its `foreground` quantile and where it stays within its `background` one.

    NaN is neither. ValueError where a map has too few different values to tell the two apart.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("the map holds no finite number, so there is nothing to begin at")
    low, high = np.quantile(finite, [background, foreground], method="nearest")
    with np.errstate(invalid="ignore"):
        inside = values >= high if high > low else values > high
        outside = values <= low
    if min(inside.sum(), outside.sum()) < FEWEST:
        raise ValueError(
            f"the map gives {inside.sum()} pixels to begin an object at and {outside.sum()} for the background, where "
            f"at least {FEWEST} of each are needed; choose another method, other quantiles or a larger photo"
        )
    return inside, outside


def smoothed(values: np.ndarray, sigma_px: float) -> np.ndarray:
    """The map under a Gaussian, as the mean of what is known; NaN stays NaN."""
    if sigma_px <= 0:
        return values
    finite = np.isfinite(values)
    blur = [opencv().GaussianBlur(part, (0, 0), sigma_px) for part in (np.where(finite, values, 0.0), finite * 1.0)]
    return np.where(finite, blur[0] / np.where(finite, blur[1], 1.0), np.nan)


def cut(pixels: np.ndarray, inside: np.ndarray, outside: np.ndarray, iterations: int, seed: int) -> np.ndarray:
    """The object in `pixels` (height, width, 3) as a boolean mask, from seeds that keep their side.

    `seed` is that of OpenCV's random numbers, by which the mixtures begin, so that the same call gives the same mask.
    """
    cv2 = opencv()
    pixels = np.ascontiguousarray(pixels)
    cv2.setRNGSeed(seed)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    strip = np.concatenate([pixels[inside], pixels[outside]])[None]
    sides = np.full(strip.shape[:2], cv2.GC_BGD, np.uint8)
    sides[0, : int(inside.sum())] = cv2.GC_FGD
    cv2.grabCut(np.ascontiguousarray(strip), sides, None, *models, 0, cv2.GC_INIT_WITH_MASK)  # 0 cuts: mixtures alone
    labels = np.full(inside.shape, cv2.GC_PR_BGD, np.uint8)
    labels[inside], labels[outside] = cv2.GC_FGD, cv2.GC_BGD
    cv2.grabCut(pixels, labels, None, *models, 1, cv2.GC_EVAL_FREEZE_MODEL)
    if iterations > 1:
        cv2.grabCut(pixels, labels, None, *models, iterations - 1, cv2.GC_EVAL)
    return (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)


def largest(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Of the mask's connected parts (eight neighbours) the one that holds most of the positive `values`."""
    cv2 = opencv()
    count, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if count <= 2:
        return mask
    weight = np.bincount(parts.ravel(), np.nan_to_num(values).clip(min=0).ravel(), minlength=count)
    weight[0] = -1
    return parts == int(weight.argmax())
