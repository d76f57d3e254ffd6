"""Anything a caller may call a photo, as a `Photo`; or one sentence that says what came and what to do.

Paths, bytes, open files, NumPy arrays, torch tensors, PIL images and photos go through the one door `read`, so that
Python, the command line and the page refuse the same things in the same words. Nothing is ever downloaded.
"""

import difflib
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from .arrays import from_array, from_tensor, is_tensor
from .decoding import check_size, decode, flatten, name_of_colour, quiet
from .photo import Photo
from .signature import FORMATS, format_of, other_kind

MAX_BYTES = 1 << 30  # far above any photo; keeps a wrong path to a disk image from filling the memory
Colour = str | tuple[int, int, int]


def read(source: Any, *, background: Colour = "white", max_pixels: int = 100_000_000) -> Photo:
    """A photo from a path, bytes, an open binary file, an array, a tensor, a PIL image, or a Photo (returned as it is).

    Arrays are (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of uint8, uint16 or floats in [0, 1]; tensors have the channel
    first. Files are JPEG, PNG, WebP, TIFF, BMP or a GIF's first frame; they are rotated as their EXIF says, converted
    to sRGB, and put over `background` where transparent. `Photo.notes` lists what was done.

    Raises FileNotFoundError for a missing file, TypeError for something that can't be a photo, and ValueError for
    everything else: a folder, an empty, broken or too large file, floats outside [0, 1], NaN.
    """
    if isinstance(source, Photo):
        return source
    below = parse_colour(background)
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        path = os.fsdecode(path) if isinstance(path, bytes) else path
        return from_bytes(bytes_at(path), os.path.basename(path), below, max_pixels, path=path, display_name=repr(path))
    if isinstance(source, bytes | bytearray | memoryview):
        return from_bytes(bytes(source), "bytes", below, max_pixels, display_name="the file given as bytes")
    if isinstance(source, Image.Image):
        return from_image(source, below, max_pixels)
    if is_tensor(source):
        return from_numbers(from_tensor(source), "tensor", below, max_pixels)
    if isinstance(source, np.ndarray):
        return from_numbers(source, "array", below, max_pixels)
    if hasattr(source, "read"):
        return from_file(source, below, max_pixels)
    raise TypeError(
        f"a photo can't be read from {type(source).__name__}; give a path, bytes, an open file, a NumPy array, "
        "a torch tensor or a PIL image."
    )


def from_bytes(
    data: bytes, name: str, below: tuple[int, int, int], max_pixels: int, *, path: str | None = None, display_name: str
) -> Photo:
    pixels, grey, notes = decode(data, display_name, below, max_pixels)
    return Photo(pixels, grey, name, path, hashlib.sha256(data).hexdigest(), tuple(notes), data)


def from_file(file: Any, below: tuple[int, int, int], max_pixels: int) -> Photo:
    name = getattr(file, "name", None)
    name = os.path.basename(name) if isinstance(name, str) and name else "file"
    head = file.read(64)
    if not isinstance(head, bytes):
        raise TypeError("the file is open as text; open it with mode 'rb'.")
    if head and format_of(head) is None:
        raise ValueError(f"{name} is {other_kind(head)}; Phosphene reads {FORMATS}.")
    data = head + file.read(MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} is longer than {MAX_BYTES:,} bytes, too large for a photo.")
    return from_bytes(data, name, below, max_pixels, display_name=name)


def from_image(image: Image.Image, below: tuple[int, int, int], max_pixels: int) -> Photo:
    filename = getattr(image, "filename", None)
    name = os.path.basename(filename) if isinstance(filename, str) and filename else "image"
    if 0 in image.size:
        raise ValueError(f"the PIL image is {image.width} × {image.height}; a photo needs at least one pixel.")
    check_size(image.size, name, max_pixels)
    with quiet():
        try:
            image = image.copy()
        except Exception as error:  # a lazily opened file that turns out to be broken
            raise ValueError(f"{name} can't be decoded ({' '.join(str(error).split())}); save it anew.") from error
        pixels, grey, notes = flatten(image, name, below)
    return Photo(pixels, grey, name, notes=tuple(notes))


def from_numbers(array: np.ndarray, name: str, below: tuple[int, int, int], max_pixels: int) -> Photo:
    if array.ndim >= 2:
        check_size((array.shape[1], array.shape[0]), f"the {name}", max_pixels)
    pixels, alpha, grey, notes = from_array(array, f"the {name}")
    if alpha is not None and int(alpha.min()) < 255:
        canvas = Image.new("RGB", (pixels.shape[1], pixels.shape[0]), below)
        canvas.paste(Image.fromarray(pixels), mask=Image.fromarray(np.ascontiguousarray(alpha)))
        pixels = np.asarray(canvas)
        notes.append(f"alpha laid over {name_of_colour(below)}")
    return Photo(pixels, grey, name, notes=tuple(notes))


def bytes_at(path: str) -> bytes:
    """The bytes of a regular file that begins as a picture does; nothing longer than a photo is read."""
    if path.lower().startswith(("http://", "https://")):
        raise ValueError(f"{path!r} is a web address; Phosphene downloads nothing: save the picture and give its path.")
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{path!r} is a folder; give one picture in it.")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path!r} is not a regular file; give a picture's path.")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"{path!r} is {status.st_size:,} bytes long, too large for a photo.")
        with open(path, "rb") as file:
            head = file.read(64)
            if head and format_of(head) is None:
                raise ValueError(f"{path!r} is {other_kind(head)}; Phosphene reads {FORMATS}.")
            return head + file.read(MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(missing(path)) from error
    except OSError as error:
        raise ValueError(f"{path!r} can't be read: {error.strerror or error}.") from error
    except ValueError as error:
        if "null byte" in str(error) or "null character" in str(error):
            raise ValueError(f"{path!r} can't be a path: it holds a null character.") from error
        raise


def missing(path: str) -> str:
    """The sentence for a path to nothing, with near names in its folder."""
    folder = Path(path).parent
    if not path:
        return "the path is empty; give a picture's path."
    if not folder.is_dir():
        return f"there is no file {path!r}, and no folder {str(folder)!r} either."
    try:
        names = sorted(entry.name for entry in os.scandir(folder))[:20_000]
    except OSError:
        names = []
    lower = {name.lower(): name for name in names}
    near = [lower[name] for name in difflib.get_close_matches(os.path.basename(path).lower(), lower, n=3, cutoff=0.6)]
    return f"there is no file {path!r}" + (f"; near it: {', '.join(near)}." if near else ".")


def parse_colour(colour: Colour) -> tuple[int, int, int]:
    try:
        levels = ImageColor.getrgb(colour) if isinstance(colour, str) else tuple(int(level) for level in colour)
    except (ValueError, TypeError):
        levels = ()
    if len(levels) < 3 or not all(0 <= level <= 255 for level in levels):
        raise ValueError(f"{colour!r} is no colour; give a name such as 'white', '#rrggbb', or three numbers 0 to 255.")
    return levels[0], levels[1], levels[2]
