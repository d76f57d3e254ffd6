"""How the activations at one place are drawn: the photo with what this place sees, and a bar for every channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..input_photo import seen
from ..picture import Block, DrawingBlock, ImageBlock, Row, Sheet, Table, compact, counted, draw_boxes
from ..picture.chart import Axis, Bars, Chart

if TYPE_CHECKING:
    from .activations import Activations

PHOTO, CHART = 280, (560.0, 300.0)
LISTED = 10  # channels in the table


def sheet_of_place(result: Activations, photo_names: str, place: tuple[int, int], order: str) -> Sheet:
    """The sheet; `photo_names` names the photo, and how many there are."""
    values = result.values[0, :, 0, 0]
    ranking = np.argsort(-values, kind="stable")
    bars = values[ranking] if order == "strongest" else values
    across = "channels, the largest activation first" if order == "strongest" else "channel"
    ends = Axis(across, low=-1, high=len(values), whole=True)
    chart = Chart([Bars(bars)], ends, Axis("activation"), *CHART).drawing()
    where = f"at row {place[0]}, column {place[1]}"
    rows = [(rank + 1, int(at), compact(float(values[at]))) for rank, at in enumerate(ranking[:LISTED])]
    table = Table(["", "channel", "activation"], rows, "the strongest")
    blocks: list[Block] = [Row([_photo(result), DrawingBlock(chart, "all channels"), table], gap=40)]
    caption = f"Each bar is what one channel of {result.layer} gives {where}; {_sees(result)}."
    return Sheet(
        f"{result.layer} {where}",
        f"{result.network} on {photo_names} · {counted(len(values), 'channel')}",
        blocks,
        caption=caption,
        description=f"{result.network}, {result.layer} on {result.photo.name}: activations {where}. {caption}",
    )


def _photo(result: Activations) -> ImageBlock:
    """What the network sees of the photo, with a frame around what the place sees."""
    from PIL import Image

    view, frame = seen(result.photo, result.frame)
    scale = PHOTO / view.width
    size = (PHOTO, max(1, round(view.height * scale)))
    pixels = np.array(Image.fromarray(view.pixels).resize(size, Image.Resampling.LANCZOS))
    if result.box is not None and not result.box.empty:
        corner = frame.seen.round()
        box = result.box.within(corner)
        edges = (box.left - corner.left, box.top - corner.top, box.right - corner.left, box.bottom - corner.top)
        pixels = draw_boxes(pixels, [tuple(edge * scale for edge in edges)])  # type: ignore[list-item]
    return ImageBlock(pixels, heading="photo", width=PHOTO, crisp=False)


def _sees(result: Activations) -> str:
    if result.box is None:
        return "what this place sees is not known"
    if result.box.empty:
        return "this place sees nothing but padding"
    if result.box.within(result.frame.seen.round()) == result.frame.seen.round():
        return "this place sees all that the network sees of the photo"
    return f"the frame is the part of the photo that it sees, {int(result.box.width)} × {int(result.box.height)} px"
