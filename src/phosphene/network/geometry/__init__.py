"""Receptive fields and layouts: which pixels of the input a unit sees, and where in a tensor the places lie."""

from .fields import UNKNOWN, WHOLE, Axis, Extent, Field, Window, field_of
from .layout import Layout
from .places import Place
from .tracking import Placed, Tracking

__all__ = ["UNKNOWN", "WHOLE", "Axis", "Extent", "Field", "Layout", "Place", "Placed", "Tracking", "Window", "field_of"]
