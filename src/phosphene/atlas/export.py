"""An atlas for other programs: its images with labels, places on a map and features, in a file that they read.

    parquet          one row an image: id, key, label, path, width, height, x and y, vector
    embedding-atlas  the same with a small picture in each row, as Apple's Embedding Atlas shows it
    fiftyone         a folder that FiftyOne opens as a FiftyOneDataset

`path` is the image's file where it is one, else nothing. Images that could not be read are left out. What is written
stands beside its place until it is whole, and takes it then. docs/atlas/export.md says how each is opened.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from PIL import Image

from ..data.sources import Shard
from .export_fiftyone import write_fiftyone
from .search.features import features_sweep, vectors_of
from .store import tables

if TYPE_CHECKING:
    import pyarrow as pa

    from .opened import OpenedAtlas

Kind = Literal["parquet", "embedding-atlas", "fiftyone"]
SIDE = 128  # pixels of the longer side of a small picture
SUFFIX = ".parquet"
OTHERS = (".csv", ".tsv", ".json", ".jsonl", ".zip", ".arrow")  # what no one calls a folder
ROWS = 1024  # that are written together


@dataclass(frozen=True)
class Rows:
    """The images of an atlas as batches of a table, with what was asked for of each."""

    atlas: OpenedAtlas
    vectors: str | None  # the features' table that is added
    positions: dict[int, tuple[float, float]] | None  # by number
    pictures: bool

    def schema(self) -> pa.Schema:
        pa = tables.arrow()
        columns = [
            ("id", pa.int64()), ("key", pa.string()), ("label", pa.string()), ("path", pa.string()),
            ("width", pa.int32()), ("height", pa.int32()),
        ]  # fmt: skip
        if self.positions is not None:
            columns += [("x", pa.float32()), ("y", pa.float32())]
        if self.pictures:
            columns.append(("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
        if self.vectors is not None:
            length = self.atlas.store.table(self.vectors).schema.field("vector").type.list_size
            columns.append(("vector", pa.list_(pa.float32(), length)))
        return pa.schema(columns)

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The rows, some at a time: memory does not grow with the atlas but for the images' names."""
        store = self.atlas.store
        shards = store.shards()
        table = None if self.vectors is None else store.table(self.vectors)
        images = store.images()
        images = images.filter(tables.arrow().compute.field("width") > 0)  # those that could be read
        for batch in images.to_batches(max_chunksize=ROWS):
            rows = []
            numbers = batch.column("id").to_pylist()
            vectors = {} if table is None else vectors_of(table, numbers)
            for row in batch.to_pylist():
                number = row["id"]
                if table is not None and number not in vectors:  # has not run through that network yet
                    continue
                if self.positions is not None and number not in self.positions:
                    continue
                rows.append(self._row(row, shards[row["shard"]], vectors.get(number)))
            yield rows

    def _row(self, row: dict[str, Any], shard: Shard, vector: np.ndarray | None) -> dict[str, Any]:
        fields = {name: row[name] for name in ("id", "key", "label", "width", "height")} | {"path": file_of(shard, row)}
        if self.positions is not None:
            fields["x"], fields["y"] = self.positions[row["id"]]
        if self.pictures:
            fields["image"] = {"bytes": small(self.atlas, row["id"]), "path": row["key"]}
        if vector is not None:
            fields["vector"] = vector
        return fields


def export(
    atlas: OpenedAtlas,
    path: str | os.PathLike[str],
    kind: Kind = "parquet",
    *,
    map: Any = None,
    features: str | bool | None = None,
    sweep: str | None = None,
) -> Path:
    """Writes the atlas's images for other programs, and returns the path.

    Raises ValueError for a kind that is not known, for a name that is not the kind's and where no image is left to
    write, LookupError for a layer whose features the atlas does not keep, FileExistsError where a folder stands at the
    path already.

    - `kind`: parquet, embedding-atlas or fiftyone
    - `map`: a map of the atlas, whose positions become x and y; images that are not on it are left out
    - `features`: the layer whose vectors are added, or True for the first that the atlas keeps
    - `sweep`: which sweep, where several networks have a layer of that name
    """
    if kind not in get_args(Kind):
        raise ValueError(f"an atlas is exported as {', '.join(get_args(Kind))}, not as {kind!r}")
    target = Path(path)
    check_name(target, kind)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(target.parent)!r} to write {target.name!r} in; make it first")
    if target.is_dir():
        raise FileExistsError(f"a folder stands at {str(target)!r} already; name another place")
    vectors = None
    if features:
        swept, layer = features_sweep(atlas, None if features is True else features, sweep)
        vectors = tables.features_table(swept.name, layer)
        if not atlas.store.holds(vectors):
            raise ValueError(f"no image has run through the network yet; go on building the atlas {atlas.path!r}")
    positions = None
    if map is not None:
        pairs = zip(np.asarray(map.ids).tolist(), np.asarray(map.positions, np.float64).tolist(), strict=True)
        positions = {number: (x, y) for number, (x, y) in pairs}
    rows = Rows(atlas, vectors, positions, kind == "embedding-atlas")
    write = write_fiftyone if kind == "fiftyone" else _write_parquet
    _whole(target, lambda spare: write(rows, spare, target))
    return target


def check_name(target: Path, kind: str) -> None:
    """ValueError for a name that says something else than what is written."""
    if kind == "fiftyone":
        if target.is_file() or target.suffix.lower() in (SUFFIX, *OTHERS):
            raise ValueError(f"fiftyone is written as a folder, and {str(target)!r} is a file's name; name a folder")
    elif target.suffix.lower() != SUFFIX:
        raise ValueError(f"{kind} is written as a Parquet file, whose name ends in {SUFFIX}, not {str(target)!r}")


def file_of(shard: Shard, row: dict[str, Any]) -> str | None:
    """The image's own file, or None where it lies in an archive, a table or memory."""
    if shard.kind != "folder":
        return None
    return str(Path(shard.where) / row["key"])


def small(atlas: OpenedAtlas, number: int) -> bytes | None:
    """The photo as a small JPEG; None where it is not there any more."""
    try:
        photo = atlas.photo(number).pil()
    except (OSError, LookupError, ValueError):
        return None
    photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=88)
    return file.getvalue()


def _write_parquet(rows: Rows, spare: Path, target: Path) -> int:
    from pyarrow import RecordBatch, parquet

    schema, rows_written = rows.schema(), 0
    with parquet.ParquetWriter(spare, schema, compression="zstd") as writer:
        for batch in rows.batches():
            if batch:
                writer.write_batch(RecordBatch.from_pylist(batch, schema=schema))
                rows_written += len(batch)
    return rows_written


def _whole(target: Path, write: Callable[[Path], int]) -> None:
    """Lets `write` make a file or a folder beside the target, and gives it the target's name once it is whole."""
    spare = target.with_name(f".{target.name[:80]}.{secrets.token_hex(6)}.part")
    try:
        if not write(spare):
            raise ValueError("there is no image to write: none has been read, or none of them is on the map")
        os.replace(spare, target)
    except OSError as error:
        why = error.strerror or str(error)
        raise OSError(error.errno, f"{str(target)!r} can't be written: {why}; nothing was left half-written") from error
    finally:
        if spare.is_dir():
            shutil.rmtree(spare, ignore_errors=True)
        spare.unlink(missing_ok=True)
