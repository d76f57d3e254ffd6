"""A window cut from a photo, also where it reaches beyond it: all windows of one size give tiles of one scale."""

import numpy as np
from PIL import Image

CRISP = 4  # a pixel of the photo that is drawn this large is drawn as a square

Edges = tuple[float, float, float, float]


def windowed(
    pixels: np.ndarray, window: Edges, size: tuple[int, int], inside: Edges | None = None, crisp: bool = True
) -> np.ndarray:
    """The window (left, top, right, bottom) of pixels (H, W, 3) as (height, width, 4), uint8, of `size`.

    What lies beyond the pixels, or outside `inside`, is left transparent. Edges need not be whole. The pixels are
    smoothed where the window is made smaller; where it is made much larger they stay squares, unless `crisp` is false.
    """
    height, width = size
    left, top, right, bottom = window
    if not (right > left and bottom > top):
        raise ValueError(f"a window reaches from left to right and from top to bottom, not {window}.")
    across, down = width / (right - left), height / (bottom - top)
    canvas = np.zeros((height, width, 4), np.uint8)
    box = _common(window, (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0])))
    box = box if inside is None else _common(box, inside)
    x0, x1 = (round((edge - left) * across) for edge in (box[0], box[2]))
    y0, y1 = (round((edge - top) * down) for edge in (box[1], box[3]))
    if x1 > x0 and y1 > y0:
        how = Image.Resampling.NEAREST if crisp and min(across, down) >= CRISP else Image.Resampling.LANCZOS
        part = Image.fromarray(np.ascontiguousarray(pixels)).resize((x1 - x0, y1 - y0), how, box=box)
        canvas[y0:y1, x0:x1, :3] = np.asarray(part)
        canvas[y0:y1, x0:x1, 3] = 255
    return canvas


def _common(one: Edges, other: Edges) -> Edges:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
