"""Attribution: why a network answers as it does, and which pixels a unit answers to."""

from .attribution import Attribution
from .heatmap import Heatmap
from .occlusion import Occlusion, occlusion
from .reversing import deconvnet, gradient, guided, reverse
from .signal import Signal

__all__ = ["Attribution", "Heatmap", "Occlusion", "Signal", "deconvnet", "gradient", "guided", "occlusion", "reverse"]
