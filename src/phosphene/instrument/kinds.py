"""How a parameter's value is written as text, by its type, and how the text becomes the value again."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ..picture import Photo, read

METAVARS = {bool: "", int: "NUMBER", float: "NUMBER", str: "TEXT"}  # what help shows for a value; a flag has none
_SEQUENCES = (list, tuple, Sequence)


@dataclass(frozen=True)
class Kind:
    """The type that a text is read as, what stands for it in help, and how the value is made of it.

    Choices are an `Enum`; several values a list of one of the plain types.
    """

    type: Any
    metavar: str | None = None
    convert: Callable[[Any], Any] = lambda text: text

    def default_of(self, default: Any) -> Any:
        """A default as this type has it."""
        if default is None or not isinstance(self.type, type):
            return default
        if issubclass(self.type, Enum):
            return self.type(str(default))
        return str(default) if self.type is str and not isinstance(default, str) else default


def kind_of(hint: Any, default: Any = None) -> Kind:
    """The kind of option for a parameter annotated so; TypeError for what no text can say."""
    parts = [part for part in _parts(hint) if part is not type(None)]
    literals = [value for part in parts if get_origin(part) is Literal for value in get_args(part)]
    if literals and all(get_origin(part) is Literal for part in parts):
        return _choice(literals)
    if any(get_origin(part) is tuple and get_args(part) == (int, int) for part in parts):
        return Kind(str, "PIXELS|HEIGHTxWIDTH", _size)
    if int in parts and any(get_origin(part) in _SEQUENCES and int in get_args(part) for part in parts):
        return Kind(str, "NUMBER|NUMBER,NUMBER,…", _numbers)
    if Photo in parts:
        return Kind(str, "FILE", read)
    if str in parts or literals:
        return Kind(str, METAVARS[str], _whole if int in parts else lambda text: text)
    for plain_type in (float, int, bool):
        if plain_type in parts:
            return Kind(plain_type, METAVARS[plain_type])
    if any(isinstance(part, type) and issubclass(part, Path) for part in parts):
        return Kind(Path, "FILE")
    for part in parts:
        if get_origin(part) in _SEQUENCES and get_args(part):
            inner = kind_of(get_args(part)[0])
            if inner.type in METAVARS:
                return Kind(list[inner.type], inner.metavar, list)  # type: ignore[name-defined]
    if type(default) in METAVARS:
        return Kind(type(default), METAVARS[type(default)])
    if Any in parts and (default is None or isinstance(default, str)):
        return Kind(str, METAVARS[str], _whole)
    raise TypeError(f"no text can say a value of type {hint}")


def _parts(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Annotated:
        return _parts(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(part for each in get_args(hint) for part in _parts(each))
    return (hint,)


def _choice(values: list[Any]) -> Kind:
    """Choices as an Enum of texts; the values come back as they were."""
    back = {str(value): value for value in values}
    choices = StrEnum("Choice", {text: text for text in back})  # type: ignore[misc]
    return Kind(choices, convert=lambda member: back[member.value])


def _whole(text: str) -> Any:
    return int(text) if text.lstrip("-").isdecimal() else text


def _numbers(text: str) -> Any:
    """'6', or several: '3,17,40'."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ValueError("this takes a number, or several with commas between them")
    return int(text) if len(parts) == 1 else [int(part) for part in parts]


def _size(text: str) -> Any:
    """'224' or '224x320', height first."""
    numbers = text.lower().replace("×", "x").split("x")
    if not 1 <= len(numbers) <= 2 or not all(number.strip().isdecimal() and int(number) > 0 for number in numbers):
        raise ValueError("a size is a number of pixels, or HEIGHTxWIDTH such as 224x320")
    pixels = tuple(int(number) for number in numbers)
    return pixels[0] if len(pixels) == 1 else pixels
