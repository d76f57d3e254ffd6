"""What instruments of comparison are given beside networks and images: transformations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from ..instrument.kinds import Kind
from ..instrument.travelling import OPTIONS, travels
from ..instrument.travelling import Kind as Travelling
from ..transformations import Transformation, transformation_of

By = Annotated[Transformation | str | Sequence[Transformation | str], Kind(str, "TRANSFORMATION", transformation_of)]

travels(
    Travelling(OPTIONS, lambda value: isinstance(value, Transformation), str, lambda account, origin: account)
)  # accounts name it by its text, which every instrument takes
