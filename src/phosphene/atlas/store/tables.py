"""The tables of an atlas: their columns, and values to and from them; docs/atlas/index.md describes them for others.

    shards                    what the sources are made of, in the order in which they were given
    images                    one row an image of the sources
    sweeps                    one row a network and set of layers
    {sweep}.units             one row a channel of its layers: statistics and strongest answers, best first
    {sweep}.fields            one row a layer: what its units see of the network's input
    {sweep}.unreadable        one row an image that the sweep could not use, with the reason
    {sweep}.hashes            one row an image whose features are kept: the hash of its file
    {sweep}.features.{layer}  one row an image: the layer's feature vector
    {sweep}.map.{layer}.{method}  one row an image: where it lies on a map of these features
    indexes                   one row an index of features, with what was measured of it

`{sweep}.units` is written anew as a whole. Its schema's metadata say which images it covers ("done") and how many rows
of the sweep's other tables belong to it ("rows"). That makes each writing of it one step, from one consistent atlas to
the next. Characters of a layer's name that a table's can't have stand in it as -XX, their bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...data.batches import Row
from ...data.sources import Shard
from ..sweep import sketch
from ..sweep.summary import Summary
from ..sweep.top import NONE, Top
from .fields import Fields
from .work import Sweep, Work

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1  # raised when older atlases can't be read any more


def arrow() -> Any:
    import pyarrow

    return pyarrow


def whole(column: Any) -> Any:
    """A column of a table, or of a batch of one, in one piece."""
    combined = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    return combined.chunk(0) if hasattr(combined, "chunk") else combined


def among(column: str, numbers: Iterable[int]) -> str:
    """The condition that a column's value is one of these numbers."""
    return f"{column} IN ({', '.join(map(str, numbers))})"


def units_table(sweep: str) -> str:
    return f"{sweep}.units"


def fields_table(sweep: str) -> str:
    return f"{sweep}.fields"


def unreadable_table(sweep: str) -> str:
    return f"{sweep}.unreadable"


def hashes_table(sweep: str) -> str:
    return f"{sweep}.hashes"


def features_table(sweep: str, layer: str) -> str:
    return f"{sweep}.features.{_plain(layer)}"


def map_table(sweep: str, layer: str, method: str) -> str:
    return f"{sweep}.map.{_plain(layer)}.{method}"


def _plain(layer: str) -> str:
    """A layer's name in the letters of a table's."""
    return re.sub("[^A-Za-z0-9_.]", lambda match: "".join(f"-{byte:02X}" for byte in match[0].encode()), layer)


def shards_schema() -> pa.Schema:
    pa = arrow()
    return pa.schema([("shard", pa.int64()), ("kind", pa.string()), ("where", pa.string()), ("part", pa.string())])


def images_schema() -> pa.Schema:
    pa = arrow()
    return pa.schema(
        [
            ("id", pa.int64()), ("shard", pa.int64()), ("key", pa.string()), ("label", pa.string()),
            ("width", pa.int32()), ("height", pa.int32()),
        ]
    )  # fmt: skip


def fields_schema() -> pa.Schema:
    """`fields` is JSON (fields.py)."""
    pa = arrow()
    return pa.schema([("layer", pa.string()), ("fields", pa.string())], metadata={"format": str(FORMAT)})


def unreadable_schema() -> pa.Schema:
    pa = arrow()
    return pa.schema([("id", pa.int64()), ("error", pa.string())])


def hashes_schema() -> pa.Schema:
    pa = arrow()
    return pa.schema([("id", pa.int64()), ("sha256", pa.string())])


def sweeps_schema() -> pa.Schema:
    """`work` and `opening` are JSON: what was asked for, and how the network is opened."""
    pa = arrow()
    texts = ("sweep", "network", "fingerprint", "opening", "preprocessing", "labels", "work", "versions", "begun")
    return pa.schema([(name, pa.string()) for name in texts], metadata={"format": str(FORMAT)})


def units_schema(coverage: str, rows: Mapping[str, int]) -> pa.Schema:
    """`bins` and `counts` are the sketch's bins that are not empty (sketch.py); `places` are row · columns + column."""
    pa = arrow()
    columns = [
        ("layer", pa.string()), ("channel", pa.int32()), ("columns", pa.int32()),
        ("count", pa.int64()), ("total", pa.float64()), ("active", pa.int64()),
        ("bins", pa.list_(pa.int16())), ("counts", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float32())), ("images", pa.list_(pa.int64())), ("places", pa.list_(pa.int32())),
    ]  # fmt: skip
    return pa.schema(columns, metadata={"done": coverage, "rows": json.dumps(dict(rows)), "format": str(FORMAT)})


def features_schema(length: int, half: bool) -> pa.Schema:
    pa = arrow()
    return pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float16() if half else pa.float32(), length))])


def of_map(ids: np.ndarray, positions: np.ndarray, account: str) -> pa.Table:
    """`account` is JSON in the schema's metadata: how the map was made, and what was measured of it."""
    pa = arrow()
    columns = [("id", pa.int64()), ("x", pa.float64()), ("y", pa.float64())]
    schema = pa.schema(columns, metadata={"map": account, "format": str(FORMAT)})
    return pa.table([ids, positions[:, 0], positions[:, 1]], schema=schema)


def of_shards(first: int, shards: Sequence[Shard]) -> pa.Table:
    rows = [
        {"shard": first + at, "kind": shard.kind, "where": shard.where, "part": json.dumps(shard.part)}
        for at, shard in enumerate(shards)
    ]
    return arrow().Table.from_pylist(rows, schema=shards_schema())


def to_shards(table: pa.Table) -> dict[int, Shard]:
    return {row["shard"]: Shard(row["kind"], row["where"], json.loads(row["part"])) for row in table.to_pylist()}


def of_sweep(sweep: Sweep) -> pa.Table:
    """Its row, with the versions of the packages that run it, and the time, in UTC."""
    row = {
        "sweep": sweep.name, "network": sweep.network, "fingerprint": sweep.fingerprint,
        "opening": json.dumps(sweep.opening), "preprocessing": json.dumps(sweep.preprocessing),
        "labels": json.dumps(sweep.labels), "work": json.dumps(asdict(sweep.work)),
        "versions": json.dumps({name: metadata.version(name) for name in ("phosphene", "torch", "lancedb")}),
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    return arrow().Table.from_pylist([row], schema=sweeps_schema())


def to_sweeps(table: pa.Table) -> list[Sweep]:
    return [
        Sweep(
            row["sweep"], row["network"], row["fingerprint"], json.loads(row["opening"]),
            json.loads(row["preprocessing"]), tuple(json.loads(row["labels"])), _to_work(json.loads(row["work"])),
        )
        for row in table.to_pylist()
    ]  # fmt: skip


def _to_work(fields: Mapping[str, Any]) -> Work:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Work(**values)


def of_rows(rows: Sequence[Row]) -> pa.Table:
    return arrow().Table.from_pylist([vars(row) for row in rows], schema=images_schema())


def of_fields(fields: Mapping[str, Fields]) -> pa.Table:
    rows = [{"layer": layer, "fields": layer_fields.to_json()} for layer, layer_fields in fields.items()]
    return arrow().Table.from_pylist(rows, schema=fields_schema())


def of_unreadable(rows: Sequence[Row]) -> pa.Table:
    return arrow().Table.from_pylist([vars(row) for row in rows], schema=unreadable_schema())


def of_hashes(rows: Sequence[Row]) -> pa.Table:
    return arrow().Table.from_pylist([{"id": row.id, "sha256": row.sha256} for row in rows], schema=hashes_schema())


def of_features(ids: Sequence[int], vectors: np.ndarray, half: bool) -> pa.Table:
    pa = arrow()
    schema = features_schema(vectors.shape[1], half)
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1), schema.field("vector").type.value_type)
    column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({"id": pa.array(ids, pa.int64()), "vector": column}, schema=schema)


def of_summaries(summaries: Mapping[str, Summary], coverage: str, rows: Mapping[str, int]) -> pa.Table:
    pa = arrow()
    schema = units_schema(coverage, rows)
    parts = [_of_summary(name, summary, schema) for name, summary in summaries.items()]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _of_summary(name: str, summary: Summary, schema: pa.Schema) -> pa.Table:
    pa = arrow()
    summary.settle()
    top, channels = summary.top, len(summary.total)
    answered = (top.images != NONE).cpu().numpy()
    counts = summary.histogram.cpu().numpy()
    filled = counts > 0

    def lists(column: str, values: np.ndarray, mask: np.ndarray) -> Any:
        offsets = np.concatenate([[0], mask.sum(1).cumsum()]).astype(np.int32)
        kind = schema.field(column).type.value_type
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[mask], kind))

    bins = np.broadcast_to(np.arange(sketch.BINS, dtype=np.int16), counts.shape)
    columns = {
        "layer": pa.array([name] * channels), "channel": pa.array(np.arange(channels, dtype=np.int32)),
        "columns": pa.array(np.full(channels, summary.columns, np.int32)),
        "count": pa.array(np.full(channels, summary.count, np.int64)),
        "total": pa.array(summary.total.cpu().numpy()), "active": pa.array(summary.active.cpu().numpy()),
        "bins": lists("bins", bins, filled), "counts": lists("counts", counts, filled),
        "values": lists("values", top.values.cpu().numpy(), answered),
        "images": lists("images", top.images.cpu().numpy(), answered),
        "places": lists("places", top.places.cpu().numpy().astype(np.int32), answered),
    }  # fmt: skip
    return pa.table(columns, schema=schema)


def to_features(table: pa.Table | pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """The images' numbers (N,) and their vectors (N, D)."""
    lists = whole(table.column("vector"))
    vectors = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, lists.type.list_size)
    return table.column("id").to_numpy(), vectors


def to_summaries(table: pa.Table, k: int, each: int) -> dict[str, Summary]:
    """The summaries of all layers in a units table, to go on with."""
    result = {}
    for name in dict.fromkeys(table.column("layer").to_pylist()):
        part = table.filter(arrow().compute.equal(table.column("layer"), name)).combine_chunks()
        result[name] = _to_summary(part, k, each)
    return result


def _to_summary(part: pa.Table, k: int, each: int) -> Summary:
    channels = part.num_rows
    number = {name: part.column(name).to_numpy() for name in ("channel", "columns", "count", "total", "active")}
    counts = np.zeros((channels, sketch.BINS), np.int32)
    row, bins = _flat(part, "bins")
    counts[row, bins] = _flat(part, "counts")[1]
    top = Top.empty(channels, k, each)
    row, values = _flat(part, "values")
    starts = np.searchsorted(row, row)  # of each row's list
    at = (torch.from_numpy(row), torch.from_numpy(np.arange(len(row)) - starts))
    top.values[at] = torch.from_numpy(values.copy())
    top.images[at] = torch.from_numpy(_flat(part, "images")[1].copy())
    top.places[at] = torch.from_numpy(_flat(part, "places")[1].astype(np.int64))
    return Summary(
        top, int(number["count"][0]), torch.from_numpy(number["total"].copy()),
        torch.from_numpy(number["active"].copy()), torch.from_numpy(counts), int(number["columns"][0]),
    )  # fmt: skip


def _flat(part: pa.Table, column: str) -> tuple[np.ndarray, np.ndarray]:
    """The row and the value of all that the lists in a column hold."""
    lists = whole(part.column(column))
    lengths = np.diff(lists.offsets.to_numpy())
    return np.repeat(np.arange(len(lengths)), lengths), lists.flatten().to_numpy(zero_copy_only=False)
