"""How a parameter's value is written as text, by its type, and how the text becomes the value again."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ..picture import Photo, read
from .texts import names

METAVARS = {bool: "", int: "NUMBER", float: "NUMBER", str: "TEXT"}  # what help shows for a value; a flag has none
_SEQUENCES = (list, tuple, Sequence)


@dataclass(frozen=True)
class Kind:
    """The type that a text is read as, what stands for it in help, and how the value is made of it.

    Choices are an `Enum`; several values are a list of texts, given one by one or with commas between them. A type
    that is to be written in a way of its own carries its kind: `Annotated[…, Kind(…)]`.
    """

    type: Any
    metavar: str | None = None
    convert: Callable[[Any], Any] = lambda text: text

    def default_of(self, default: Any) -> Any:
        """A default as this type has it."""
        if default is None:
            return None
        if self.several:
            return [str(each) for each in (default if isinstance(default, (list, tuple)) else [default])]
        if issubclass(self.type, Enum):
            return self.type(str(default))
        return str(default) if self.type is str and not isinstance(default, str) else default

    @property
    def several(self) -> bool:
        """Whether it takes several values."""
        return get_origin(self.type) is list


def kind_of(hint: Any, default: Any = None) -> Kind:
    """The kind of option for a parameter annotated so; TypeError for what no text can say."""
    if (own := _own_kind(hint)) is not None:
        return own
    parts = [part for part in _parts(hint) if part is not type(None)]
    literals = [value for part in parts if get_origin(part) is Literal for value in get_args(part)]
    if literals and all(get_origin(part) is Literal for part in parts):
        return _choice(literals)
    if any(get_origin(part) is tuple and get_args(part) == (int, int) for part in parts):
        return Kind(str, "PIXELS|HEIGHTxWIDTH", _size)
    if Photo in parts:
        return Kind(str, "FILE", read)
    for part in parts:
        inner = _parts(get_args(part)[0]) if get_origin(part) in _SEQUENCES and get_args(part) else ()
        if str in inner or (inner and str in parts):
            return Kind(list[str], "NAME,NAME,…", names)
        for number in (float, int):
            if number in inner:
                return Kind(list[str], "NUMBER,NUMBER,…", _numbers(number, single=number in parts))
    if str in parts or literals:
        return Kind(str, METAVARS[str], whole_number if int in parts else lambda text: text)
    for plain_type in (float, int, bool):
        if plain_type in parts:
            return Kind(plain_type, METAVARS[plain_type])
    if any(isinstance(part, type) and issubclass(part, Path) for part in parts):
        return Kind(Path, "FILE")
    if type(default) in METAVARS:
        return Kind(type(default), METAVARS[type(default)])
    if Any in parts and (default is None or isinstance(default, str)):
        return Kind(str, METAVARS[str], whole_number)
    raise TypeError(f"no text can say a value of type {hint}")


def one_or_several(texts: list[str]) -> Any:
    """The text, or all of several, as they are: whoever takes them knows how they are read."""
    return texts[0] if len(texts) == 1 else list(texts)


def whole_numbers(texts: list[str]) -> Any:
    """Names, those that are whole numbers as numbers; one alone as itself."""
    return one_or_several([whole_number(text) for text in texts])


def _own_kind(hint: Any) -> Kind | None:
    """The kind that a type carries itself, also where None may be given."""
    if get_origin(hint) is Annotated:
        own = next((part for part in get_args(hint)[1:] if isinstance(part, Kind)), None)
        return own or _own_kind(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return next((own for part in get_args(hint) if (own := _own_kind(part)) is not None), None)
    return None


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


def whole_number(text: str) -> Any:
    """A whole number where the text is one, else the text."""
    return int(text) if text.lstrip("-").isdecimal() else text


def _numbers(number: type, single: bool) -> Callable[[list[str]], Any]:
    """The function that reads ['3', '17,40'] as numbers; with `single`, one number alone comes as itself."""

    def read(texts: list[str]) -> Any:
        try:
            values = [number(text) for text in names(texts)]
        except ValueError:
            raise ValueError(f"this takes {'whole ' * (number is int)}numbers, with commas between them") from None
        return values[0] if single and len(values) == 1 else values

    return read


def _size(text: str) -> Any:
    """'224' or '224x320', height first."""
    numbers = text.lower().replace("×", "x").split("x")
    if not 1 <= len(numbers) <= 2 or not all(number.strip().isdecimal() and int(number) > 0 for number in numbers):
        raise ValueError("a size is a number of pixels, or HEIGHTxWIDTH such as 224x320")
    pixels = tuple(int(number) for number in numbers)
    return pixels[0] if len(pixels) == 1 else pixels
