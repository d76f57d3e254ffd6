"""The patches of the data set that a unit answers to most, cut on demand from the stored photos.

A patch is the unit's receptive field at the place of its answer, in the photo's own pixels: it holds every pixel that
can move the unit and no row more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..network import Address, Box
from ..picture import Photo
from .sources import Shard, place, reader

if TYPE_CHECKING:
    from .atlas import Atlas


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
    shard: Shard = field(repr=False)

    def photo(self) -> Photo:
        """The whole photo, read from its source. FileNotFoundError or LookupError where it is not there any more."""
        return reader(self.shard).item(self.shard, place(self.number)[1], self.image).photo()

    def pixels(self) -> Photo:
        """The photo within the box, on whole pixels."""
        photo = self.photo()
        box = self.box.round().clip(photo.height, photo.width)
        return photo.crop((int(box.left), int(box.top), int(box.right), int(box.bottom)))


def patches(atlas: Atlas, unit: str, k: int | None = None) -> list[Patch]:
    """The unit's strongest patches, best first."""
    address = Address.parse(unit)
    sweep = atlas.sweep(address.layer)
    network = atlas.network(sweep)
    checked = network.address(address)
    if checked.channel is None:
        raise ValueError(f"{unit!r} is a whole layer; name one of its channels, such as '{address.layer}:17'")
    found = atlas.store.unit(sweep, checked.layer, int(checked.channel))
    images = {row["id"]: row for row in atlas.store.images(found["images"]).to_pylist()}
    shards = atlas.store.shards()
    several: list[Patch] = []
    for value, image, at in list(zip(found["values"], found["images"], found["places"], strict=True))[:k]:
        row, column = divmod(at, found["columns"])
        told: dict[str, Any] = images[image]
        frame = network.preprocessing.frame(told["height"], told["width"])
        box = network.receptive_field(Address(checked.layer, checked.channel), (row, column), frame.size)
        seen = frame.to_photo(box).clip(*frame.photo) if isinstance(box, Box) else frame.seen
        several.append(Patch(value, told["key"], told["label"], row, column, seen, image, shards[told["shard"]]))
    return several
