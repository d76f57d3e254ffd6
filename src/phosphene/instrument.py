"""Instruments and their results: functions that compute, values that show themselves and know how they were made.

An instrument is one typed function `(network, image or images, target, options) -> result`, marked `@instrument`. The
mark notes it by name, so that the command line, `phosphene again` and the page offer it from its own signature and
docstring, and writes into every result how it was made: instrument, network and its fingerprint, photos and their
hashes, options, versions.
"""

from __future__ import annotations

import base64
import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from .network import Network, Preprocessing, load
from .picture import Drawing, Photo, Picture, Range, read, read_made

INSTRUMENTS: dict[str, Callable[..., Any]] = {}
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """What an instrument found; subclasses hold its numbers and draw them."""

    made: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def picture(self) -> Picture:
        """The result as a picture; subclasses take options."""
        raise TypeError(f"{type(self).__name__} has no picture")

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON-able values."""
        raise TypeError(f"{type(self).__name__} has no JSON form")

    def drawn(self, drawing: Drawing, caption: str, ranges: Iterable[Range] = (), **options: Any) -> Picture:
        """A picture of this result that knows how to be made again; `options` are those `picture` was called with."""
        return Picture(drawing, caption, tuple(ranges), {**self.made, "picture": options})

    def save(
        self, path: str | os.PathLike[str], theme: str = "light", scale: float | None = None, **options: Any
    ) -> Path:
        """Draws the result with `options` and writes it as .png, .webp, .jpg or .svg."""
        return self.picture(**options).save(path, theme, scale)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.picture()._repr_mimebundle_()


def instrument(function: _Function) -> _Function:
    """Notes the function as an instrument of its name, and how each of its results was made."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        result = function(*args, **kwargs)
        return replace(result, made=_account(function.__name__, bound.arguments))

    INSTRUMENTS[function.__name__] = noted
    return noted  # type: ignore[return-value]


def _account(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    networks = {key: value for key, value in arguments.items() if isinstance(value, Network)}
    images = {key: value for key, value in arguments.items() if _is_image(value)}
    options = {key: value for key, value in arguments.items() if key not in networks and key not in images}
    return {
        "instrument": name,
        "networks": {key: _network_account(value) for key, value in networks.items()},
        "images": {key: _image_account(value) for key, value in images.items()},
        "options": {key: str(value) if isinstance(value, Path) else value for key, value in options.items()},
        "versions": {package: metadata.version(package) for package in ("phosphene", "torch", "numpy", "pillow")},
    }


def _is_image(value: Any) -> bool:
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    return isinstance(first, Photo) or type(first).__name__ in ("Tensor", "ndarray", "Parameter")


def _network_account(network: Network) -> dict[str, Any]:
    return {
        "opening": network.opening,
        "class": type(network.module).__name__,
        "preprocessing": network.preprocessing.to_dict(),
        "fingerprint": network.fingerprint,
    }


def _image_account(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_image_account(part) for part in value]
    if not isinstance(value, Photo):
        return {"tensor": list(value.shape)}
    account: dict[str, Any] = {"name": value.name, "path": value.path, "sha256": value.sha256}
    if value.path is None:  # nowhere else to be found: the picture carries it
        account["pixels"] = base64.b64encode(value.encoded or value._repr_png_()).decode("ascii")
    return account


def again(path: str | os.PathLike[str], photo: str | os.PathLike[str] | None = None) -> Picture:
    """The picture in a file made anew, from what the file says of how it was made.

    The photo is looked for where it was and beside the picture; `photo` names it where it has moved. Raises ValueError
    where the file, the photo or the network is not the one that the picture was made with.
    """
    account = read_made(Path(path))["made"]
    if "instrument" not in account or account["instrument"] not in INSTRUMENTS:
        raise ValueError(f"{path} does not say which instrument made it; only Phosphene's own pictures can be remade")
    arguments: dict[str, Any] = {key: _reopened(value, path) for key, value in account["networks"].items()}
    for key, value in account["images"].items():
        parts = value if isinstance(value, list) else [value]
        photos = [_found(part, Path(path), photo) for part in parts]
        arguments[key] = photos if isinstance(value, list) else photos[0]
    result = INSTRUMENTS[account["instrument"]](**arguments, **account["options"])
    return result.picture(**account.get("picture", {}))


def _reopened(account: Mapping[str, Any], path: Any) -> Network:
    if not account["opening"]:
        raise ValueError(
            f"{path} was made with a {account['class']} that Python code built, so it can't be opened by name; make "
            "the picture again in Python"
        )
    network = load(**account["opening"], preprocessing=Preprocessing.from_dict(account["preprocessing"]))
    if network.fingerprint != account["fingerprint"]:
        raise ValueError(f"{path} was made with other weights than {network.name} has now; it can't be made again")
    return network


def _found(account: Mapping[str, Any], picture: Path, given: Any) -> Photo:
    if "tensor" in account:
        shape = " × ".join(map(str, account["tensor"]))
        raise ValueError(f"{picture} was made from a tensor ({shape}), which it does not hold; make it again in Python")
    if "pixels" in account:
        carried = read(base64.b64decode(account["pixels"]))
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
