"""Type: where every glyph of a line stands, and how to paint it.

The face is Aileron Regular as embedded in Pillow, so that a picture has the same bytes on every machine. It holds ASCII
and a few signs; the others that captions need (− – × → μ ≤ …) are drawn here as strokes, accented letters as their
letter with its accent, and what is left as an empty box. Positions are measured at one large size, so a layout holds at
every scale; digits are all one width (tabular). Bold is the same face with a heavier pen.
"""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from .strokes import ACCENTS, PLAIN, STROKES, Stroke

EM = 512  # the size that widths are measured at
BOLD_PEN, BOLD_TRACKING = 0.022, 0.022  # of the size
OVERSAMPLING = 4
ELLIPSIS = "…"
BREAKS = ".:/_-@,·"  # behind which a long word is broken
CONTAINED = frozenset(map(chr, range(32, 127))) | set("©«°±´·»‘’“”…‹›")


class Glyph(NamedTuple):
    """A letter of the face (or none) with strokes over it, and where it starts, in units of the size."""

    letter: str
    strokes: tuple[Stroke, ...]
    x: float


@lru_cache(maxsize=64)
def face(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):  # a Pillow built without FreeType
        raise RuntimeError("this Pillow was built without FreeType and can't set type; install Pillow's own wheel.")
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)  # Raqm is not on every machine


@lru_cache(maxsize=4096)
def set_line(string: str, bold: bool = False) -> tuple[tuple[Glyph, ...], float]:
    """The glyphs of a line and its width, in units of the size."""
    glyphs: list[Glyph] = []
    x, before = 0.0, ""
    for character in unicodedata.normalize("NFC", string):
        for letter, strokes, advance in parts(character):
            if letter and before:  # kerning: what the pair is narrower than its two letters
                x += (advance_of(before + letter) - advance_of(before) - advance_of(letter)) / EM
            glyphs.append(Glyph(letter, strokes, x))
            x += advance + (BOLD_TRACKING if bold else 0.0)
            before = letter
    return tuple(glyphs), x


def parts(character: str) -> list[tuple[str, tuple[Stroke, ...], float]]:
    """(letter of the face, strokes, advance) that show one character."""
    if character in CONTAINED:
        return [(character, (), advance_of(character) / EM)]
    if character in STROKES:
        advance, strokes = STROKES[character]
        return [("", strokes, advance)]
    if character in PLAIN:
        return [part for letter in PLAIN[character] for part in parts(letter)]
    base, *marks = list(unicodedata.normalize("NFD", character))
    if base in CONTAINED and marks and all(mark in ACCENTS for mark in marks):
        advance = advance_of(base) / EM
        lift = 0.0 if base.islower() and base not in "bdfhkl" else 0.2
        lowered = tuple(
            tuple((px + advance / 2, py + (lift if py > 0 else 0.0)) for px, py in stroke)
            for mark in marks
            for stroke in ACCENTS[mark]
        )
        return [(base, lowered, advance)]
    if unicodedata.category(character) in ("Cc", "Cf", "Mn"):
        return []
    if character.isspace():
        return [(" ", (), advance_of(" ") / EM)]
    compatible = unicodedata.normalize("NFKD", character)
    if compatible != character and all(letter in CONTAINED for letter in compatible):
        return [part for letter in compatible for part in parts(letter)]
    advance, strokes = STROKES["□"]
    return [("", strokes, advance)]


@lru_cache(maxsize=16384)
def advance_of(string: str) -> float:
    return face(EM).getlength(string)


def text_width(string: str, size: float = 14.0, weight: str = "regular", mono: bool = False) -> float:
    """The width of one line in pixels; `mono` changes nothing here, since digits have one width anyway."""
    return set_line(string, weight == "bold")[1] * size


def wrap(string: str, size: float, width: float, weight: str = "regular") -> list[str]:
    """The lines of a text no wider than `width`; newlines stay.

    A word that is wider by itself, such as a layer's path, is broken, behind one of its dots, dashes or slashes if it
    has one in the line's second half.
    """
    lines: list[str] = []
    for paragraph in string.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if text_width(longer, size, weight) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while text_width(word, size, weight) > width and len(word) > 1:
                count = max(1, fitting(word, size, width, weight))
                count = next((at for at in range(count, (count + 1) // 2, -1) if word[at - 1] in BREAKS), count)
                lines.append(word[:count])
                word = word[count:]
            line = word
        lines.append(line)
    return lines


def fit(string: str, size: float, width: float, weight: str = "regular") -> str:
    """The line itself if it fits into `width`, else its beginning and an ellipsis."""
    if text_width(string, size, weight) <= width:
        return string
    count = fitting(string, size, width - text_width(ELLIPSIS, size, weight), weight)
    return string[:count].rstrip() + ELLIPSIS


def fitting(string: str, size: float, width: float, weight: str) -> int:
    """How many of the first characters fit."""
    low, high = 0, len(string)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_width(string[:middle], size, weight) <= width else (low, middle - 1)
    return low


def mask_of_line(string: str, size: float, bold: bool, x: float, y: float) -> tuple[Image.Image, int, int] | None:
    """The coverage of a line whose baseline starts at (x, y), and where the mask's corner lies; None for no ink.

    Painted four times as large and averaged down, so that letters stand at fractions of a pixel.
    """
    glyphs, width = set_line(string, bold)
    if not glyphs:
        return None
    many = OVERSAMPLING
    left, top = int(x // 1) - 2, int((y - size) // 1) - 2
    wide, high = int(width * size) + 6 + int(size * 0.1), int(size * 1.4) + 6
    mask = Image.new("L", (wide * many, high * many))
    draw = ImageDraw.Draw(mask)
    big = size * many
    font = face(big)
    pen = round(BOLD_PEN * big) if bold else 0
    down = (y - top) * many
    for glyph in glyphs:
        across = (x - left) * many + glyph.x * big
        if glyph.letter.strip():
            draw.text((across, down), glyph.letter, fill=255, font=font, anchor="ls", stroke_width=pen)
        for stroke in glyph.strokes:
            points = [(across + px * big, down - py * big) for px, py in stroke]
            paint_stroke(draw, points, (0.072 + (2 * BOLD_PEN if bold else 0)) * big)
    return mask.reduce(many), left, top


def paint_stroke(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], width: float) -> None:
    if len(points) == 1:
        (x, y), r = points[0], width * 0.62
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
        return
    draw.line(points, fill=255, width=max(1, round(width)), joint="curve")
