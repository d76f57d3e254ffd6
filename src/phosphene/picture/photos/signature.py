"""What kind of picture a file is, and how large it says it is, from its first bytes.

Pillow opens some forty formats, one of them by starting Ghostscript, and decides for itself how large is too large.
Phosphene opens the six that photos come in, asks only their own decoder, and looks at the size before any decoder
allocates: Pillow's GIF and WebP decoders allocate on opening, so these two are measured here, by hand.

Sources: the PNG, GIF89a, BMP, TIFF 6.0 and JPEG specifications; RFC 9649 for WebP.
"""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp")
FORMATS = "JPEG, PNG, WebP, TIFF, GIF and BMP"


def format_of(head: bytes) -> str | None:
    """One of JPEG, PNG, WEBP, TIFF, GIF, BMP; None for anything else."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:2] == b"BM":
        return "BMP"
    return None


def size_in_header(data: bytes, kind: str) -> tuple[int, int] | None:
    """(width, height) that a GIF or WebP file declares; None for other kinds or where the header is cut off."""
    if kind == "GIF" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if kind != "WEBP" or len(data) < 30:
        return None
    chunk = data[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None


def other_kind(head: bytes) -> str:
    """A guess, for an error's sentence, at what a file is that is not one of our formats."""
    text = head.lstrip().lower()
    if text.startswith((b"<svg", b"<?xml")):
        return "an SVG or XML text"
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"):
        return "a HEIC or AVIF picture"
    for start, name in ((b"%PDF", "a PDF"), (b"PK\x03\x04", "a ZIP archive"), (b"\x93NUMPY", "a NumPy file")):
        if head.startswith(start):
            return name
    return "no image"
