"""How much of a network's work edits can spare at most, known from receptive fields before anything runs.

A unit must be computed again if it sees the edited rectangle. Where all units see it, as behind a transformer's first
attention, following the changes would cost time and spare nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geometry import WHOLE
from ..running.seam import OUTPUT
from ..survey import Survey


def spared_at_most(survey: Survey, last: str, patch: tuple[int, int], top: Sequence[int], left: Sequence[int]) -> float:
    """The share of the operations up to the layer `last` that need not be done again, on average over the edits.

    What can't be followed by receptive fields counts as spared.
    """
    total = spared = 0.0
    names = [layer.name for layer in survey.layers]
    layers = survey.layers if last == OUTPUT else survey.layers[: names.index(last) + 1]
    around = {name[:at] for name in names for at, letter in enumerate(name) if letter == "."} | {OUTPUT}
    for layer in layers:
        if not layer.operations or layer.name in around:
            continue
        total += layer.operations
        window = survey.places[layer.name].window
        if layer.field is WHOLE or window is None:
            spared += 0.0 if layer.field is WHOLE else layer.operations
            continue
        shares = 1.0
        for span, starts, length in zip(window, (top, left), patch, strict=True):
            start = np.asarray(starts)[:, None]
            shares = shares * ((span.first[None] < start + length) & (span.last[None] >= start)).mean(1)
        spared += layer.operations * (1 - float(np.mean(shares)))
    return spared / total if total else 0.0
