"""A drawing as a short list of marks, without saying yet which program paints it or on what paper.

Marks are images, rectangles, lines, polylines, polygons, circles and texts, in pixels from the top left. Their colours
are roles ('ink', 'muted', 'accent' …) that a theme turns into colours, or literal '#rrggbb'. `raster.rasterise` paints
a drawing with Pillow, `svg.to_svg` writes it as SVG; both follow this file and nothing else.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

Theme = Literal["light", "dark"]
Point = tuple[float, float]

THEMES: dict[str, dict[str, str]] = {
    "light": {
        "paper": "#fcfbf9",
        "panel": "#f1eff3",
        "ink": "#1c1a24",
        "muted": "#6a6675",
        "line": "#dad6df",
        "accent": "#5a3fe0",
        "accent2": "#d9531e",
        "series3": "#156776",
        "series4": "#068deb",
        "series5": "#660955",
        "series6": "#4c3401",
        "series7": "#599472",
        "series8": "#904235",
    },
    "dark": {
        "paper": "#131217",
        "panel": "#1e1c25",
        "ink": "#edeaf3",
        "muted": "#9c97a8",
        "line": "#34313e",
        "accent": "#a896ff",
        "accent2": "#ff9a5a",
        "series3": "#1fc1b6",
        "series4": "#1c6be2",
        "series5": "#ba5a9b",
        "series6": "#b37f1b",
        "series7": "#4a734b",
        "series8": "#fadaba",
    },
}


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels (h, w, 3 or 4), uint8, stretched to a box. `crisp` shows every pixel as a square, without smoothing."""

    pixels: np.ndarray = field(repr=False)
    left: float
    top: float
    width: float
    height: float
    crisp: bool = True


@dataclass(frozen=True)
class Rect:
    left: float
    top: float
    width: float
    height: float
    fill: str | None = None
    stroke: str | None = None
    stroke_width: float = 1.0
    radius: float = 0.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    stroke: str = "line"
    stroke_width: float = 1.0
    opacity: float = 1.0


@dataclass(frozen=True)
class Polyline:
    points: tuple[Point, ...]
    stroke: str = "ink"
    stroke_width: float = 1.5
    opacity: float = 1.0


@dataclass(frozen=True)
class Polygon:
    points: tuple[Point, ...]
    fill: str = "accent"
    opacity: float = 1.0


@dataclass(frozen=True)
class Circle:
    x: float
    y: float
    radius: float
    fill: str = "accent"
    opacity: float = 1.0


@dataclass(frozen=True)
class Text:
    """One line of type with its baseline at y. `mono` gives all digits one width, so that columns line up."""

    x: float
    y: float
    string: str
    size: float = 14.0
    weight: Literal["regular", "bold"] = "regular"
    anchor: Literal["start", "middle", "end"] = "start"
    colour: str = "ink"
    mono: bool = False


Mark = Image | Rect | Line | Polyline | Polygon | Circle | Text


@dataclass(frozen=True, eq=False)
class Drawing:
    """Marks, the later over the earlier, on paper of a width and height in pixels."""

    width: float
    height: float
    marks: tuple[Mark, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not (self.width > 0 and self.height > 0):
            raise ValueError(f"a drawing has a width and a height above 0, not {self.width} × {self.height}.")
        object.__setattr__(self, "marks", tuple(self.marks))


def resolve(colour: str, theme: str = "light") -> str:
    """The '#rrggbb' of a role in a theme; ValueError for a role or theme that is none."""
    if colour.startswith("#") and len(colour) == 7:
        return colour
    roles = theme_roles(theme)
    if colour not in roles:
        raise ValueError(f"{colour!r} is no colour of a drawing; give '#rrggbb' or one of {', '.join(roles)}.")
    return roles[colour]


def theme_roles(theme: str) -> dict[str, str]:
    if theme not in THEMES:
        near = difflib.get_close_matches(str(theme), THEMES, n=1)
        hint = f"; near it: {near[0]}" if near else ""
        raise ValueError(f"{theme!r} is no theme{hint}. The themes are {', '.join(THEMES)}.")
    return THEMES[theme]


def shifted(marks: Iterable[Mark], right: float, down: float) -> tuple[Mark, ...]:
    """The marks moved, so that one drawing can stand inside another."""
    moved: list[Mark] = []
    for mark in marks:
        match mark:
            case Image() | Rect():
                moved.append(replace(mark, left=mark.left + right, top=mark.top + down))
            case Text() | Circle():
                moved.append(replace(mark, x=mark.x + right, y=mark.y + down))
            case Line():
                moved.append(
                    replace(mark, x1=mark.x1 + right, y1=mark.y1 + down, x2=mark.x2 + right, y2=mark.y2 + down)
                )
            case Polyline() | Polygon():
                moved.append(replace(mark, points=tuple((x + right, y + down) for x, y in mark.points)))
    return tuple(moved)
