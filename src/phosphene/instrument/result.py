"""Results: values that hold an instrument's numbers, set themselves as a sheet, and know how they were made."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..network import near
from ..picture import Picture, Sheet, Table

SAVING = ("theme", "scale")  # options of `save` itself


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """The result of an instrument; subclasses contain its numbers, and show them as a sheet and a table."""

    made: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def sheet(self) -> Sheet:
        """The result as a sheet that any face can set; subclasses take options."""
        raise TypeError(f"{type(self).__name__} has no picture")

    def table(self) -> Table | None:
        """The result's main numbers as a table, where a terminal or a page should print one."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out and why, one sentence for each."""
        return tuple(f"left out: {sentence}" for sentence in getattr(self, "unreadable", ()))

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON-able values."""
        raise TypeError(f"{type(self).__name__} has no JSON form")

    def picture(self, *args: Any, **options: Any) -> Picture:
        """The sheet as a picture, with the record of how it was made; its options are those of `sheet`."""
        drawing = inspect.signature(self.sheet)
        for wrong in options:
            if wrong not in drawing.parameters:
                raise TypeError(_no_drawing_option(self, wrong, list(drawing.parameters)))
        bound = drawing.bind(*args, **options)
        bound.apply_defaults()
        page = self.sheet(*args, **options)
        recorded = {name: list(value) if isinstance(value, tuple) else value for name, value in bound.arguments.items()}
        return Picture(page.drawing(), page.description, tuple(page.ranges), {**self.made, "picture": recorded})

    def save(
        self, path: str | os.PathLike[str], theme: str = "light", scale: float | None = None, **options: Any
    ) -> Path:
        """Draws the result with `options` and writes it as .png, .webp, .jpg or .svg."""
        return self.picture(**options).save(path, theme, scale)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.picture()._repr_mimebundle_()


def _no_drawing_option(result: Result, wrong: str, option_names: Sequence[str]) -> str:
    name = result.made.get("instrument", type(result).__name__)
    if wrong in result.made.get("options", {}):
        return f"the picture has no option {wrong!r}; it is an option of {name}: ph.{name}(..., {wrong}=...)"
    if wrong in SAVING:
        return f"the picture has no option {wrong!r}; it is an option of save: .save(path, {wrong}=...)"
    listed = f"its options are {', '.join(option_names)}" if option_names else "it takes none"
    return f"the picture of {name} has no option {wrong!r}{near(wrong, [*option_names, *SAVING]) or '; ' + listed}"
