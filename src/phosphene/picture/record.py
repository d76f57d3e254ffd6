"""How a picture was made, written into the file itself and read back from it.

One JSON text: in PNG the iTXt chunk 'phosphene', in WebP the XMP chunk, in JPEG comment segments, in SVG <metadata>.
JPEG keeps XMP and EXIF within 64 kB, which a record that carries a photo exceeds; comments may be repeated, so the JSON
is spread over as many as it needs. Files are walked chunk by chunk here, never decoded: reading the record of a large
or hostile file allocates no more than the file's own size.

Sources: PNG 1.2 §11.3.4.5 (iTXt), RFC 9649 (WebP), ITU T.81 B.2.4.5 (COM), XMP part 1.
"""

import html
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

from .photos.reading import MAX_BYTES, missing
from .photos.signature import format_of

KEYWORD = "phosphene"
NAMESPACE = "https://phosphene.invalid/made/1.0/"
COMMENT = b"phosphene:"
COMMENT_ROOM = 65_533 - len(COMMENT)


def to_json(record: dict[str, Any]) -> str:
    """The record as JSON on one line; TypeError or ValueError with a sentence where JSON can't hold it."""
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except TypeError as error:
        raise TypeError(f"how a picture was made must be plain JSON, and is not: {error}.") from error
    except ValueError as error:
        raise ValueError(f"how a picture was made must be plain JSON, without NaN or loops: {error}.") from error


def into_xmp(text: str) -> bytes:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:phosphene="{NAMESPACE}"><phosphene:made>{html.escape(text)}'
        "</phosphene:made></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    return packet.encode("utf-8", "replace")


def into_jpeg(data: bytes, text: str) -> bytes:
    """The JPEG file with the text in comments, after its first segment (the JFIF header)."""
    encoded = text.encode("utf-8", "replace")
    pieces = [encoded[start : start + COMMENT_ROOM] for start in range(0, len(encoded), COMMENT_ROOM)]
    segments = b"".join(
        b"\xff\xfe" + struct.pack(">H", 2 + len(COMMENT) + len(piece)) + COMMENT + piece for piece in pieces
    )
    after = 4 + int.from_bytes(data[4:6], "big")
    return data[:after] + segments + data[after:]


def read_made(path: str | Path) -> dict[str, Any]:
    """The record of a PNG, WebP, JPEG or SVG that a `Picture` saved: 'made', 'caption', 'ranges' and 'saved'.

    Raises FileNotFoundError for a missing file, and ValueError for a file without a record.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise ValueError(f"{str(path)!r} is a folder; give a picture that Phosphene saved.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except FileNotFoundError as error:
        raise FileNotFoundError(missing(str(path))) from error
    except OSError as error:
        raise ValueError(f"{str(path)!r} can't be read: {error.strerror or error}.") from error
    kind = "SVG" if looks_like_svg(data) else format_of(data[:32])
    finders = {"PNG": from_png, "WEBP": from_webp, "JPEG": from_jpeg, "SVG": from_svg}
    if kind not in finders:
        raise ValueError(f"{str(path)!r} is no PNG, WebP, JPEG or SVG, so it carries no record of how it was made.")
    try:
        text = finders[kind](data)
        if text is None:
            raise ValueError(
                f"{str(path)!r} carries no record of how it was made: Phosphene did not save it, "
                "or another program has rewritten it since."
            )
        record = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError, zlib.error, struct.error, IndexError, RecursionError) as error:
        raise ValueError(f"the record in {str(path)!r} is damaged ({error}); it can't be read.") from error
    if not isinstance(record, dict):
        raise ValueError(f"the record in {str(path)!r} is damaged (it is no JSON object); it can't be read.")
    return record


def from_png(data: bytes) -> str | None:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"iTXt":
            body = data[at + 8 : at + 8 + length]
            keyword, _, rest = body.partition(b"\0")
            if keyword == KEYWORD.encode() and len(body) == length and rest[:1] == b"\0":  # uncompressed
                return rest[2:].split(b"\0", 2)[2].decode("utf-8")
        at += 12 + length
    return None


def from_webp(data: bytes) -> str | None:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"XMP ":
            return between(data[at + 8 : at + 8 + length].decode("utf-8"), "<phosphene:made>", "</phosphene:made>")
        at += 8 + length + length % 2
    return None


def from_jpeg(data: bytes) -> str | None:
    at, pieces = 2, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:  # until the scan starts
        length = max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
        if data[at + 1] == 0xFE and data[at + 4 : at + 4 + len(COMMENT)] == COMMENT:
            pieces.append(data[at + 4 + len(COMMENT) : at + 2 + length])
        at += 2 + length
    return b"".join(pieces).decode("utf-8") if pieces else None


def from_svg(data: bytes) -> str | None:
    return between(data.decode("utf-8"), '<metadata id="phosphene">', "</metadata>")


def between(text: str, start: str, end: str) -> str | None:
    _, separator, rest = text.partition(start)
    inside, ended, _ = rest.partition(end)
    return html.unescape(inside) if separator and ended else None


def looks_like_svg(data: bytes) -> bool:
    return re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg[\s>]", data[:4096], re.DOTALL) is not None
