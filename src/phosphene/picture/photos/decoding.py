"""Files and PIL images as sRGB bytes: rotation, palettes, CMYK, 16 bits, colour profiles and alpha, in that order.

Pillow decodes; this file decides. What it decides is said in notes: 'rotated as its EXIF says', 'converted from CMYK',
'first of 12 frames', 'alpha laid over white'. The size is checked before anything is decoded.
"""

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from .arrays import TO_EIGHT_BITS, to_bytes
from .signature import FORMATS, format_of, other_kind, size_in_header

OPENERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}
ORIENTATION_TAG, BITS_TAG, WHITE_TAG, SAMPLE_FORMAT_TAG = 0x0112, 258, 262, 339
TURNS = {  # EXIF 2.32, orientation 2..8
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Decoded = tuple[np.ndarray, bool, list[str]]


def decode(data: bytes, name: str, background: tuple[int, int, int], max_pixels: int) -> Decoded:
    """Pixels (h, w, 3) uint8, whether the file was grey, and notes; ValueError with one sentence for a bad file."""
    if not data:
        raise ValueError(f"{name} is empty (0 bytes); copy or download it again.")
    kind = format_of(data[:32])
    if kind is None:
        raise ValueError(f"{name} is {other_kind(data[:64])}; Phosphene reads {FORMATS}.")
    check_size(size_in_header(data, kind), name, max_pixels)
    with quiet():
        try:
            image = OPENERS[kind](io.BytesIO(data))
        except Exception as error:  # a decoder meeting foreign bytes raises whatever it trips over
            raise ValueError(broken(data, kind, name, error)) from error
        with image:
            check_size(image.size, name, max_pixels)
            notes = notes_on_frames(image)
            turn = orientation(image)
            sixteen = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
            try:
                image.load()
            except Exception as error:
                raise ValueError(broken(data, kind, name, error)) from error
            check_size(image.size, name, max_pixels)
            if kind == "TIFF":  # Pillow turns these itself while loading
                notes += ["rotated as its EXIF says"] if turn in TURNS else []
            if sixteen and image.mode[0] != "I":
                notes.append("scaled from 16 bits to 8")
            pixels, grey, more = flatten(image, name, background, turned=kind == "TIFF")
    return pixels, grey, notes + more


def flatten(image: Image.Image, name: str, background: tuple[int, int, int], *, turned: bool = False) -> Decoded:
    """A loaded PIL image of any mode as sRGB bytes over the background."""
    notes: list[str] = []
    profile = image.info.get("icc_profile")
    turn = None if turned else orientation(image)
    if turn in TURNS:
        image = image.transpose(TURNS[turn])
        notes.append("rotated as its EXIF says")
    if image.mode[0] == "I" or image.mode == "F":
        grey_levels, more = wide(image, name)
        return np.repeat(grey_levels[:, :, None], 3, axis=2), True, notes + more
    grey = image.mode in ("1", "L", "LA", "La")
    if "transparency" in image.info or image.mode in ("PA", "RGBa", "La"):
        image = image.convert("RGBA")
    elif image.mode == "P":
        image = image.convert("RGBA" if image.palette is not None and "A" in image.palette.mode else "RGB")
    alpha = image.getchannel("A") if "A" in image.getbands() and image.mode != "LAB" else None
    if alpha is not None:
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if image.mode not in ("1", "L", "RGB"):
        notes.append(f"converted from {image.mode}")
    if profile:
        image = to_srgb(image, profile, notes)
    try:
        colour = image.convert("RGB")
    except ValueError as error:
        raise ValueError(f"{name} has its colours in {image.mode}; save it as RGB first.") from error
    if alpha is not None and int(np.asarray(alpha).min()) < 255:
        below = Image.new("RGB", colour.size, background)
        below.paste(colour, mask=alpha)
        colour = below
        notes.append(f"alpha laid over {name_of_colour(background)}")
    return np.asarray(colour), grey, notes


def wide(image: Image.Image, name: str) -> tuple[np.ndarray, list[str]]:
    """A 12- or 16-bit or float grey image as bytes; ValueError where its white is not known."""
    tags = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if image.mode == "F":
        return to_bytes(values, name)
    bits = int(np.ravel(tags.get(BITS_TAG, 16))[0])
    of_sixteen_bits = image.mode.startswith("I;16") or image.format == "PNG"  # Pillow 11 opens 16-bit PNG as 'I'
    if not of_sixteen_bits:
        raise ValueError(
            f"{name} holds {'signed ' if tags.get(SAMPLE_FORMAT_TAG) == (2,) else ''}integers of more than 8 bits "
            "whose white is not known; scale them to [0, 1] and give the array."
        )
    levels = values.astype(np.uint16)
    if bits < 16:
        levels = (levels.astype(np.uint32) * 65535 // (2**bits - 1)).clip(0, 65535).astype(np.uint16)
    if tags.get(WHITE_TAG) == 0:  # white is zero; Pillow leaves 16-bit images so
        levels = 65535 - levels
    return TO_EIGHT_BITS[levels], [f"scaled from {bits} bits to 8"]


def to_srgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """The image moved from its embedded ICC profile to sRGB; left as it is, with a note, if the profile is broken."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        what = ImageCms.getProfileDescription(source).strip() or "without a name"
        if what.lower().startswith("srgb"):
            return image
        image = image.convert("L") if image.mode == "1" else image
        moved = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its broken colour profile ignored")
        return image
    notes.append(f"moved to sRGB from its colour profile ({what})")
    return image if moved is None else moved


def check_size(size: tuple[int, int] | None, name: str, max_pixels: int) -> None:
    if size is not None and size[0] * size[1] > max_pixels:
        raise ValueError(
            f"{name} is {size[0]} × {size[1]} pixels, more than the {max_pixels:,} that are read; "
            "make it smaller, or give a larger max_pixels."
        )


def orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(ORIENTATION_TAG)
    except Exception:  # broken EXIF costs the rotation, not the photo
        return None


def notes_on_frames(image: Image.Image) -> list[str]:
    try:
        frames = int(getattr(image, "n_frames", 1))
        if frames > 1:
            image.seek(0)
    except Exception:  # counting walks through the whole file, which may be cut off after the first frame
        return ["first frame of a file that is broken after it"]
    return [f"first of {frames} {'pages' if image.format == 'TIFF' else 'frames'}"] if frames > 1 else []


def broken(data: bytes, kind: str, name: str, error: Exception) -> str:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if isinstance(error, Image.DecompressionBombError):
        return f"{name} declares far more pixels than are read ({reason}); make it smaller."
    riff_cut = kind == "WEBP" and len(data) < 8 + int.from_bytes(data[4:8], "little")
    if riff_cut or isinstance(error, EOFError) or any(word in reason.lower() for word in ("truncated", "not enough")):
        return f"{name} is cut off: its {len(data):,} bytes end before the picture does; copy or download it again."
    return f"{name} is a {'WebP' if kind == 'WEBP' else kind} file that can't be decoded ({reason}); save it anew."


def name_of_colour(colour: tuple[int, int, int]) -> str:
    return {(255, 255, 255): "white", (0, 0, 0): "black"}.get(colour, "#{:02x}{:02x}{:02x}".format(*colour))


_quiet_lock = threading.Lock()
_quiet_depth = 0
_QUIET = r"(?#phosphene decodes)PIL\."


@contextmanager
def quiet() -> Iterator[None]:
    """Pillow's warnings (bombs, odd EXIF, odd tags) kept from the caller, who gets notes and sentences instead.

    `warnings.catch_warnings` swaps the whole process's filters and restores them in the wrong order when two threads
    decode at once; here one filter of our own goes in with the first thread and out with the last.
    """
    global _quiet_depth
    with _quiet_lock:
        if _quiet_depth == 0:
            warnings.filterwarnings("ignore", module=_QUIET)
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                warnings.filters[:] = [  # type: ignore[index]
                    entry for entry in warnings.filters if getattr(entry[3], "pattern", None) != _QUIET
                ]
