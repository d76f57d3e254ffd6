"""What an instrument asks for and gives, described once, from its signature, its types and its docstring.

A face reads the form and never the function: the command line makes words and options of its fields, a page its
controls, `again` knows by it what to open. Nothing here knows a face.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from .docstring import described
from .fields import REQUIRED, Field, Role
from .former_names import former
from .kinds import Kind, kind_of, one_or_several, whole_number, whole_numbers
from .marking import result_kind
from .result import Result
from .roles import role_of
from .texts import names

KINDS: Mapping[Role, Kind] = {  # of roles whose Python types say more than text can
    Role.TARGET: Kind(list[str], "ADDRESS", list),
    Role.UNIT: Kind(str, "ADDRESS"),
    Role.LAYER: Kind(str, "LAYER"),
    Role.LAYERS: Kind(list[str], "LAYER,LAYER,…", names),
    Role.LABEL: Kind(str, "NAME|NUMBER", whole_number),
    Role.LABELS: Kind(list[str], "NAME|NUMBER", whole_numbers),
    Role.METHODS: Kind(list[str], "METHOD,METHOD,…", one_or_several),
    Role.PHOTOS: Kind(list[str], "PHOTO", list),
    Role.SOURCE: Kind(list[str], "SOURCE", one_or_several),
    Role.QUERY: Kind(list[str], "IMAGE", list),
    Role.FOLDER: Kind(str, "FOLDER"),
    Role.FOLDERS: Kind(list[str], "FOLDER,FOLDER,…", names),
    Role.FILE: Kind(str, "FILE"),
}
# whoever calls opens these
OPENED = (Role.NETWORK, Role.NETWORKS, Role.IMAGES, Role.IMAGE_SET, Role.ATLAS)


@dataclass(frozen=True)
class Form:
    """An instrument as its faces see it."""

    name: str
    function: Callable[..., Any]
    line: str  # what it gives, in one line
    details: str
    fields: tuple[Field, ...]
    drawing: tuple[Field, ...]  # options of its result's picture
    draws: bool  # whether its result has a picture
    pages: bool  # whether its result can be written as a folder with a page to zoom into
    stepwise: bool  # whether it gives its result step by step
    films: bool  # whether each step has a frame to show

    def of(self, *roles: Role) -> tuple[Field, ...]:
        """The fields of these roles, in the order of the signature."""
        return tuple(field for field in self.fields if field.role in roles)

    def one(self, *roles: Role) -> Field | None:
        """The first field of these roles, if there is one."""
        return next(iter(self.of(*roles)), None)

    @property
    def images(self) -> Field | None:
        """The images that the question is about, where a line of text has a word for them: the network's, or the only
        photo that must be given.
        """
        needed = [field for field in self.of(Role.PHOTO) if field.required]
        return self.one(Role.IMAGES, Role.IMAGE_SET) or (needed[0] if len(needed) == 1 else None)

    @property
    def layer(self) -> Field | None:
        """The layer that the question is about, where a line of text has a word for it.

        None where a target names it, for an atlas, which knows its own layers, and for two networks, each with a layer.
        """
        layers, asked = self.of(Role.LAYER), self.one(Role.TARGET, Role.UNIT)
        if len(layers) != 1 or self.one(Role.ATLAS) or (asked is not None and asked.required):
            return None
        return layers[0]

    @property
    def words(self) -> tuple[Field, ...]:
        """The fields that stand as words by themselves in a line of text, in their order; the others are options."""
        asked = self.one(Role.TARGET, Role.UNIT)
        first = [field for field in (self.layer,) if field is not None and field.required]
        # any number of images would leave no word for a later target
        if asked is not None and asked.required and self.images in self.of(Role.IMAGE_SET):
            first.append(asked)
        first += [field for field in (self.images, self.layer) if field is not None and field not in first]
        return (*first, *(field for field in self.fields if field not in first and self._is_word(field)))

    def _is_word(self, field: Field) -> bool:
        if field.role is Role.NETWORK:
            return len(self.of(Role.NETWORK)) > 1
        if field.role is Role.SOURCE and self.one(Role.NETWORKS):  # two lists of words could not be told apart
            return False
        return field.required or field.role in (Role.PHOTOS, Role.FOLDER)

    def __getitem__(self, name: str) -> Field:
        """The field of that name. LookupError where there is none."""
        for field in (*self.fields, *self.drawing):
            if field.name == name:
                return field
        raise LookupError(f"{self.name} has no option {name!r}")


@cache
def form_of(function: Callable[..., Any]) -> Form:
    """The form of an instrument. TypeError for a parameter whose type no face could ask for."""
    says, result = described(function), result_kind(function)
    fields = tuple(_fields(function, says.parameters))
    parameter_names = {field.name for field in fields}
    drawing: tuple[Field, ...] = ()
    if result is not None:
        method = result.sheet
        drawing = tuple(
            field for field in _fields(method, described(method).parameters) if field.name not in parameter_names
        )
    return Form(
        name=function.__name__,
        function=function,
        line=says.line,
        details=says.details,
        fields=fields,
        drawing=drawing,
        draws=result is not None and result.sheet is not Result.sheet,
        pages=hasattr(result, "zoomable"),
        stepwise=hasattr(function, "steps"),
        films=hasattr(function, "steps") and callable(getattr(result, "frame", None)),
    )


def _fields(function: Callable[..., Any], helps: Mapping[str, str]) -> Iterator[Field]:
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = hints.get(name, Any)
        role = role_of(hint)
        needed = parameter.default is REQUIRED
        kind = None if role in OPENED else KINDS.get(role) or kind_of(hint, None if needed else parameter.default)
        default = None if needed and _takes_none(hint) else parameter.default
        yield Field(name, role, helps.get(name, ""), default, kind, former(function.__name__, name), needed)


def _takes_none(hint: Any) -> bool:
    """Whether None may be given, so that a face need not ask."""
    return get_origin(hint) in (Union, UnionType) and type(None) in get_args(hint)
