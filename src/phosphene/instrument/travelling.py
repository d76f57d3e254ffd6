"""What travels in an account, and how each kind of thing is opened again.

An account is JSON. What JSON can't hold is named there: a network by how it was opened and by its fingerprint, a photo
by its path and hash, an atlas by its path. A kind of thing is noted with `travels`, by the package that it lives in:
accounts then name its values and `again` opens them, and neither knows the kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .roles import Role

OPTIONS = "options"  # the group of an account that holds plain values


@dataclass(frozen=True)
class Origin:
    """The picture whose account is read, and what its reader said."""

    picture: Path
    photo: Path | None = None  # where the photo has moved to
    trust: bool = False  # whether code that the account names may run


@dataclass(frozen=True)
class Kind:
    """A kind of thing that accounts name in one of their groups: its account, and how it is opened from that.

    Things in the group of plain values are named there by text alone; `role` is that of the parameters that take them.
    """

    group: str
    holds: Callable[[Any], bool]
    account: Callable[[Any], Any]
    reopen: Callable[[Any, Origin], Any]
    role: Role | None = None


KINDS: list[Kind] = []


def travels(kind: Kind) -> Kind:
    """Notes a kind of thing."""
    KINDS.append(kind)
    return kind


def kind_of(value: Any) -> Kind | None:
    """The kind of a value; None for a plain one."""
    return next((kind for kind in KINDS if kind.holds(value)), None)


def kind_in(group: str) -> Kind | None:
    """The kind that a group of an account holds."""
    return next((kind for kind in KINDS if kind.group == group and group != OPTIONS), None)


def kind_for(role: Role) -> Kind | None:
    """The kind that a parameter of this role takes where its account is text."""
    return next((kind for kind in KINDS if kind.role is role), None)


def group_of(value: Any) -> str:
    """The group of an account that a value, or a list of values of one group, belongs to."""
    if isinstance(value, (list, tuple)):
        groups = {group_of(part) for part in value}
        return groups.pop() if len(groups) == 1 else OPTIONS
    kind = kind_of(value)
    return kind.group if kind is not None else OPTIONS
