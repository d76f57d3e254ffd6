"""Pictures made anew, from what their files say of how they were made.

A file can say anything. What it says is checked first, no code that it names is run unless the caller trusts it (nor
code that an atlas names, which the file names), and a photo or a network that is not the picture's is refused.
"""

from __future__ import annotations

import base64
import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import instrument
from .network import Network
from .network.reopening import check_opening, read_preprocessing, reopened
from .picture import Photo, Picture, read, read_made
from .picture.account import account_of, damaged


def again(path: str | os.PathLike[str], photo: str | os.PathLike[str] | None = None, *, trust: bool = False) -> Picture:
    """The picture in a file made anew, from what the file says of how it was made.

    The photo is looked for where it was and beside the picture; `photo` names it where it has moved. A file may name
    any Python code as its network, and any atlas, which may name some: such code is run only with `trust`. Raises
    ValueError where the file is damaged, where it asks for code, and where the photo or the network is not the one that
    the picture was made with.
    """
    path = Path(path)
    account = account_of(read_made(path), path)
    function = _named(account["instrument"], path)
    _check_names(function, account, path)
    arguments: dict[str, Any] = {key: _reopened(value, path, trust) for key, value in account["networks"].items()}
    for key, value in account["images"].items():
        parts = value if isinstance(value, list) else [value]
        photos = [_found(part, path, photo) for part in parts]
        arguments[key] = photos if isinstance(value, list) else photos[0]
    arguments |= account["options"]
    if isinstance(arguments.get("atlas"), str):
        arguments["atlas"] = _atlas(arguments["atlas"], trust)
    try:
        return _result(function, account, arguments).picture(**account.get("picture", {}))
    except TypeError as error:
        raise damaged(path, str(error)) from error


def _result(function: Any, account: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    """What the instrument gives; after as many steps as the picture was made with, where it works in steps."""
    if hasattr(function, "steps"):
        return instrument.last(function.steps(**arguments), account.get("step"))
    return function(**arguments)


def _atlas(place: str, trust: bool) -> Any:
    """The atlas that a picture was made from."""
    from .atlas import Atlas

    return Atlas(place, trust=trust)


def _named(name: str, path: Path) -> Callable[..., Any]:
    """The instrument of that name; packages that have not been opened yet may hold it."""
    for package in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if name in instrument.INSTRUMENTS:
            break
        if package.ispkg and package.name != "commands":
            importlib.import_module(f"{__package__}.{package.name}")
    if name not in instrument.INSTRUMENTS:
        raise damaged(path, f"it names the instrument {name!r}, which this Phosphene does not have")
    return instrument.INSTRUMENTS[name]


def _check_names(function: Callable[..., Any], account: Mapping[str, Any], path: Path) -> None:
    parameters = inspect.signature(function).parameters
    given = [*account["networks"], *account["images"], *account["options"]]
    needed = [name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    for name in given:
        if name not in parameters or given.count(name) > 1:
            raise damaged(path, f"{account['instrument']} has no option {name!r}")
    if missing := [name for name in needed if name not in given]:
        raise damaged(path, f"it does not say {', '.join(missing)}")


def _reopened(account: Any, path: Path, trust: bool) -> Network | list[Network]:
    """The network, or each of several."""
    if isinstance(account, list):
        return [_opened(part, path, trust) for part in account]
    return _opened(account, path, trust)


def _opened(account: Mapping[str, Any], path: Path, trust: bool) -> Network:
    opening = account["opening"]
    if not opening:
        raise ValueError(
            f"{path} was made with a {account['class']} that Python code built, so it can't be opened by name; make "
            "the picture again in Python"
        )
    try:
        check_opening(opening)
        read_preprocessing(account["preprocessing"])
    except ValueError as error:
        raise damaged(path, str(error)) from error
    how = "again(file, trust=True), or phosphene again FILE --trust"
    network = reopened(opening, account["preprocessing"], by=str(path), how=how, trust=trust)
    if network.fingerprint != account["fingerprint"]:
        raise ValueError(f"{path} was made with other weights than {network.name} has now; it can't be made again")
    return network


def _found(account: Mapping[str, Any], picture: Path, given: Any) -> Photo:
    if "tensor" in account:
        shape = " × ".join(map(str, account["tensor"]))
        raise ValueError(f"{picture} was made from a tensor ({shape}), which it does not hold; make it again in Python")
    if "pixels" in account:
        try:
            carried = read(base64.b64decode(account["pixels"], validate=True))
        except ValueError as error:
            raise damaged(picture, f"the photo in it can't be read: {error}") from error
        return replace(carried, name=account["name"], path=None, sha256=account["sha256"])
    places = [Path(given)] if given else [Path(account["path"]), picture.parent / Path(account["path"]).name]
    there = [place for place in places if place.is_file()]
    if not there:
        raise FileNotFoundError(
            f"{picture} was made from the photo {account['path']}, which is not there; say where it is with --photo"
        )
    photo = read(there[0])
    if photo.sha256 != account["sha256"]:
        raise ValueError(f"{there[0]} is not the photo that {picture} was made from: its content differs")
    return photo
