"""How numbers went from step to step: the chart that every optimisation shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..drawings.drawing import Drawing
from .axis import Axis
from .chart import Chart
from .curves import Curve


def over_steps(
    series: Sequence[Sequence[float] | np.ndarray], names: Sequence[str] = (), *, up: str = "", width: float = 460.0,
    height: float = 230.0, log: bool = False,
) -> Drawing:  # fmt: skip
    """Each series as a line, its values at steps 1, 2, 3, …; `up` names them, `log` sets them in powers of ten."""
    curves = [
        Curve(np.arange(1, len(row) + 1), row, names[index] if index < len(names) else "")
        for index, row in enumerate(series)
    ]
    across = Axis("step", whole=True)
    return Chart(curves, across, Axis(up, scale="log" if log else "linear"), width, height).drawing()
