"""Instruments and their results: functions that compute, values that show themselves and know how they were made.

An instrument is one typed function `(network, image or images, target, options) -> result`, marked `@instrument`. The
mark notes it by name, so that the command line, `phosphene again` and the page offer it from its own signature and
docstring, and writes into every result how it was made: instrument, network and its fingerprint, photos and their
hashes, options, versions.

A long instrument is written as a generator that yields its result as it stands after every step. Called, it gives the
last one; its `steps` gives them one by one, for who shows how far it is, keeps frames, or stops.
"""

from __future__ import annotations

import base64
import functools
import inspect
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar, get_args, get_type_hints, overload

from torch import nn

from .network import Network, near
from .network.seam import held
from .picture import Drawing, Photo, Picture, Range

INSTRUMENTS: dict[str, Callable[..., Any]] = {}
_SAVING = ("theme", "scale")  # options of `save` itself
_Result = TypeVar("_Result", bound="Result")
_Made = TypeVar("_Made", bound="Result", covariant=True)
_Given = ParamSpec("_Given")


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """What an instrument found; subclasses hold its numbers and draw them."""

    made: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "picture" in cls.__dict__:
            cls.picture = _drawing_options_checked(cls.__dict__["picture"])  # type: ignore[method-assign]

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


def _drawing_options_checked(method: Callable[..., Picture]) -> Callable[..., Picture]:
    """The method `picture`, with a sentence for an option that it does not have."""
    known = [name for name in inspect.signature(method).parameters if name != "self"]

    @functools.wraps(method)
    def picture(self: Result, *args: Any, **options: Any) -> Picture:
        for wrong in options:
            if wrong not in known:
                raise TypeError(_no_drawing_option(self, wrong, known))
        return method(self, *args, **options)

    return picture


def _no_drawing_option(result: Result, wrong: str, known: Sequence[str]) -> str:
    name = result.made.get("instrument", type(result).__name__)
    if wrong in result.made.get("options", {}):
        return f"the picture has no option {wrong!r}; it is an option of {name}: ph.{name}(..., {wrong}=...)"
    if wrong in _SAVING:
        return f"the picture has no option {wrong!r}; it is an option of save: .save(path, {wrong}=...)"
    listed = f"its options are {', '.join(known)}" if known else "it takes none"
    return f"the picture of {name} has no option {wrong!r}{near(wrong, [*known, *_SAVING]) or '; ' + listed}"


class Stepwise(Protocol[_Given, _Made]):
    """A long instrument: called, it gives its last result; `steps` gives the result after every step."""

    def __call__(self, *args: _Given.args, **kwargs: _Given.kwargs) -> _Made: ...

    def steps(self, *args: _Given.args, **kwargs: _Given.kwargs) -> Iterator[_Made]: ...


@overload
def instrument(function: Callable[_Given, Iterator[_Made]]) -> Stepwise[_Given, _Made]: ...


@overload
def instrument(function: Callable[_Given, _Made]) -> Callable[_Given, _Made]: ...


def instrument(function: Callable[..., Any]) -> Any:
    """Notes the function as an instrument of its name, and how each of its results was made."""
    signature = inspect.signature(function)
    name = function.__name__

    def arguments(args: tuple, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        for wrong in kwargs:
            if wrong not in signature.parameters:
                raise TypeError(_no_option(name, wrong, signature.parameters, _options_of_picture(function)))
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}; it is called as {name}({', '.join(signature.parameters)})") from None
        bound.apply_defaults()
        _check_kinds(name, signature, bound.arguments)
        return bound.arguments

    def steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
        account = _account(name, arguments(args, kwargs))
        with held():
            for number, result in enumerate(function(*args, **kwargs), 1):
                yield replace(result, made={**account, "step": number})

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        if stepwise:
            return last(steps(*args, **kwargs))
        given = arguments(args, kwargs)
        with held():
            result = function(*args, **kwargs)
        return replace(result, made=_account(name, given))

    stepwise = inspect.isgeneratorfunction(function)
    if stepwise:
        noted.steps = functools.wraps(function)(steps)  # type: ignore[attr-defined]
    INSTRUMENTS[name] = noted
    return noted


def last(results: Iterator[_Result], most: int | None = None) -> _Result:
    """The last of an instrument's steps, or number `most` where there are more."""
    found = next(results)
    for number, result in enumerate(results, 2):
        if most is not None and number > most:
            break
        found = result
    return found


def result_kind(function: Callable[..., Any]) -> type[Result] | None:
    """The kind of result that an instrument gives, also one that gives it step by step; None where it does not say."""
    found = get_type_hints(function).get("return")
    found = next(iter(get_args(found)), found)
    return found if isinstance(found, type) and issubclass(found, Result) else None


def accounted(result: _Result, function: Callable[..., Any], *args: Any, **kwargs: Any) -> _Result:
    """The result with the account of the instrument's call `function(*args, **kwargs)`, which would have given it.

    For who takes an instrument's work step by step, to show how far it is.
    """
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return replace(result, made=_account(function.__name__, bound.arguments))


def _check_kinds(name: str, signature: inspect.Signature, arguments: Mapping[str, Any]) -> None:
    """TypeError where something else stands in a network's or a layer's place."""
    for position, (key, value) in enumerate(arguments.items()):
        wanted = signature.parameters[key].annotation
        if wanted in (Network, "Network") and not isinstance(value, Network):
            where = "first" if position == 0 else f"as {key}"
            kind = type(value).__name__
            raise TypeError(f"{name} takes a phosphene.Network {where}, not {kind}{_how(name, signature, value)}")
        if wanted in (str, "str") and not isinstance(value, str):
            kind = type(value).__name__
            raise TypeError(f"{name} takes a name as its {key}, not {kind}: {name}({', '.join(signature.parameters)})")


def _how(name: str, signature: inspect.Signature, value: Any) -> str:
    if isinstance(value, nn.Module):
        return "; wrap your module: ph.Network(module)"
    if isinstance(value, (str, os.PathLike)):
        return f"; open the network by its name: ph.load({os.fspath(value)!r})"
    return f": {name}({', '.join(signature.parameters)})"


def _options_of_picture(function: Callable[..., Any]) -> list[str]:
    """The options of the picture that the instrument's result draws."""
    result = result_kind(function)
    if result is None:
        return []
    return [name for name in inspect.signature(result.picture).parameters if name != "self"]


def _no_option(name: str, wrong: str, own: Iterable[str], pictures: Iterable[str]) -> str:
    if wrong in (*pictures, *_SAVING):
        of = "its picture" if wrong in pictures else "saving its picture"
        where = f"ph.{name}(...).save(path, {wrong}=...)"
        return f"{name} has no option {wrong!r}; it is an option of {of}: {where}"
    if close := near(wrong, own):
        return f"{name} has no option {wrong!r}{close}"
    if close := near(wrong, [*pictures, *_SAVING]):
        return f"{name} has no option {wrong!r}{close}, which its picture takes: ph.{name}(...).save(path, ...)"
    return f"{name} has no option {wrong!r}; it takes {', '.join(own)}"


def _account(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    networks = {key: value for key, value in arguments.items() if _is_network(value)}
    images = {key: value for key, value in arguments.items() if _is_image(value)}
    options = {key: value for key, value in arguments.items() if key not in networks and key not in images}
    return {
        "instrument": name,
        "networks": {key: _network_account(value) for key, value in networks.items()},
        "images": {key: _image_account(value) for key, value in images.items()},
        "options": {key: _plain(value) for key, value in options.items()},
        "versions": {package: metadata.version(package) for package in ("phosphene", "torch", "numpy", "pillow")},
    }


def _plain(value: Any) -> Any:
    """An option as JSON holds it: a path as text, NumPy's whole numbers as Python's, an open photo as its path."""
    if isinstance(value, os.PathLike):  # also what is opened by its path
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, Photo):
        return value.path or value.name
    if _is_image(value):  # a tensor among names
        return _image_account(value)
    return operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else value


def _is_network(value: Any) -> bool:
    several = isinstance(value, (list, tuple)) and value
    return isinstance(value, Network) or bool(several and all(isinstance(part, Network) for part in value))


def _is_image(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_image, value))
    return isinstance(value, Photo) or type(value).__name__ in ("Tensor", "ndarray", "Parameter")


def _network_account(network: Any) -> Any:
    if isinstance(network, (list, tuple)):
        return [_network_account(part) for part in network]
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
