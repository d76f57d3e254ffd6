"""Networks: opened from anywhere, every value named, recorded and placed, and left as they were."""

from .addresses import OUTPUTS, Address, near
from .answers import Guess, NoScoresError
from .frame import Box, Frame
from .geometry import UNKNOWN, WHOLE, Axis, Extent, Field, Layout
from .labels import Labels
from .network import Network
from .opening.loading import load
from .preprocessing import Preprocessing
from .running.recording import Call
from .running.rules import Rules, functions
from .survey import Layer, Survey

__all__ = [
    "OUTPUTS",
    "UNKNOWN",
    "WHOLE",
    "Address",
    "Axis",
    "Box",
    "Call",
    "Extent",
    "Field",
    "Frame",
    "Guess",
    "Labels",
    "Layer",
    "Layout",
    "Network",
    "NoScoresError",
    "Preprocessing",
    "Rules",
    "Survey",
    "functions",
    "load",
    "near",
]
