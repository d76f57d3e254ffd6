"""A folder that FiftyOne opens: fiftyone.Dataset.from_dir(dataset_type=fiftyone.types.FiftyOneDataset).

    metadata.json   the media's kind, and what the data set is
    samples.json    one sample an image: filepath, tags, label, number in the atlas, place on the map, features
    data/           images that are no files of their own, written as PNG

It is the format's older form in plain JSON, which FiftyOne's importer tells by the absence of a version in
metadata.json: no ids of a database have to be made up. Files of a folder are not copied; samples name them where they
are. Fields: `ground_truth` (a Classification), `atlas_id`, `atlas_key`, `x` and `y`, `embedding`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .export import Rows


def write_fiftyone(rows: Rows, folder: Path, target: Path) -> int:
    """Writes the folder and returns how many samples it has."""
    folder.mkdir()
    written = 0
    labels: set[str] = set()
    with open(folder / "samples.json", "w", encoding="utf-8") as file:
        file.write('{"samples": [')
        for some in rows.batches():
            for row in some:
                sample = _sample(rows, row, folder)
                if sample is None:
                    continue
                file.write(("," if written else "") + "\n" + json.dumps(sample))
                written += 1
                labels |= {row["label"]} - {None}
        file.write("\n]}\n")
    about = {"atlas": rows.atlas.path, "classes": sorted(labels)}
    (folder / "metadata.json").write_text(json.dumps({"media_type": "image", "info": about}, indent=1) + "\n")
    return written


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
        sample["embedding"] = [float(value) for value in row["vector"]]
    return sample
