"""A photo: the pixels that a network is shown, and where they came from.

Everything that shows a picture of a picture (an occlusion map, a patch, a report) needs the same few facts: the pixels
as sRGB bytes, the file's name and hash, and what was converted on the way in. A `Photo` holds these and nothing else.
`reading.read` makes one from a file, an array, a tensor or a PIL image.
"""

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Photo:
    """Pixels (height, width, 3), uint8, sRGB, read-only, with their origin.

    `grey` says that the source had a single channel. `path` is as the caller gave it. `sha256` is the hash of the
    file's bytes; for a photo without a file, of its height and width as 'HxW;' followed by the pixels' bytes. `notes`
    are the conversions done, as short sentences. `encoded` is the original file, so that a photo without a path can be
    stored in a picture's record. Two photos are equal only if they are the same object.
    """

    pixels: np.ndarray = field(repr=False)
    grey: bool = False
    name: str = "array"
    path: str | None = None
    sha256: str = ""
    notes: tuple[str, ...] = ()
    encoded: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        pixels = np.asarray(self.pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(
                f"a photo's pixels are uint8 of shape (height, width, 3), not {pixels.dtype} of shape {pixels.shape}; "
                "phosphene.picture.read converts other arrays."
            )
        if pixels.flags.writeable or not pixels.flags.c_contiguous:
            pixels = pixels.copy(order="C")  # the caller may go on writing into theirs
            pixels.setflags(write=False)
        object.__setattr__(self, "pixels", pixels)
        if not self.sha256:
            object.__setattr__(self, "sha256", hash_of_pixels(pixels))

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    def pil(self) -> Image.Image:
        return Image.fromarray(self.pixels)

    def crop(self, box: Box) -> "Photo":
        """The part inside `box` = (left, top, right, bottom), in pixels; ValueError if the box leaves the photo."""
        left, top, right, bottom = (int(edge) for edge in box)
        if not (0 <= left < right <= self.width and 0 <= top < bottom <= self.height):
            raise ValueError(
                f"the box (left, top, right, bottom) = {(left, top, right, bottom)} is not inside the photo, "
                f"which is {self.width} wide and {self.height} high."
            )
        note = f"cropped to columns {left} to {right} and rows {top} to {bottom}"
        return Photo(
            self.pixels[top:bottom, left:right].copy(), grey=self.grey, name=self.name, notes=(*self.notes, note)
        )

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.pil().save(file, "PNG")
        return file.getvalue()


def hash_of_pixels(pixels: np.ndarray) -> str:
    digest = hashlib.sha256(f"{pixels.shape[0]}x{pixels.shape[1]};".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
