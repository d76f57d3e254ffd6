"""How objects are drawn: the photo, the map, the seeds taken from it, and what was cut out, with its outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...network import Frame
from ...picture import (
    Block,
    ImageBlock,
    Photo,
    Row,
    Sheet,
    TextBlock,
    capital,
    compact,
    map_range,
    ranges_caption,
)
from ..maps.overlay_rows import laid
from ..maps.paging import page_of

if TYPE_CHECKING:
    from .objects import Objects

WIDTH = 252.0  # of a picture in a row
TALLEST = 340.0
INSIDE, OUTSIDE = (255, 122, 41), (64, 140, 255)  # seeds
PER_PIXEL = 2  # pixels of a picture for each of the sheet


def sheet_of(result: Objects, page: int) -> Sheet:
    """The sheet of one page of objects."""
    maps = result.attribution
    indices, where = page_of(len(result.masks), page, "objects")
    rule = "symmetric:99.5" if maps.signed else "percentile:0:99.5"
    mapped = map_range(maps.maps[indices].float().cpu().numpy(), rule, "tile")
    blocks: list[Block] = []
    for at, index in enumerate(indices):
        photo, frame = maps.photo(index)
        # all at the size that they are drawn at
        width = min(WIDTH, TALLEST * photo.width / photo.height)
        size = (round(width * PER_PIXEL), round(width * PER_PIXEL * photo.height / photo.width))
        pixels = np.array(photo.pil().resize(size, Image.Resampling.LANCZOS))
        inside, outside = (resized(seeds[index], size, smooth=False) for seeds in (result.inside, result.outside))
        mask = resized(result.masks[index], size, smooth=True)
        over = np.array(Image.fromarray(map_over_photo(photo, frame, mapped.values01[at], maps.signed)).resize(size))
        # heading, and the four pictures in a row
        share = f"{result.masks[index].mean():.0%} of the photo"
        text = f"{result.targets[index]} · {compact(float(maps.scores[index]))}"
        blocks.append(TextBlock(text, size=20, weight="bold"))
        if (answer := result.answers[index]) is not None:
            blocks.append(TextBlock(capital(f"{answer}.")))
        pictures = {
            "photo": pixels,
            "map, where the network looks": over,
            "seeds": sown(pixels, inside, outside),
            f"object, {share}": cut_out(pixels, mask),
        }
        row = [ImageBlock(each, heading=name, width=width, crisp=False) for name, each in pictures.items()]
        blocks.append(Row(row, gap=24))
    # title and caption
    cuts = f"{result.iterations} cut{'s' * (result.iterations > 1)}"
    smooth = f", smoothed by {result.smooth:.0%} of its side," if result.smooth else ""
    caption = (
        f"Seeds: orange where the map{smooth} reaches its {result.foreground:.0%} quantile, blue within its "
        f"{result.background:.0%} quantile; the border by {cuts} of the photo's colours. "
        f"{capital(ranges_caption(mapped.ranges))}."
    )
    title = f"Object{'s' * (len(result.masks) > 1)} by {maps.method}"
    target_names = ", ".join(result.targets[index] for index in indices)
    description = f"{maps.network}, objects of {target_names} on {maps.names} by {maps.method}"
    return Sheet(
        title,
        f"{maps.network} on {maps.names}{where}",
        blocks,
        caption=caption,
        ranges=mapped.ranges,
        description=description,
        width=4 * WIDTH + 72 + 96,
    )


def map_over_photo(photo: Photo, frame: Frame, shares: np.ndarray, signed: bool) -> np.ndarray:
    """The map over its part of the photo, the rest in pale grey."""
    pixels = (grey(photo.pixels) * 0.5 + 110).astype(np.uint8)
    left, top, right, bottom = (int(edge) for edge in frame.seen.round().clip(*frame.photo).as_tuple())
    pixels[top:bottom, left:right] = laid(photo, frame, shares, signed)
    return pixels


def resized(mask: np.ndarray, size: tuple[int, int], *, smooth: bool) -> np.ndarray:
    """The mask at (width, height)."""
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return np.array(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, how)) >= 128


def sown(pixels: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The photo in pale grey under the seeds."""
    picture = grey(pixels) * 0.5 + 110
    picture[outside] = picture[outside] * 0.45 + np.array(OUTSIDE) * 0.55
    picture[inside] = INSIDE
    return picture.astype(np.uint8)


def cut_out(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The object in its colours with a line around it, the rest dark and grey."""
    picture = np.where(mask[..., None], pixels, grey(pixels) * 0.3)
    ring = widened(mask, PER_PIXEL + 1) & ~mask
    picture[ring] = INSIDE
    return picture.astype(np.uint8)


def grey(pixels: np.ndarray) -> np.ndarray:
    light = pixels.astype(np.float64) @ np.array([0.2126, 0.7152, 0.0722])
    return np.repeat(light[..., None], 3, -1)


def widened(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask and every pixel within `by` steps of it."""
    for _ in range(by):
        padded = np.pad(mask, 1)
        mask = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask
