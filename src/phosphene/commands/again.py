"""`phosphene again`: a picture made anew from what its file says of itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer

from ..picture import read_made
from . import terminal as show

SUFFIX = {"png": ".png", "webp": ".webp", "jpeg": ".jpg", "svg": ".svg"}


def again(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A picture that Phosphene saved.", show_default=False)],
    *,
    photo: Annotated[
        Path | None, typer.Option("--photo", metavar="FILE", help="Where the photo is, if it has moved.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", metavar="", help="Run the Python code that the picture names as its network.")
    ] = False,
    out: show.Out = None,
    open: show.Open = False,
) -> None:
    """Makes a picture again from the record in its file, and says whether the result is the same.

    The result is written beside the file as NAME-again, with the same theme, scale and format.
    """
    saved = read_made(file).get("saved", {})
    suffix = SUFFIX.get(saved.get("format"), file.suffix)
    path = show.target(file.with_name(f"{file.stem}-again{suffix}") if out is None else out, (file.stem, "again"))
    with show.working(f"making {file.name} again"):
        from ..instrument.again import again as remade

        picture = remade(file, photo, trust=trust)
        theme, scale = saved.get("theme", "light"), saved.get("scale")
        verdict = compared(file.read_bytes(), picture.encode(suffix, theme, scale), suffix)
        picture.save(path, theme, scale)
    show.print_path(path, open)
    show.note(f"{verdict} {file}")


def compared(old: bytes, new: bytes, suffix: str) -> str:
    """How two pictures of the same format differ, as the beginning of a sentence that ends in a file's name."""
    if suffix == ".svg":
        if old == new:
            return "identical, byte for byte, to"
        return (
            "identical but for the record of how it was made, to"
            if _without_record(old) == _without_record(new)
            else "not identical to"
        )
    import numpy as np
    from PIL import Image

    first, second = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16) for data in (old, new))
    if first.shape != second.shape:
        sizes = [f"{shape[1]} × {shape[0]}" for shape in (second.shape, first.shape)]
        return f"{sizes[0]} pixels, where {sizes[1]} are in"
    distance = np.abs(first - second).max(axis=2)
    if not distance.any():
        return "identical, pixel for pixel, to"
    share = np.count_nonzero(distance) / distance.size
    return f"{share:.2%} of the pixels differ, by up to {distance.max()} of 255, from"


def _without_record(svg: bytes) -> bytes:
    """The file without its record, which says where the photo lies and what versions made it."""
    before, _, rest = svg.partition(b'<metadata id="phosphene">')
    return before + rest.partition(b"</metadata>")[2]
