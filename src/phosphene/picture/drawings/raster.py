"""A drawing painted with Pillow, antialiased, at any scale.

Shapes and type are painted four times as large into a coverage mask around themselves and averaged down; straight,
opaque rectangles and images need no mask. The same drawing gives the same pixels on every machine.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from PIL import Image as Pillow
from PIL import ImageColor, ImageDraw

from .drawing import Circle, Drawing, Image, Line, Mark, Point, Polygon, Polyline, Rect, Text, resolve
from .typesetting import mask_of_line, text_width

MAX_PIXELS = 250_000_000
OVERSAMPLING = 4
Colour = tuple[int, int, int]


def rasterise(drawing: Drawing, theme: str = "light", scale: float = 1.0) -> Pillow.Image:
    """The drawing as an RGB image of its size times `scale`, both rounded."""
    if not (scale > 0 and math.isfinite(scale)):
        raise ValueError(f"a scale is above 0, not {scale}.")
    width, height = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"the picture would be {width} × {height} pixels, more than {MAX_PIXELS:,}; give a scale below {scale:g}."
        )
    canvas = Pillow.new("RGB", (width, height), rgb("paper", theme))
    for mark in drawing.marks:
        paint(canvas, mark, theme, scale)
    return canvas


def paint(canvas: Pillow.Image, mark: Mark, theme: str, scale: float) -> None:
    match mark:
        case Image():
            paint_image(canvas, mark, scale)
        case Rect():
            paint_rect(canvas, mark, theme, scale)
        case Line():
            stroke(canvas, ((mark.x1, mark.y1), (mark.x2, mark.y2)), mark, theme, scale)
        case Polyline():
            stroke(canvas, mark.points, mark, theme, scale)
        case Polygon():
            points = [(x * scale, y * scale) for x, y in mark.points]
            if len(points) > 2:
                through_mask(
                    canvas,
                    bounds(points, 0),
                    rgb(mark.fill, theme),
                    mark.opacity,
                    lambda draw, at: draw.polygon([at(point) for point in points], fill=255),
                )
        case Circle():
            x, y, r = mark.x * scale, mark.y * scale, mark.radius * scale
            box = (x - r, y - r, x + r, y + r)
            through_mask(
                canvas,
                box,
                rgb(mark.fill, theme),
                mark.opacity,
                lambda draw, at: draw.ellipse(cells(at, box[:2], box[2:]), fill=255),
            )
        case Text():
            paint_text(canvas, mark, theme, scale)


def paint_image(canvas: Pillow.Image, mark: Image, scale: float) -> None:
    left, top = round(mark.left * scale), round(mark.top * scale)
    width = max(1, round((mark.left + mark.width) * scale) - left)
    height = max(1, round((mark.top + mark.height) * scale) - top)
    image = Pillow.fromarray(np.ascontiguousarray(mark.pixels))
    if image.size != (width, height):
        smaller = width < image.width or height < image.height
        if mark.crisp:
            method = Pillow.Resampling.BOX if smaller else Pillow.Resampling.NEAREST
        else:
            method = Pillow.Resampling.LANCZOS
        image = image.resize((width, height), method)
    canvas.paste(image, (left, top), image if image.mode == "RGBA" else None)


def paint_rect(canvas: Pillow.Image, mark: Rect, theme: str, scale: float) -> None:
    left, top = mark.left * scale, mark.top * scale
    right, bottom = left + mark.width * scale, top + mark.height * scale
    radius = min(mark.radius * scale, (right - left) / 2, (bottom - top) / 2)
    if right <= left or bottom <= top:
        return
    if mark.fill and not radius and mark.opacity == 1:
        canvas.paste(rgb(mark.fill, theme), (round(left), round(top), round(right), round(bottom)))
    elif mark.fill:
        through_mask(
            canvas,
            (left, top, right, bottom),
            rgb(mark.fill, theme),
            mark.opacity,
            lambda draw, at: draw.rounded_rectangle(
                cells(at, (left, top), (right, bottom)), radius * OVERSAMPLING, fill=255
            ),
        )
    if mark.stroke:
        half = mark.stroke_width * scale / 2

        def ring(draw: ImageDraw.ImageDraw, at: Callable[[Point], Point]) -> None:
            outer = cells(at, (left - half, top - half), (right + half, bottom + half))
            draw.rounded_rectangle(outer, (radius + half) * OVERSAMPLING if radius else 0, fill=255)
            if right - left > 2 * half and bottom - top > 2 * half:
                inner = cells(at, (left + half, top + half), (right - half, bottom - half))
                draw.rounded_rectangle(inner, max(0, radius - half) * OVERSAMPLING, fill=0)

        box = (left - half, top - half, right + half, bottom + half)
        through_mask(canvas, box, rgb(mark.stroke, theme), mark.opacity, ring)


def stroke(canvas: Pillow.Image, points: tuple[Point, ...], mark: Line | Polyline, theme: str, scale: float) -> None:
    """A line of a stated width through the points, butt-ended; upright and level ones keep their exact edges."""
    half = mark.stroke_width * scale / 2
    scaled = [(x * scale, y * scale) for x, y in points]
    if len(scaled) < 2:
        return

    def lines(draw: ImageDraw.ImageDraw, at: Callable[[Point], Point]) -> None:
        for (x1, y1), (x2, y2) in pairwise(scaled):
            length = math.hypot(x2 - x1, y2 - y1)
            if not length:
                continue
            straight = x1 == x2 or y1 == y2
            reach = half if straight else max(half - 0.08, 0.8 * half)  # Pillow's polygons cover their own edge too
            across, along = (y1 - y2) / length * reach, (x2 - x1) / length * reach
            corners = [(x1 + across, y1 + along), (x2 + across, y2 + along)]
            corners += [(x2 - across, y2 - along), (x1 - across, y1 - along)]
            if straight:
                x0, y0, x3, y3 = bounds(corners, 0)
                draw.rectangle(cells(at, (x0, y0), (x3, y3)), fill=255)
            else:
                draw.polygon([at(corner) for corner in corners], fill=255)
        for x, y in scaled[1:-1]:
            draw.ellipse(cells(at, (x - half, y - half), (x + half, y + half)), fill=255)

    through_mask(canvas, bounds(scaled, half), rgb(mark.stroke, theme), mark.opacity, lines)


def paint_text(canvas: Pillow.Image, mark: Text, theme: str, scale: float) -> None:
    width = text_width(mark.string, mark.size, mark.weight, mark.mono)
    x = mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
    line_mask = mask_of_line(mark.string, mark.size * scale, mark.weight == "bold", x * scale, mark.y * scale)
    if line_mask:
        mask, left, top = line_mask
        canvas.paste(rgb(mark.colour, theme), (left, top, left + mask.width, top + mask.height), mask)


def through_mask(
    canvas: Pillow.Image,
    box: tuple[float, float, float, float],
    colour: Colour,
    opacity: float,
    draw: Callable[[ImageDraw.ImageDraw, Callable[[Point], Point]], None],
) -> None:
    """Paint what `draw` covers, in a mask over the box; only the part on the canvas is ever allocated."""
    left, top = max(0, math.floor(box[0]) - 1), max(0, math.floor(box[1]) - 1)
    right, bottom = min(canvas.width, math.ceil(box[2]) + 1), min(canvas.height, math.ceil(box[3]) + 1)
    if right <= left or bottom <= top:
        return
    mask = Pillow.new("L", ((right - left) * OVERSAMPLING, (bottom - top) * OVERSAMPLING))

    def at(point: Point) -> Point:  # whole, since Pillow cuts fractions off towards zero, from either side
        return (
            math.floor((point[0] - left) * OVERSAMPLING + 0.5),
            math.floor((point[1] - top) * OVERSAMPLING + 0.5),
        )

    draw(ImageDraw.Draw(mask), at)
    mask = mask.reduce(OVERSAMPLING)
    if opacity < 1:
        mask = mask.point([round(level * max(0.0, opacity)) for level in range(256)])
    canvas.paste(colour, (left, top, right, bottom), mask)


def bounds(points: list[Point], margin: float) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin


def cells(at: Callable[[Point], Point], first: Point, last: Point) -> tuple[float, float, float, float]:
    """The mask's pixels of a box, at least one; Pillow counts a box's last pixel in, and our boxes end before it."""
    (left, top), (right, bottom) = at(first), at(last)
    return left, top, max(right - 1, left), max(bottom - 1, top)


def rgb(colour: str, theme: str) -> Colour:
    levels = ImageColor.getrgb(resolve(colour, theme))
    return levels[0], levels[1], levels[2]
