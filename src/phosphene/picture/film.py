"""Films: frames written as .gif, .webp or .mp4. Pillow writes the first two, PyAV (the extra `film`) the last."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

FILM_SUFFIXES = (".mp4", ".webp", ".gif")


def write_film(path: str | os.PathLike[str], frames: Iterable[np.ndarray], per_second: float = 24.0) -> Path:
    """Writes the frames (height, width, 3), uint8, all of one size; the file appears when it is whole.

    Raises ValueError for another suffix and for no frames, ImportError for .mp4 without PyAV.
    """
    path = Path(path)
    if path.suffix.lower() not in FILM_SUFFIXES:
        raise ValueError(f"'{path}' can't be written as a film: its name must end in {', '.join(FILM_SUFFIXES)}")
    if not per_second > 0:
        raise ValueError(f"a film has more than 0 frames a second, not {per_second:g}")
    stack = [np.ascontiguousarray(frame) for frame in frames]
    if not stack:
        raise ValueError("a film needs at least one frame")
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        if path.suffix.lower() == ".mp4":
            _write_mp4(part, stack, per_second)
        else:
            _write_animation(part, stack, per_second)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _write_animation(path: Path, frames: Sequence[np.ndarray], per_second: float) -> None:
    images = [Image.fromarray(frame) for frame in frames]
    options: dict[str, Any] = {"quality": 85, "method": 4} if path.suffix.lower() == ".webp" else {"optimize": True}
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=max(10, round(1000 / per_second)), loop=0, **options
    )


def _write_mp4(path: Path, frames: Sequence[np.ndarray], per_second: float) -> None:
    try:
        import av
    except ImportError:
        raise ImportError(
            "an .mp4 film needs PyAV: pip install 'phosphene[film]'; .webp and .gif need nothing"
        ) from None
    height, width = (side - side % 2 for side in frames[0].shape[:2])  # H.264 takes even sides
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=Fraction(per_second).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "18"}
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame[:height, :width], format="rgb24")))
        film.mux(stream.encode())
