"""What neighbours are asked of: images of an atlas, by key, number or the file they were read from, or other photos."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.sources import number
from ...network import near
from ...picture import Photo, read
from ..store.work import Sweep
from .features import features_of, vectors_of

if TYPE_CHECKING:
    from ..opened import OpenedAtlas

NAMED = 10_000  # images among whose keys one like a wrong one is looked for


@dataclass(frozen=True, eq=False)
class Query:
    """What neighbours are asked of: an image of the atlas by its `number`, or a photo that is not in it."""

    name: str
    number: int | None
    label: str | None
    photo: Photo | None = field(default=None, repr=False)


def queries_of(atlas: OpenedAtlas, images: Any) -> tuple[Query, ...]:
    """A query for an image's key or number, or a photo, or for each of several.

    Raises LookupError for what is none of these, ValueError where nothing was given.
    """
    several = images if isinstance(images, (list, tuple)) else [images]
    if not len(several):
        raise ValueError("no query was given; give an image's key or number, or a photo")
    return tuple(_query(atlas, each) for each in several)


def _query(atlas: OpenedAtlas, image: Any) -> Query:
    if isinstance(image, str):
        rows = _with_key(atlas, image)
        if not rows and image.isdecimal():
            return _numbered(atlas, int(image))
        if rows:
            return _of_row(rows[0]) if len(rows) == 1 else _several(image, rows)
        if not Path(image).is_file():
            sample = atlas.store.table("images").search().select(["key"]).limit(NAMED).to_arrow()
            keys = sample.column("key").to_pylist()
            raise LookupError(
                f"{image!r} is neither an image of the atlas {atlas.path!r} nor a file{near(image, keys)}"
            )
    if isinstance(image, (bool, float)):
        raise TypeError(f"a query is an image's key or number, or a photo, not {image!r}")
    if hasattr(image, "__index__") and not hasattr(image, "shape"):
        return _numbered(atlas, operator.index(image))
    if isinstance(image, np.integer):
        return _numbered(atlas, int(image))
    photo = image if isinstance(image, Photo) else read(image)
    row = None if photo.path is None else _read_from(atlas, photo.path)
    return Query(photo.name, None, None, photo) if row is None else _of_row(row)


def is_of(atlas: OpenedAtlas, text: str) -> bool:
    """Whether the text is the key or the number of an image, or of several, of the atlas."""
    return text.isdecimal() or bool(_with_key(atlas, text))


def _numbered(atlas: OpenedAtlas, image: int) -> Query:
    rows = atlas.store.images([image]).to_pylist()
    if not rows:
        raise LookupError(f"the atlas {atlas.path!r} has no image of number {image}")
    return _of_row(rows[0])


def _of_row(row: Mapping[str, Any]) -> Query:
    return Query(row["key"], row["id"], row["label"])


def _several(key: str, rows: Sequence[Mapping[str, Any]]) -> Query:
    numbers = ", ".join(str(row["id"]) for row in rows[:6])
    raise LookupError(f"several images have the key {key!r}; say which is meant by its number: {numbers}")


def _with_key(atlas: OpenedAtlas, key: str) -> list[dict[str, Any]]:
    text = key.replace("'", "''")
    query = atlas.store.table("images").search().where(f"key = '{text}'").limit(100)
    return query.to_arrow().sort_by("id").to_pylist()


def _read_from(atlas: OpenedAtlas, path: str) -> dict[str, Any] | None:
    """The row of the image that was read from this file, or None."""
    full_path = Path(path).resolve()
    for shard, folder in atlas.store.folders().items():
        if full_path.is_relative_to(folder):
            first, stop = number(shard, 0), number(shard + 1, 0)
            key = full_path.relative_to(folder).as_posix()
            rows = [row for row in _with_key(atlas, key) if first <= row["id"] < stop]
            if rows:
                return rows[0]
    return None


def described(atlas: OpenedAtlas, sweep: Sweep, layer: str, queries: Sequence[Query]) -> np.ndarray:
    """The queries' features (N, D): those that the atlas keeps, and those of photos that it does not have."""
    photos = [query.photo for query in queries if query.photo is not None]
    fresh_vectors = iter(features_of(atlas.network(sweep), sweep, layer, photos)) if photos else iter(())
    table, condition = atlas.store.features_rows(sweep, layer)
    numbers = sorted({query.number for query in queries if query.number is not None})
    atlas_vectors = vectors_of(table, numbers, condition)
    for query in queries:
        if query.number is not None and query.number not in atlas_vectors:
            raise LookupError(_lacking(atlas, sweep, query, query.number))
    vectors = [next(fresh_vectors) if query.number is None else atlas_vectors[query.number] for query in queries]
    return np.stack(vectors).astype(np.float32)


def _lacking(atlas: OpenedAtlas, sweep: Sweep, query: Query, number: int) -> str:
    why = atlas.store.unreadable(sweep, [number]).get(number)
    if why is not None:
        return f"{query.name} has no features, since it could not be used: {why}"
    return f"{query.name} has not run through {sweep.network} yet; go on building the atlas"
