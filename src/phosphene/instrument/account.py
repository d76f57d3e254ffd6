"""The account of an instrument's call, as JSON holds it: what it was given, and by which versions it ran."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from ..picture import Photo
from . import things  # noqa: F401  (networks, photos and tensors travel)
from .travelling import OPTIONS, group_of, kind_of

PACKAGES = ("phosphene", "torch", "numpy", "pillow")


def account_of(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The account of the instrument called `name`, by what its parameters were given."""
    groups: dict[str, dict[str, Any]] = {"networks": {}, "images": {}, OPTIONS: {}}
    for key, value in arguments.items():
        group = group_of(value)
        groups.setdefault(group, {})[key] = _plain(value) if group == OPTIONS else _named(value)
    versions = {package: metadata.version(package) for package in PACKAGES}
    return {"instrument": name, **groups, "versions": versions}


def _named(value: Any) -> Any:
    """What names a thing, or each of a list."""
    if isinstance(value, (list, tuple)):
        return [_named(part) for part in value]
    kind = kind_of(value)
    assert kind is not None
    return kind.account(value)


def _plain(value: Any) -> Any:
    """An option as JSON holds it: a path as text, NumPy's whole numbers as Python's, an open photo as its path."""
    if isinstance(value, os.PathLike):  # also what is opened by its path
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, Photo):  # among names
        return value.path or value.name
    if (kind := kind_of(value)) is not None:
        return kind.account(value)
    return operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else value
