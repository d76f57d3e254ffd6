"""What a study of equivariance comes to, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .equivariance import Equivariance, LayerFollows


def verdict(result: Equivariance) -> str:
    """What a learned map predicts from the first layer to the last, and restores at the layer that is chosen."""
    if not result.layers:
        return f"nothing was measured for {result.by} yet"
    first, last = result.layers[0], result.layers[-1]
    words = f"a learned linear map predicts {explained(first)} of the variance after {result.by} at {first.layer}"
    words += f" and {explained(last)} at {last.layer}" if last is not first else ""
    if result.clean is None:
        return words
    best = next(layer for layer in result.layers if layer.layer == result.best)
    learned, before = best.restored["learned"].mean, best.restored["uncompensated"].mean
    if not result.inverse:
        return f"{words}; {learned:.0%} of answers for {best.layer}'s mapped values are those for the changed image"
    right = "right" if result.labelled else "the same as before"
    where = f"{best.layer}, the best layer for other images" if len(result.layers) > 1 else best.layer
    upright = f", {result.clean.mean:.0%} without {result.by}" if result.labelled else ""
    return f"{words}; with it {learned:.0%} of answers are {right} at {where}, {before:.0%} without a map{upright}"


def explained(layer: LayerFollows) -> str:
    """The share of variance that the learned map predicts, as a percentage."""
    share = 100 * (1 - layer.learned.mean)
    return f"{share:.1f} %" if share > 99 else f"{max(share, 0.0):.0f} %"


def number(value: float) -> str:
    """An error with the digits that matter."""
    return f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
