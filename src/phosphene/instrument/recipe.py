"""How a result is made again, written from its account alone: as lines of Python, and as a command.

Options that have their defaults are left out. What Python code built or only Python can hold (a network without a name,
a tensor) stands there as `...` and has no command.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from .fields import Field, Role
from .form import Form, form_of
from .marking import INSTRUMENTS
from .spelling import EMBEDDED

OPENED = ("networks", "images")
ATLAS = "atlas"


def python_for(account: Mapping[str, Any], drawing: Mapping[str, Any] | None = None) -> str:
    """The lines of Python that make the result and save its picture."""
    form = _form(account)
    lines = ["import phosphene as ph", ""]
    names: dict[str, str] = {}
    for group in OPENED:
        for parameter, given in account[group].items():
            names[parameter] = parameter
            lines.append(f"{parameter} = {_opened(group, given)}")
    arguments = []
    for field in form.fields:
        if field.name in names:
            arguments.append(names[field.name] if field.required else f"{field.name}={names[field.name]}")
            continue
        value = account["options"].get(field.name)
        if field.role is Role.ATLAS:
            lines.append(f"atlas = ph.Atlas({value!r})")
        elif field.required:
            arguments.append(repr(value))
        elif not _is_default(field, value):
            arguments.append(f"{field.name}={value!r}")
    method = form.name.removeprefix(f"{ATLAS}_")
    called = f"atlas.{method}" if form.one(Role.ATLAS) else f"ph.{form.name}"
    options = "".join(f", {name}={value!r}" for name, value in (drawing or {}).items())
    saved = f'.save("{form.name}.png"{options})' if form.draws else ".to_dict()"
    return "\n".join([*lines, f"{called}({', '.join(arguments)}){saved}"])


def command_for(account: Mapping[str, Any], drawing: Mapping[str, Any] | None = None) -> str:
    """The command that writes the result's picture; '' where the command line can't name what it was made of."""
    form = _form(account)
    files = [_files(given) for given in account["images"].values()]
    openings = [each.get("opening") for given in account["networks"].values() for each in _several(given)]
    if any(names is None for names in files) or not all(openings):
        return ""
    options = {name: value for name, value in account["options"].items() if value is not None}
    atlas = form.one(Role.ATLAS)
    name = form.name.replace("_", "-")
    words = ["phosphene", *(["atlas", name.removeprefix(f"{ATLAS}-")] if atlas else [name])]
    if atlas:
        words.append(str(options.pop(atlas.name)))
    words += [file for names in files if names for file in names]
    first = [field for field in form.fields if field.name in options and (field.required or field.role is Role.LAYER)]
    for field in first:
        words += [str(value) for value in _several(options.pop(field.name))]
    words += _network_words(form, openings)
    for field in (*form.fields, *form.drawing):
        value = {**options, **(drawing or {})}.get(field.name)
        if value is not None and not _is_default(field, value):
            words += _option(field, value)
    return shlex.join(words)


def _form(account: Mapping[str, Any]) -> Form:
    return form_of(INSTRUMENTS[account["instrument"]])


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _opened(group: str, given: Any) -> str:
    """What opens a network or a photo, or each of several."""
    if isinstance(given, list):
        return f"[{', '.join(_opened(group, each) for each in given)}]"
    if group == "images":
        path = given.get("path")
        return f"ph.read({path!r})" if path else "...  # the image"
    opening = given.get("opening")
    if not opening:
        return f"ph.Network(...)  # your {given['class']}"
    how = [f"{name}={value!r}" for name, value in opening.items() if name != "spec"]
    spec = opening["spec"]
    return f"ph.load({', '.join([*([] if spec == EMBEDDED and not how else [repr(spec)]), *how])})"


def _files(given: Any) -> list[str] | None:
    """The files of photos; None where one has none."""
    paths = [each.get("path") for each in _several(given)]
    return paths if all(paths) else None


def _network_words(form: Form, openings: list[Any]) -> Iterator[str] | list[str]:
    if form.one(Role.NETWORKS):
        return [opening["spec"] for opening in openings]
    if not openings:
        return []
    opening = openings[0]
    words = [] if opening["spec"] == EMBEDDED else ["--network", opening["spec"]]
    return words + [text for name, value in opening.items() if name != "spec" for text in (f"--{name}", str(value))]


def _is_default(field: Field, value: Any) -> bool:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    return value == default


def _option(field: Field, value: Any) -> list[str]:
    option = f"--{field.word}"
    if isinstance(value, bool):
        return [option if value else f"--no-{option[2:]}"]
    return [text for one in _several(value) for text in (option, str(one))]
