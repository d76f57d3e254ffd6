"""The shape of the account in a picture's record: what made it, with which networks, images and options.

A record may come from anywhere, so it is checked once, here, before anything is done with what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def damaged(path: str | Path, why: str) -> ValueError:
    """The error for a record that can't be followed."""
    return ValueError(f"the record in {str(path)!r} is damaged ({why}); the picture can't be made again from it")


def account_of(record: Mapping[str, Any], path: str | Path) -> Mapping[str, Any]:
    """The record's account: 'instrument', 'networks', 'images', 'options', and 'picture' where it has any options.

    Raises ValueError for a picture that no instrument made, and for an account that is not of this shape.
    """
    account = record.get("made")
    if account == {}:
        raise ValueError(f"{path} does not say which instrument made it; only instruments' pictures can be made again")
    _need(isinstance(account, dict), path, "it does not say how the picture was made")
    assert isinstance(account, dict)
    _need(isinstance(account.get("instrument"), str), path, "it names no instrument")
    for key, part in (("networks", _is_networks), ("images", _is_images), ("options", None), ("picture", None)):
        _need(_is_mapping(account.get(key, {} if key == "picture" else None), part), path, f"its {key} can't be read")
    return account


def _need(condition: bool, path: str | Path, why: str) -> None:
    if not condition:
        raise damaged(path, why)


def _is_mapping(value: Any, part: Callable[[Any], bool] | None) -> bool:
    return isinstance(value, dict) and (part is None or all(map(part, value.values())))


def _is_networks(value: Any) -> bool:
    return all(map(_is_network, value)) and bool(value) if isinstance(value, list) else _is_network(value)


def _is_network(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("opening"), dict):
        return False
    has_both = all(isinstance(value.get(key), kind) for key, kind in (("class", str), ("fingerprint", str)))
    return has_both and isinstance(value.get("preprocessing"), dict)


def _is_images(value: Any) -> bool:
    return all(map(_is_image, value)) and bool(value) if isinstance(value, list) else _is_image(value)


def _is_image(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if "tensor" in value:
        return isinstance(value["tensor"], list)
    stored_as = "pixels" if value.get("path") is None else "path"
    return all(isinstance(value.get(key), str) for key in ("name", "sha256", stored_as))
