"""Where a class is in a photo: a class activation map, and a box round what it marks (B. Zhou et al., CVPR 2016)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...instrument import Result, instrument
from ...instrument.roles import Images, MethodName, Target
from ...network import Box, Network
from ...picture import (
    Block,
    ColourBar,
    ImageBlock,
    Row,
    Sheet,
    Table,
    TextBlock,
    capital,
    compact,
    draw_boxes,
    map_range,
)
from ..cam.cam import NoMeanError
from ..maps.answered import Answered, answered
from ..maps.attribution import Attribution
from ..maps.methods import METHODS
from ..maps.methods import method as named
from ..maps.overlay_rows import colours, laid
from ..maps.paging import page_of
from ..maps.targets import questions
from .boxes import PixelBox, boxes

WIDTH = 420.0  # of a picture in a row
LINE_PX = 2  # of a box's frame, in pixels of a picture


@dataclass(frozen=True, eq=False, kw_only=True)
class Located(Result):
    """A box for each target, in its photo's pixels, and the maps that they were read from."""

    boxes: tuple[PixelBox, ...]  # (left, top, right, bottom); right and bottom are the first outside
    map: Attribution = field(repr=False)
    method: str  # as it is named in METHODS, with its options
    threshold: float
    answers: tuple[Answered | None, ...] = field(repr=False)  # how each target stands among the network's classes

    def sheet(self, *, page: int = 1) -> Sheet:
        """The photo with the box, beside the map with the same box.

        - `page`: which page of twelve photos, from 1
        """
        indices, where = page_of(len(self.boxes), page, "boxes")
        maps = self.map.maps[indices].float().cpu().numpy()
        mapped = map_range(maps, "symmetric" if self.map.signed else "minmax", "tile")
        kind = colours(self.map.signed)
        blocks: list[Block] = []
        for at, index in enumerate(indices):
            photo, frame = self.map.photo(index)
            # the photo and its map, each with the box
            over = laid(photo, frame, mapped.values01[at], self.map.signed, whole=True)
            text = f"{self.map.targets[index]} · {compact(float(self.map.scores[index]))}"
            left, top, right, bottom = self.boxes[index]
            edges = f"left {left}, top {top}, right {right}, bottom {bottom} px of the photo"
            blocks += [
                TextBlock(text, size=20, weight="bold"),
                *([] if self.answers[index] is None else [TextBlock(capital(f"{self.answers[index]}."))]),
                Row(
                    [
                        ImageBlock(_framed(photo.pixels, self.boxes[index]), heading=edges, width=WIDTH, crisp=False),
                        ImageBlock(_framed(over, self.boxes[index]), heading=self.map.method, width=WIDTH, crisp=False),
                    ],
                    gap=24,
                ),
                ColourBar(kind, mapped.ranges[at], self.map.method),
            ]
        # title and caption
        rule = f"round the largest region of at least {self.threshold:g} of the map's largest number"
        cropped = any(frame.seen != Box(0, 0, photo.width, photo.height) for photo, frame in self.map.photos)
        unseen = " What the network does not see keeps its colours." if cropped else ""
        listed = "; ".join(f"{self.map.targets[i]} in {', '.join(map(str, self.boxes[i]))}" for i in indices)
        text = f"{self.map.network} on {self.map.names}: {listed}; by {self.map.method}, {rule}; {mapped.caption()}"
        return Sheet(
            f"Located by {METHODS[named(self.method).name]}",
            f"{self.map.network} on {self.map.names}{where}",
            blocks,
            caption=f"The box is drawn {rule}.{unseen} {capital(mapped.caption())}.",
            width=2 * WIDTH + 24 + 96,
            description=text,
            ranges=mapped.ranges,
        )

    def table(self) -> Table:
        """A row a target: its score and its box, in the photo's pixels."""
        rows = [
            [target, f"{float(score):.2f}", *box, self.map.method]
            for target, score, box in zip(self.map.targets, self.map.scores, self.boxes, strict=True)
        ]
        heading = f"{self.map.names}, seen by {self.map.network}"
        return Table(["class", "score", "left", "top", "right", "bottom", "by"], rows, heading)

    def to_dict(self) -> dict[str, Any]:
        rows = zip(self.map.targets, self.map.scores, self.boxes, strict=True)
        return {
            "network": self.map.network,
            "method": self.method,
            "threshold": self.threshold,
            "found": [
                {"target": target, "value": float(score), "box": list(box), "photo": self.map.photo(index)[0].name}
                | (answer.to_dict() if (answer := self.answers[index]) is not None else {})
                for index, (target, score, box) in enumerate(rows)
            ],
        }


@instrument
def locate(
    network: Network,
    images: Images,
    target: Target = None,
    *,
    method: MethodName | None = None,
    threshold: float = 0.2,
) -> Located:
    """A box round a class in a photo: round the strongest part of its saliency map.

    If you name no method, it is `cam` if the network allows it, otherwise `grad_cam`. Raises LookupError for a target
    or method that does not exist, ValueError for a threshold outside (0, 1], and if the map has no positive value.

    - `target`: a class, such as 'logits:goose', or several; if not given, each image's best class
    - `method`: the method of the map, such as cam, grad_cam or layer_cam:layer=blocks.4
    - `threshold`: a pixel belongs to the class if its value is at least this share of the map's largest value
    """
    if not 0 < threshold <= 1:  # before the map is computed
        raise ValueError(f"a threshold is a share of the map's largest number, in (0, 1], not {threshold!r}")
    spec = method or "cam"
    try:
        result = named(spec)(network, images, target)
    except NoMeanError:
        if method is not None:
            raise
        spec = "grad_cam"
        result = named(spec)(network, images, target)
    x = network.inputs(images).detach()
    return Located(
        boxes=tuple(boxes(result, threshold)), map=result, method=spec, threshold=threshold,
        answers=answered(network, x, questions(network, x, target)),
    )  # fmt: skip


def _framed(pixels: np.ndarray, box: PixelBox) -> np.ndarray:
    """The picture at twice its width on the sheet, with the box drawn so that it shows at the picture's edges, too."""
    from PIL import Image

    scale = 2 * WIDTH / pixels.shape[1]
    size = (round(pixels.shape[1] * scale), max(1, round(pixels.shape[0] * scale)))
    large = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    line = 2 * LINE_PX
    left, top = (max(edge * scale, line + 1) for edge in box[:2])
    right, bottom = (min(edge * scale, side - line - 1) for edge, side in zip(box[2:], size, strict=True))
    return draw_boxes(large, [(left, top, right, bottom)], line_px=line)
