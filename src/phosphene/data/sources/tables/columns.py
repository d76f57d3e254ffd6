"""Tables of images: which column holds them, which their classes, and rows as items.

An image is a column of bytes, of strings that are paths, or the struct {bytes, path} that `datasets` writes; a class is
a string, or a number with the names that `datasets` keeps in the schema's metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....picture import SUFFIXES
from ..item import Item

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES = (
    "image", "img", "picture", "photo", "image_bytes", "img_bytes", "image_data", "jpg", "jpeg", "png", "webp", "bytes",
    "content", "binary", "blob", "data", "images", "pixel_values",
)  # fmt: skip
LABELS = (
    "label", "class_name", "label_name", "class", "category", "target", "labels", "fine_label", "cls", "y", "species",
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """The column of the images, that of their classes, and the names of those that are numbers."""

    image: str
    label: str | None
    names: tuple[str, ...]

    @property
    def both(self) -> list[str]:
        return [self.image, *([self.label] if self.label else [])]


def columns(schema: pa.Schema, table: str, image: str | None = None, label: str | None = None) -> Columns:
    """The columns of a table, as asked for or as found. LookupError for one that is not there, ValueError for none."""
    for column in (image, label):
        if column and column not in schema.names:
            raise LookupError(f"{table} has no column {column!r}; it has {', '.join(schema.names)}")
    features = _features(schema)
    image = image or _image(schema, features, table)
    kind = schema.field(image).type
    if not (holds_bytes(kind) or _is_text(kind)):
        raise ValueError(f"the column {image!r} of {table} holds {kind}, no images, which are bytes or paths")
    class_columns = [name for name in schema.names if name != image and _tells_classes(schema.field(name).type)]
    if label is None:
        classed = [name for name in class_columns if _names(features, name)]
        label = next(iter([name for name in LABELS if name in classed] + classed), None)
        label = label or next((name for name in LABELS if name in class_columns), None)
    return Columns(image, label, _names(features, label) if label else ())


def _features(schema: pa.Schema) -> dict[str, Any]:
    """What `datasets` notes of the columns."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, LookupError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _names(features: dict[str, Any], column: str) -> tuple[str, ...]:
    feature = features.get(column)
    names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _image(schema: pa.Schema, features: dict[str, Any], table: str) -> str:
    """The column of images: that of `datasets`' type, else of bytes, else one whose name says so and that has paths."""
    declared = [
        name for name in schema.names if isinstance(features.get(name), dict) and features[name].get("_type") == "Image"
    ]
    several = declared or [name for name in schema.names if holds_bytes(schema.field(name).type)]
    named = [name for name in IMAGES if name in several]
    if named or len(several) == 1:
        return (named or several)[0]
    if several:
        raise ValueError(f"{table} has several columns that may hold images, {', '.join(several)}; name one of them")
    paths = [
        name
        for name in (*IMAGES, "file_name", "path", "file")
        if name in schema.names and _is_text(schema.field(name).type)
    ]
    if paths:
        return paths[0]
    listing = ", ".join(f"{field.name} ({field.type})" for field in schema) or "no columns"
    raise ValueError(f"{table} has no column of images, which are bytes; it has {listing}")


def holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    kind = getattr(kind, "storage_type", kind)
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _tells_classes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)


def items_of(
    batch: pa.RecordBatch | pa.Table, index: int, row: int, name: str, result: Columns, folder: str
) -> Iterator[Item]:
    """Rows as items: the first is the shard's item `index` and the table's row `row`; paths are below `folder`."""
    images = batch.column(result.image).to_pylist()
    labels: Sequence[Any] = batch.column(result.label).to_pylist() if result.label else [None] * len(images)
    for at, (image, label) in enumerate(zip(images, labels, strict=True)):
        key = f"{name}/{row + at}"
        yield Item(index + at, key, label_of(label, result.names), data_of(image, key, folder))


def data_of(image: Any, key: str, folder: str = "") -> Any:
    """What `read` takes, of a cell of a table; or the error why there is none."""
    if isinstance(image, dict):
        image = image.get("bytes") or image.get("path")
    if image is None:
        return ValueError(f"{key} has no image: its cell is empty")
    if isinstance(image, str) and "://" not in image:
        if not image.lower().endswith(SUFFIXES):
            return ValueError(f"{key} is the path {image!r}, which is no image's")
        return os.path.join(folder, image)
    return image


def label_of(label: Any, names: Sequence[str]) -> str | None:
    """A class's name, or its number where it has none. None for a number outside of the names, as -1 is."""
    label = label.item() if hasattr(label, "item") and getattr(label, "ndim", 1) == 0 else label
    if isinstance(label, int) and not isinstance(label, bool) and names:
        return str(names[label]) if 0 <= label < len(names) else None
    return str(label) if isinstance(label, (str, int)) and label != "" else None
