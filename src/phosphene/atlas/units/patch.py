"""A patch: the place of a photo that a unit answers to, and how it is found again from what the atlas holds.

A patch is the unit's receptive field at the place of its answer, in the photo's own pixels: it holds every pixel that
can move the unit, those included that the resizing brings into the field, and no row more. Its window is the same for
every place of a layer: at the image's border a part of it lies on padding, so that patches can be drawn at one scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...data.sources import Shard, photo_of, shard_and_index
from ...network import Box, Field, Frame
from ...network.opening.reopening import read_preprocessing
from ...picture import Photo, Picture, compact, plain

if TYPE_CHECKING:
    from ..opened import OpenedAtlas
    from ..store.fields import Run
    from ..store.work import Sweep


@dataclass(frozen=True, eq=False)
class Patch:
    """A place of a photo that a unit answers to: its value, the photo's key, the unit's row and column."""

    value: float
    image: str
    label: str | None
    row: int
    column: int
    box: Box  # left, top, right, bottom in the photo's pixels
    number: int  # the image's number in the atlas
    unit: str  # its address
    known: bool  # whether it is known what the unit sees; if not, the box is all that the network sees
    frame: Frame = field(repr=False)
    sees: Box = field(repr=False)  # the box in the input's pixels
    window: Box = field(repr=False)  # the window in the input's pixels, padding included
    shard: Shard = field(repr=False)

    @property
    def drawn_window(self) -> Box:
        """The window with the reach of the resizing around it, which the tile shows; in the input's pixels.

        Along an axis of which the unit sees all, no more than there is of the photo.
        """
        made_of, whole = self.frame.to_input(self.box), self.frame.whole_input
        down, across = self.frame.margin
        left, right, top, bottom = made_of.left, made_of.right, made_of.top, made_of.bottom
        if (self.window.left, self.window.right) != (whole.left, whole.right):
            left, right = self.window.left - across, self.window.right + across
        if (self.window.top, self.window.bottom) != (whole.top, whole.bottom):
            top, bottom = self.window.top - down, self.window.bottom + down
        return Box(left, top, right, bottom)

    def photo(self) -> Photo:
        """The whole photo, read from its source.

        Raises FileNotFoundError or LookupError where it is not there any more, ValueError where it has another size.
        """
        photo = photo_of(self.shard, shard_and_index(self.number)[1], self.image)
        if (photo.height, photo.width) != self.frame.photo:
            height, width = self.frame.photo
            raise ValueError(
                f"{self.image} is {photo.width} × {photo.height} px now, not {width} × {height} as when the atlas was "
                "built: it is another picture"
            )
        return photo

    def pixels(self) -> Photo:
        """The photo within the box, on whole pixels."""
        return self.within(self.photo())

    def within(self, photo: Photo) -> Photo:
        """The box of the photo, which was read already."""
        box = self.box.round().clip(photo.height, photo.width)
        return photo.crop((int(box.left), int(box.top), int(box.right), int(box.bottom)))

    def picture(self) -> Picture:
        """The photo within the box, pixel for pixel."""
        name = self.image if self.label is None else f"{self.image} ({self.label})"
        at = f"row {self.row}, column {self.column}"
        return plain(self.pixels().pixels, f"{self.unit} at {at} of {name}: {compact(self.value)}")

    def to_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "image": self.image,
            "number": self.number,
            "label": self.label,
            "row": self.row,
            "column": self.column,
            "box": [round(edge, 3) for edge in self.box.as_tuple()],
        }


def patches_of(
    atlas: OpenedAtlas,
    sweep: Sweep,
    layer: str,
    rows: Sequence[Mapping[str, Any]],
    k: int | None = None,
) -> list[list[Patch]]:
    """The strongest patches of the units in rows of the sweep's table, best first, at most `k` each."""
    fields, preprocessing = atlas.fields(sweep, layer), read_preprocessing(sweep.preprocessing)
    numbers = [number for row in rows for number in row["images"][:k]]
    images = {row["id"]: row for row in atlas.store.images(numbers).to_pylist()}
    shards = atlas.store.shards([shard_and_index(number)[0] for number in numbers])
    result = []
    for row in rows:
        channel = int(row["channel"])
        run = fields.channel(channel)
        unit_patches: list[Patch] = []
        for value, number, at in list(zip(row["values"], row["images"], row["places"], strict=True))[:k]:
            image = images[number]
            line, column = divmod(at, row["columns"])
            start = Patch(
                value, image["key"], image["label"], line, column, Box(0, 0, 0, 0), number, f"{layer}:{channel}", True,
                preprocessing.frame(image["height"], image["width"]), Box(0, 0, 0, 0), Box(0, 0, 0, 0),
                shards[image["shard"]],
            )  # fmt: skip
            unit_patches.append(_with_boxes(start, run))
        result.append(unit_patches)
    return result


def _with_boxes(patch: Patch, run: Run) -> Patch:
    """The patch with the part of the photo that its unit, of a run of channels, sees from its place."""
    frame = patch.frame
    whole = frame.whole_input
    box = run.box(patch.row, patch.column)
    # a unit may see nothing but padding, the network's or the input's
    is_known = box is not None and not box.empty and not frame.source(box).empty
    if box is None or not is_known or box == whole:
        return replace(patch, box=frame.source(whole), sees=whole, window=whole, known=is_known)
    window = _window(run.field, patch, whole)
    inside = window.left <= box.left and window.top <= box.top
    inside = inside and window.right >= box.right and window.bottom >= box.bottom
    return replace(patch, box=frame.source(box), sees=box, window=window if inside else box)


def _window(field: Any, patch: Patch, whole: Box) -> Box:
    """What the unit would see without the image's border; along an axis where that is more than the image, all of it.

    An empty box where windows are irregular.
    """
    if not isinstance(field, Field):
        return Box(0, 0, 0, 0)
    edges = []
    for axis, at, length in ((field.width, patch.column, whole.width), (field.height, patch.row, whole.height)):
        start = axis.start + at * axis.stride
        edges.append((0.0, length) if axis.size >= length else (float(start), float(start + axis.size)))
    (left, right), (top, bottom) = edges
    return Box(left, top, right, bottom)
