"""Pictures made anew, from what their files say of how they were made.

A file can say anything. What it says is checked first, no code that it names is run unless the caller trusts it (nor
code that an atlas names, which the file names), and a photo or a network that is not the picture's is refused.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..picture import Picture, read_made
from ..picture.account import account_of, damaged
from . import things  # noqa: F401  (networks, photos and tensors travel)
from .form import form_of
from .marking import INSTRUMENTS, last
from .travelling import OPTIONS, Origin, kind_for, kind_in

FACES = ("commands", "reporting", "instrument")  # packages without instruments


def again(path: str | os.PathLike[str], photo: str | os.PathLike[str] | None = None, *, trust: bool = False) -> Picture:
    """The picture in a file, made again from the record in the file.

    The photo is read from its old place, or from the picture's folder; if it has moved, name it with `photo`. A file
    may name any Python code as its network, or an atlas that names such code: this code runs only with `trust`. Raises
    ValueError if the file is damaged, if it names code, and if the photo or the network is not the one that the picture
    was made with.
    """
    path = Path(path)
    account = account_of(read_made(path), path)
    function = _instrument(account["instrument"], path)
    _check_names(function, account, path)
    arguments = _arguments(function, account, Origin(path, Path(photo) if photo else None, trust))
    try:
        return _result(function, account, arguments).picture(**account.get("picture", {}))
    except TypeError as error:
        raise damaged(path, str(error)) from error


def _arguments(function: Callable[..., Any], account: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
    """What the instrument was given, opened again."""
    arguments: dict[str, Any] = {}
    for group in _groups(account):
        kind = kind_in(group)
        for key, value in account[group].items():
            argument_kind = kind if kind is not None else kind_for(form_of(function)[key].role)
            if argument_kind is None or (kind is None and not isinstance(value, str)):
                arguments[key] = value
            elif isinstance(value, list):
                arguments[key] = [argument_kind.reopen(part, origin) for part in value]
            else:
                arguments[key] = argument_kind.reopen(value, origin)
    return arguments


def _groups(account: Mapping[str, Any]) -> list[str]:
    """The account's groups of arguments, the plain ones last."""
    return [group for group in account if kind_in(group) is not None] + [OPTIONS]


def _result(function: Any, account: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    """What the instrument gives; after as many steps as the picture was made with, where it works in steps."""
    if hasattr(function, "steps"):
        return last(function.steps(**arguments), account.get("step"))
    return function(**arguments)


def _instrument(name: str, path: Path) -> Callable[..., Any]:
    """The instrument of that name; packages that have not been opened yet may hold it."""
    home = Path(__file__).parents[1]
    for package in pkgutil.iter_modules([str(home)]):
        if name in INSTRUMENTS:
            break
        if package.ispkg and package.name not in FACES:
            importlib.import_module(f"{home.name}.{package.name}")
    if name not in INSTRUMENTS:
        raise damaged(path, f"it names the instrument {name!r}, which this Phosphene does not have")
    return INSTRUMENTS[name]


def _check_names(function: Callable[..., Any], account: Mapping[str, Any], path: Path) -> None:
    parameters = inspect.signature(function).parameters
    stated_names = [name for group in _groups(account) for name in account[group]]
    needed = [name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    for name in stated_names:
        if name not in parameters or stated_names.count(name) > 1:
            raise damaged(path, f"{account['instrument']} has no option {name!r}")
    if missing := [name for name in needed if name not in stated_names]:
        raise damaged(path, f"it does not say {', '.join(missing)}")
