"""A folder that FiftyOne opens: fiftyone.Dataset.from_dir(dataset_type=fiftyone.types.FiftyOneDataset).

    metadata.json   the media's kind, and what the data set is
    samples.json    one sample an image: filepath, tags, label, number in the atlas, place on the map, features
    data/           images that are no files of their own, written as PNG

It is the format's older form in plain JSON, which FiftyOne's importer tells by the absence of a version in
metadata.json: no ids of a database have to be made up. Files of a folder are not copied; samples name them where they
are. Fields: `ground_truth` (a Classification), `atlas_id`, `atlas_key`, `x` and `y`, `embedding`. That one is an array
of 32-bit numbers as FiftyOne keeps arrays, a NumPy file, packed by zlib: a list of numbers would be four times as long,
and come back as a list.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .export import Rows


def write_fiftyone(rows: Rows, folder: Path, target: Path) -> int:
    """Writes the folder and returns how many samples it has."""
    folder.mkdir()
    samples_written = 0
    labels: set[str] = set()
    with open(folder / "samples.json", "w", encoding="utf-8") as file:
        file.write('{"samples": [')
        for batch in rows.batches():
            for row in batch:
                sample = _sample(rows, row, folder)
                if sample is None:
                    continue
                file.write(("," if samples_written else "") + "\n" + json.dumps(sample))
                samples_written += 1
                labels |= {row["label"]} - {None}
        file.write("\n]}\n")
    about = {"atlas": rows.atlas.path, "classes": sorted(labels)}
    (folder / "metadata.json").write_text(json.dumps({"media_type": "image", "info": about}, indent=1) + "\n")
    return samples_written


def _sample(rows: Rows, row: dict[str, Any], folder: Path) -> dict[str, Any] | None:
    """One image as FiftyOne's JSON; None for one that lies in no file, and can't be read any more."""
    path = row["path"]
    if path is None:
        try:
            photo = rows.atlas.photo(row["id"])
        except (OSError, LookupError, ValueError):
            return None
        path = f"data/{row['id']}.png"
        (folder / "data").mkdir(exist_ok=True)
        photo.pil().save(folder / path)
    label = row["label"]
    sample = {
        "filepath": path,
        "tags": [],
        "metadata": None,
        "atlas_id": row["id"],
        "atlas_key": row["key"],
        "ground_truth": None if label is None else {"_cls": "Classification", "tags": [], "label": label},
    }
    sample |= {name: float(row[name]) for name in ("x", "y") if name in row}
    if "vector" in row:
        sample["embedding"] = _array(row["vector"])
    return sample


def _array(values: Any) -> dict[str, Any]:
    """Values as FiftyOne's JSON for an array."""
    file = io.BytesIO()
    np.save(file, np.asarray(values, np.float32))
    return {"$binary": {"base64": base64.b64encode(zlib.compress(file.getvalue())).decode(), "subType": "00"}}
