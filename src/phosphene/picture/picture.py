"""A picture: what an instrument's result looks like, with its caption, its ranges and how it was made.

It is a drawing, so it can be painted for light and dark pages at any scale, shown in a notebook, and saved as PNG,
WebP, JPEG or SVG with the record of how it was made inside the file; `record.read_made` reads it back. The same picture
saved twice gives the same bytes: nothing in a file tells the date.
"""

import base64
import errno
import io
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import PngImagePlugin

from .drawings.drawing import Drawing, Image, Text
from .drawings.raster import rasterise
from .drawings.svg import legal_json, to_svg
from .ranges import Range
from .record import KEYWORD, into_jpeg, into_xmp, to_json

PICTURE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".svg")


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawing with its caption, the ranges it shows, and `made`: a JSON-able record of how it was made."""

    drawing: Drawing
    caption: str = ""
    ranges: tuple[Range, ...] = ()
    made: Mapping[str, Any] = field(default_factory=dict)

    def image(self, theme: str = "light", scale: float = 1.0) -> Pillow.Image:
        """The picture as an RGB PIL image."""
        return rasterise(self.drawing, theme, scale)

    def save(self, path: str | os.PathLike[str], theme: str = "light", scale: float | None = None) -> Path:
        """Writes the picture, with the record of how it was made, and returns its path.

        The suffix chooses .png, .webp (lossless), .jpg or .svg. `scale` defaults to 2 for a drawing with text, which is
        then sharp on screens, and to 1 for pixels only; SVG has no scale. SVG also accepts the theme 'auto', which
        follows the reader's light or dark setting. The file appears only when it is complete.

        Raises ValueError for an unknown suffix or theme, FileNotFoundError for a missing folder, OSError if the disk
        refuses.
        """
        target = Path(path)
        data = self.encode(target.suffix.lower(), theme, scale, name=str(target))
        if not target.parent.is_dir():
            raise FileNotFoundError(
                f"there is no folder {str(target.parent)!r} to save {target.name!r} in; make it first."
            )
        write_whole(target, data)
        return target

    def encode(self, suffix: str, theme: str = "light", scale: float | None = None, *, name: str = "") -> bytes:
        """The bytes of the file that `save` would write for a suffix such as '.png'."""
        if suffix not in PICTURE_SUFFIXES:
            raise ValueError(
                f"a picture can't be saved as {name or suffix!r}: its name must end in {', '.join(PICTURE_SUFFIXES)}."
            )
        if suffix == ".svg":
            text = legal_json(to_json(self.record(format="svg", theme=theme)))
            return to_svg(self.drawing, None if theme == "auto" else theme, text).encode("utf-8", "replace")
        if theme == "auto":
            raise ValueError("only an SVG can follow the reader's theme; save pixels as 'light' or 'dark'.")
        if scale is None:
            scale = self.default_scale
        format = {".png": "PNG", ".webp": "WEBP"}.get(suffix, "JPEG")
        text = to_json(self.record(format=format.lower(), theme=theme, scale=scale))
        image = self.image(theme, scale)
        file = io.BytesIO()
        if format == "PNG":
            info = PngImagePlugin.PngInfo()
            info.add_itxt(KEYWORD, text.encode("utf-8", "replace").decode("utf-8"))
            image.save(file, "PNG", pnginfo=info)
            return file.getvalue()
        if max(image.size) > (16_383 if format == "WEBP" else 65_500):
            raise ValueError(
                f"{format} can't hold {image.width} × {image.height} pixels; save it as PNG or lower the scale."
            )
        if format == "WEBP":
            image.save(file, "WEBP", lossless=True, quality=80, method=4, xmp=into_xmp(text))
            return file.getvalue()
        image.save(file, "JPEG", quality=95, subsampling=0)
        return into_jpeg(file.getvalue(), text)

    def record(self, **saved: Any) -> dict[str, Any]:
        """What is written into a file: 'made', 'caption', 'ranges', and how it was saved."""
        return {
            "made": dict(self.made),
            "caption": self.caption,
            "ranges": [limits.as_dict() for limits in self.ranges],
            "saved": saved,
        }

    @property
    def default_scale(self) -> float:
        return 2.0 if any(isinstance(mark, Text) for mark in self.drawing.marks) else 1.0

    def _repr_png_(self) -> bytes:
        return self.encode(".png")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """PNG and text for a notebook, shown at the drawing's own size however densely it is painted."""
        data = {
            "image/png": base64.b64encode(self._repr_png_()).decode("ascii"),
            "text/plain": f"Picture({self.caption!r})",
        }
        return data, {"image/png": {"width": round(self.drawing.width), "height": round(self.drawing.height)}}


def plain(
    pixels: np.ndarray, caption: str = "", ranges: tuple[Range, ...] = (), made: Mapping[str, Any] | None = None
) -> Picture:
    """A picture that is only these pixels (h, w, 3), uint8: saved without loss, it holds them bit for bit."""
    pixels = np.asarray(pixels)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise ValueError(
            f"a picture's pixels are uint8 of shape (height, width, 3), not {pixels.dtype} of shape {pixels.shape}."
        )
    height, width = pixels.shape[:2]
    drawing = Drawing(width, height, (Image(pixels, 0, 0, width, height),))
    return Picture(drawing, caption, tuple(ranges), made or {})


def write_whole(path: Path, data: bytes) -> None:
    """Write the file so that it appears whole or not at all, with a neighbour that takes its name at the end."""
    spare = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.part")
    try:
        with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(spare, path)
    except BaseException as error:
        spare.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        why = error.strerror or str(error)
        raise OSError(
            error.errno or errno.EIO, f"{str(path)!r} can't be written: {why}; nothing was left half-written"
        ) from error
