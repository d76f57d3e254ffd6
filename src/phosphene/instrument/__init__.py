"""Instruments and their results: functions that compute, values that show themselves and know how they were made.

An instrument is one typed function `(network, image or images, target, options) -> result`, marked `@instrument`. The
mark notes it by name and writes into every result how it was made: instrument, network and its fingerprint, photos and
their hashes, options, versions. What an instrument asks for and gives is described once (`form`), from its signature,
types and docstring; the command line, the report and the page are faces of that description.

A long instrument is written as a generator that yields its result as it stands after every step. Called, it gives the
last one; its `steps` gives them one by one, for who shows how far it is, keeps frames, or stops.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .marking import INSTRUMENTS as INSTRUMENTS
    from .marking import Stepwise as Stepwise
    from .marking import instrument as instrument
    from .marking import last as last
    from .marking import result_kind as result_kind
    from .result import Result as Result

# name -> the module that holds it, opened when first asked for: the list of commands is read without PyTorch
_HOMES = {
    "marking": "INSTRUMENTS Stepwise instrument last result_kind",
    "result": "Result",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'phosphene.instrument' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value
