"""A drawing as SVG: one text that needs nothing outside itself.

Images are PNG data URIs, crisp ones shown without smoothing. Colours are written out for one theme, or, with no theme,
as CSS variables that follow the reader's light or dark setting; a page may set the variables itself. Each text carries
the width it was laid out with, so that another face doesn't run into its neighbour.
"""

import base64
import io
from collections.abc import Callable
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image as Pillow

from .drawing import THEMES, Circle, Drawing, Image, Line, Mark, Polygon, Polyline, Rect, Text, resolve
from .typesetting import text_width

FACES = "Aileron, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"


def to_svg(drawing: Drawing, theme: str | None = None, metadata: str = "") -> str:
    """The drawing as an SVG document; `metadata` is any text, kept in its <metadata id="phosphene">."""
    width, height = number(drawing.width), number(drawing.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="phosphene" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">'
    ]
    if metadata:
        lines.append(f'<metadata id="phosphene">{escape(legal(metadata))}</metadata>')
    lines.append(f"<style>{style(theme)}</style>")
    lines.append(f'<rect width="{width}" height="{height}" {look(theme, "paper")}/>')
    lines += [text for mark in drawing.marks if (text := element(mark, theme))]
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def inline_svg(drawing: Drawing, label: str, uri: Callable[[np.ndarray], str] | None = None) -> str:
    """The drawing as an SVG element of an HTML page, which sets the paper and the roles' colours.

    `label` is for those who can't see it; `uri` writes an image's pixels, as PNG if not given.
    """
    width, height = number(drawing.width), number(drawing.height)
    head = (
        f'<svg role="img" aria-label="{escape(label, {chr(34): "&quot;"})}" class="phosphene" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">'
    )
    marks = [text for mark in drawing.marks if (text := element(mark, None, uri or data_uri))]
    return "\n".join([head, *marks, "</svg>"]) + "\n"


def element(mark: Mark, theme: str | None, uri: Callable[[np.ndarray], str] | None = None) -> str:
    match mark:
        case Image():
            how = ' style="image-rendering:pixelated"' if mark.crisp else ""
            box = box_attributes(mark.left, mark.top, mark.width, mark.height)
            return f'<image {box} preserveAspectRatio="none"{how} href="{(uri or data_uri)(mark.pixels)}"/>'
        case Rect():
            box = box_attributes(mark.left, mark.top, mark.width, mark.height)
            corner = f' rx="{number(mark.radius)}"' if mark.radius else ""
            edge = pen(mark.stroke_width) if mark.stroke else ""
            return f"<rect {box}{corner} {look(theme, mark.fill, mark.stroke)}{edge}{sheer(mark.opacity)}/>"
        case Line():
            ends = f'x1="{number(mark.x1)}" y1="{number(mark.y1)}" x2="{number(mark.x2)}" y2="{number(mark.y2)}"'
            return f"<line {ends} {look(theme, None, mark.stroke)}{pen(mark.stroke_width)}{sheer(mark.opacity)}/>"
        case Polyline():
            edge = f'{look(theme, None, mark.stroke)} stroke-linejoin="round"{pen(mark.stroke_width)}'
            return f'<polyline points="{path(mark.points)}" {edge}{sheer(mark.opacity)}/>'
        case Polygon():
            return f'<polygon points="{path(mark.points)}" {look(theme, mark.fill)}{sheer(mark.opacity)}/>'
        case Circle():
            at = f'cx="{number(mark.x)}" cy="{number(mark.y)}" r="{number(mark.radius)}"'
            return f"<circle {at} {look(theme, mark.fill)}{sheer(mark.opacity)}/>"
        case Text():
            return text_element(mark, theme)


def text_element(mark: Text, theme: str | None) -> str:
    width = text_width(mark.string, mark.size, mark.weight, mark.mono)
    if not mark.string.strip() or not width:
        return ""
    how = f'font-size="{number(mark.size)}"'
    how += ' font-weight="bold"' if mark.weight == "bold" else ""
    how += f' text-anchor="{mark.anchor}"' if mark.anchor != "start" else ""
    how += ' class="mono"' if mark.mono else ""
    fixed_length = f'textLength="{number(width)}" lengthAdjust="spacingAndGlyphs"'
    at = f'x="{number(mark.x)}" y="{number(mark.y)}"'
    return f"<text {at} {how} {fixed_length} {look(theme, mark.colour)}>{escape(legal(mark.string))}</text>"


def style(theme: str | None) -> str:
    rules = (
        f".phosphene text{{font-family:{FACES};white-space:pre}}.phosphene .mono{{font-variant-numeric:tabular-nums}}"
    )
    if theme is not None:
        return rules
    light, dark = (
        "".join(f"--phosphene-{role}:{colour};" for role, colour in THEMES[name].items()) for name in ("light", "dark")
    )
    return f"{rules}.phosphene{{{light}}}@media (prefers-color-scheme:dark){{.phosphene{{{dark}}}}}"


def look(theme: str | None, fill: str | None, stroke: str | None = None) -> str:
    """The style attribute; a style, unlike a fill attribute, may hold a CSS variable everywhere."""
    inks = [f"fill:{ink(fill, theme)}"] + ([f"stroke:{ink(stroke, theme)}"] if stroke else [])
    return f'style="{";".join(inks)}"'


def ink(colour: str | None, theme: str | None) -> str:
    if colour is None:
        return "none"
    literal = resolve(colour, theme or "light")  # refuses a role that is none
    return literal if theme is not None or colour == literal else f"var(--phosphene-{colour})"


def data_uri(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def box_attributes(left: float, top: float, width: float, height: float) -> str:
    return f'x="{number(left)}" y="{number(top)}" width="{number(width)}" height="{number(height)}"'


def path(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def pen(width: float) -> str:
    return f' stroke-width="{number(width)}"'


def sheer(opacity: float) -> str:
    return f' opacity="{number(opacity)}"' if opacity < 1 else ""


def number(value: float) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def legal_json(text: str) -> str:
    """JSON with the characters that XML forbids written as JSON's escapes, so that none is lost."""
    return "".join(character if legal(character) else f"\\u{ord(character):04x}" for character in text)


def legal(text: str) -> str:
    """The text without the control characters and lone surrogates that XML forbids."""
    return "".join(
        character
        for character in text
        if character in "\t\n\r"
        or " " <= character < "\ud800"
        or "\ue000" <= character < "\ufffe"
        or character > "\uffff"
    )
