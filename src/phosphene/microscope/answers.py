"""Answers to questions: an instrument's result as a sheet, a picture or numbers, computed once and remembered.

A result stands for as long as memory has room for it, its pictures and sheets on disk for longer; both by a key of
everything that it depends on: the instrument, its options, the weights of the networks, the content of the images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..instrument import Result
from ..instrument.fields import Role
from ..instrument.recipe import command_for, python_for
from ..picture import PICTURE_SUFFIXES, THEMES, inline_svg, webp_uri
from .asking import Question, names_a_photo, photo_names
from .images import stated
from .library import Library
from .limits import Limits
from .refusals import RefusedError
from .stored import Disk, Memory, key_of

KINDS = {
    "json": "application/json",
    "sheet": "application/json",
    "png": "image/png",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Encoded:
    """An answer as bytes of a media type."""

    data: bytes
    media: str


class Answers:
    """The results of a microscope's questions, and their faces."""

    def __init__(self, library: Library, disk: Disk, limits: Limits) -> None:
        self.library, self.disk = library, disk
        self.results: Memory[Result] = Memory(limits.results_bytes)

    def key(self, question: Question) -> str:
        """The key of a question's result. It opens the networks and images that the question names."""
        library = self.library
        identity: dict[str, Any] = {}
        for field in question.form.fields:
            texts = question.texts.get(field.name, ())
            if names_a_photo(field):
                identity[field.name] = [(photo.name, photo.sha256) for photo in map(library.photo, texts)]
            elif field.role in (Role.NETWORK, Role.NETWORKS):
                opened = [library.networks.open(text) for text in texts or [None]]
                identity[field.name] = [(network.name, network.fingerprint, network.known_head) for network in opened]
            elif field.role is Role.SOURCE and (folder := library.images.as_source(texts)) is not None:
                identity[field.name] = stated(folder)
            elif field.role in (Role.IMAGES, Role.PHOTO, Role.IMAGE_SET, Role.PHOTOS, Role.SOURCE):
                default: list[str | None] = [None] if field.required else []
                names = photo_names(texts, library) or default
                identity[field.name] = [(photo.name, photo.sha256) for photo in map(library.photo, names)]
            elif field.role is Role.QUERY:
                photos = [library.photo(text) for text in texts if library.names_a_photo(text)]
                identity[field.name] = [(photo.name, photo.sha256) for photo in photos]
            elif field.role is Role.ATLAS:
                atlas = library.atlases.open(texts[0] if texts else None)
                identity[field.name] = [atlas.path, [repr(sweep) for sweep in atlas.sweeps()]]
        return key_of(__version__, question.name, identity, question.texts)

    def remembered(self, key: str, format: str, drawing: Any) -> Encoded | None:
        """The answer in a format, where it was given before."""
        data = self.disk.get(key_of(key, format, drawing))
        return None if data is None else Encoded(data, KINDS[format.partition("-")[0]])

    def steps(self, question: Question, key: str) -> Iterator[Result]:
        """The results after each step; only the last one of an instrument that has no steps. The last is remembered."""
        known = self.results.get(key)
        if known is not None:
            yield known
            return
        arguments = question.arguments(self.library)
        function = question.form.function
        result = None
        if question.form.stepwise:
            for result in function.steps(**arguments):  # type: ignore[attr-defined]
                yield result
        else:
            result = function(**arguments)
            yield result
        if result is not None:
            self.results.put(key, result)

    def encoded(self, result: Result, key: str | None, format: str, theme: str, drawing: Mapping[str, Any]) -> Encoded:
        """A result in a format: json, sheet, or a picture's suffix. `key` is None for one on the way."""
        data = self._data(result, format, theme, drawing)
        if key is not None:
            self.disk.put(key_of(key, named(format, theme), drawing), data)
        return Encoded(data, KINDS[format])

    def _data(self, result: Result, format: str, theme: str, drawing: Mapping[str, Any]) -> bytes:
        if format == "json":
            return json_bytes({**result.to_dict(), "made": dict(result.made)})
        if format == "sheet":
            return json_bytes(self.sheet(result, drawing))
        if f".{format}" not in PICTURE_SUFFIXES:
            raise RefusedError(404, f"there is no form .{format}; ask for .{', .'.join(KINDS)}")
        if theme not in (*THEMES, "auto"):
            raise RefusedError(422, f"theme is one of {', '.join(THEMES)}, or auto for .svg, not {theme!r}")
        return result.picture(**drawing).encode(f".{format}", theme)

    def sheet(self, result: Result, drawing: Mapping[str, Any]) -> dict[str, Any]:
        """The result as the page sets it: title, words, the body as SVG in the page's colours, table, account."""
        sheet = result.sheet(**drawing)
        table = result.table()
        return {
            "title": sheet.title,
            "subtitle": sheet.subtitle,
            "foot": sheet.foot,
            "description": sheet.description,
            "svg": inline_svg(sheet.body(), sheet.description or sheet.title, webp_uri),
            "width": sheet.body().width,
            "table": None
            if table is None
            else {"header": list(table.header), "rows": [list(row) for row in table.rows]},
            "notes": list(result.notes),
            "made": dict(result.made),
            "python": python_for(result.made, drawing),
            "command": command_for(result.made, drawing),
        }


def named(format: str, theme: str) -> str:
    """What tells the stored forms of one result apart."""
    return f"{format}-{theme}" if f".{format}" in PICTURE_SUFFIXES else format


def json_bytes(value: Any) -> bytes:
    """JSON; numbers that it does not know (NaN, infinity) become null."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "backslashreplace")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value
