"""A unit's sensitivities as a sentence: what it needs, where its intervals are clear of one half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...measures.intervals import Interval

if TYPE_CHECKING:
    from .sensitivities import Sensitivities

HALF = 0.5  # what keeps less of the response took away what the unit needs; ours
PALE = 0.02  # mean chroma below which an image has no colours to lose


def verdict(result: Sensitivities) -> str:
    """'answers to form: grey keeps 94 % (90 to 97), shuffled keeps 12 % (8 to 15)'."""
    grey, shuffled = result.kept("grey"), result.kept(result.shuffled)
    parts = [f"grey keeps {percent(grey)}"] if grey.count else []
    parts += [f"shuffled keeps {percent(shuffled)}"] if shuffled.count else ["its window is too small for blocks"]
    words = f"{_needs(_need(grey), _need(shuffled), result.colours)}: {', '.join(parts)}"
    flat = result.kept("flat")
    if flat.low > HALF:
        words += f"; its window's mean colour alone keeps {percent(flat)}"
    if result.colours and 2 * result.pale >= len(result.images):
        words += "; its images hold hardly any colour, so that grey says little"
    return words


def percent(value: Interval) -> str:
    """'94 % (90 to 97)'; without an interval where there was one image."""
    if not value.count:
        return "not measured"
    mean = f"{_rounded(value.mean)} %"
    return mean if np.isnan(value.low) else f"{mean} ({_rounded(value.low)} to {_rounded(value.high)})"


def _rounded(share: float) -> str:
    text = f"{100 * share:,.0f}"
    return "0" if text == "-0" else text.replace("-", "−")


def _need(kept: Interval) -> bool | None:
    """Whether a unit needs what the version took away; None where the interval holds one half, or there is none."""
    if kept.high < HALF:
        return True
    return False if kept.low > HALF else None


def _needs(colour: bool | None, form: bool | None, colours: bool) -> str:
    said = {True: "needs {}", False: "needs no {}", None: "whether it needs {} is open"}
    if not colours:
        return f"{said[form].format('form')} (the network sees no colour)"
    both = {
        (False, True): "answers to form",
        (True, False): "answers to colour",
        (True, True): "answers to colour and form together",
        (False, False): "needs neither colour nor form (brightness or fine texture is enough)",
    }
    if colour is not None and form is not None:
        return both[colour, form]
    return f"{said[colour].format('colour')}; {said[form].format('form')}"
