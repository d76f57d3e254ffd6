"""Networks opened again from what something else says of them: a picture's file, an atlas.

What comes from elsewhere may say anything, so its account is checked first, and it never decides which code runs: code
that it names is run only for a caller who trusts it. Whatever reopens a network does it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..network import Network
from ..preprocessing import Preprocessing
from .loading import load, runs_code

OPENING = {"spec": str, "architecture": str, "weights": str, "seed": int, "classes": int, "head": str}


def reopened(
    opening: Mapping[str, Any], preprocessing: Mapping[str, Any], *, by: str, how: str, trust: bool
) -> Network:
    """The network that `opening` names, seeing photos as `preprocessing` says.

    `by` is what says so, and `how` what to type where it is to be trusted, for the error. Raises ValueError where the
    account can't be followed, and where it names Python code and `trust` is not given.
    """
    check_opening(opening)
    if not trust and (code := runs_code(**opening)):
        raise ValueError(
            f"{by} names Python code as its network, {code!r}, and opening it would run that code; if you trust both, "
            f"say so: {how}"
        )
    return load(**opening, preprocessing=read_preprocessing(preprocessing))


def check_opening(opening: Any) -> None:
    """ValueError for what `load` could not have been called with."""
    if not isinstance(opening, Mapping) or "spec" not in opening:
        raise ValueError("how its network is opened can't be read")
    for name, value in opening.items():
        if type(value) is not OPENING.get(name):
            raise ValueError(f"how its network is opened can't be read: {name} is {value!r}")


def read_preprocessing(account: Any) -> Preprocessing:
    """ValueError for what is no preprocessing."""
    try:
        return Preprocessing.from_dict(account)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"its preprocessing can't be read: {error}") from error
