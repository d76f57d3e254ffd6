"""Sources with their kind in front: parquet:, lance:, npz:, datasets:, torchvision:, with options as in a web address.

datasets:beans?split=train      lance:/data/photos#birds?image=jpeg      torchvision:CIFAR10@/data?train=false
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from . import torchvision_set
from .file_patterns import fixed, is_pattern, kind_of, matching_files
from .item import Shard
from .tables import array_file, datasets_set, lance_table, parquet_file

COLUMNS = ("image", "label")


def kind_in(text: str) -> str | None:
    """The kind that stands in front, if one does."""
    kind, colon, _ = text.partition(":")
    return kind if colon and kind in KINDS else None


def shards(text: str) -> list[Shard]:
    """The shards of a source with its kind in front. LookupError for an option that the kind does not have."""
    kind, _, rest = text.partition(":")
    what, _, options_text = rest.partition("?")
    options = dict(parse_qsl(options_text, keep_blank_values=True))
    make, option_names = KINDS[kind]
    if not what:
        raise ValueError(f"{text!r} does not say which; such a source is written as {EXAMPLES[kind]}")
    for key in options:
        if option_names is not None and key not in option_names:
            had = f"it has {', '.join(option_names)}" if option_names else "it has none"
            raise LookupError(f"a source {kind}: has no option {key!r}; {had}")
    return make(os.path.expanduser(what), **options)


def _parquet(path: str, **options: Any) -> list[Shard]:
    if os.path.isdir(path):
        files, root = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names], path
    else:
        files, root = (matching_files(path), fixed(path)) if is_pattern(path) else ([path], os.path.dirname(path))
    files = sorted(file for file in files if kind_of(file) == "parquet" or len(files) == 1)
    if not files:
        raise FileNotFoundError(f"there is no Parquet file in {path!r}")
    names = [os.path.relpath(file, root or ".").replace(os.sep, "/") for file in files]
    pairs = zip(files, names, strict=True)
    return [one for file, name in pairs for one in parquet_file.shards(os.path.abspath(file), name, **options)]


def _lance(rest: str, **options: Any) -> list[Shard]:
    path, _, table = rest.partition("#")
    return lance_table.shards(path, table or None, **options)


def _npz(rest: str) -> list[Shard]:
    path, _, array = rest.partition("#")
    return array_file.shards(os.path.abspath(path), array or None)


def _torchvision(rest: str, **options: Any) -> list[Shard]:
    name, _, root = rest.partition("@")
    return torchvision_set.shards(name, os.path.expanduser(root), **options)


KINDS: dict[str, tuple[Callable[..., list[Shard]], tuple[str, ...] | None]] = {  # and their options; None: its own
    "parquet": (_parquet, COLUMNS),
    "lance": (_lance, COLUMNS),
    "npz": (_npz, ()),
    "datasets": (datasets_set.shards, (*COLUMNS, *datasets_set.OPTIONS)),
    "torchvision": (_torchvision, None),
}
EXAMPLES = {
    "parquet": "parquet:photos.parquet?image=jpeg&label=kind",
    "lance": "lance:folder#table",
    "npz": "npz:mnist.npz#x_test",
    "datasets": "datasets:beans?split=train",
    "torchvision": "torchvision:CIFAR10@/data?train=false",
}
