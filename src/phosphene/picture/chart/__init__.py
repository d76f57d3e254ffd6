"""Charts as drawings: series over two axes, in both themes, the same bytes each time.

`Chart` takes series (`Curve` with a band, `Bars`, `Histogram`, `Dots` with intervals, `Points`) and what goes with them
(`Reference` lines, a `Rug` of strokes), and an `Axis` across and up; its `drawing()` is a block of any sheet.
"""

from .axis import Axis, Scale
from .bars import Bars, Histogram, Rug
from .chart import Chart, Series
from .curves import Curve, Reference
from .dots import Dots, Points, dot_size
from .palette import CLASSES, GREY, SERIES
from .steps import over_steps
from .ticks import log_ticks, round_ticks, tick_labels

__all__ = [
    "CLASSES",
    "GREY",
    "SERIES",
    "Axis",
    "Bars",
    "Chart",
    "Curve",
    "Dots",
    "Histogram",
    "Points",
    "Reference",
    "Rug",
    "Scale",
    "Series",
    "dot_size",
    "log_ticks",
    "over_steps",
    "round_ticks",
    "tick_labels",
]
