"""How each picture is made again, as a line of Python and as a command.

Both are written from the result's own account, so they hold what was really asked for; options that were not given are
left out. A network that Python code built has no command, only the line of Python.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..network import Network
from ..picture import Photo
from .fields import Role
from .form import Form, form_of
from .marking import INSTRUMENTS

EMBEDDED = "efficientnet_lite0"  # what opens where no network is named


@dataclass(frozen=True)
class Made:
    """How a picture was made: in words, in Python, and as a command ('' where there is none)."""

    words: str
    python: str
    command: str


def spelled(account: Mapping[str, Any], network: Network, photo: Photo | None = None, **drawing: Any) -> Made:
    """How a picture is made again, by its result's account and the options that it was drawn with.

    `network` and `photo` are those that the account names.
    """
    form = form_of(INSTRUMENTS[account["instrument"]])
    changed = {name: value for name, value in account["options"].items() if value != _default(form, name)}
    photo = photo if account["images"] else None
    words = [f"instrument {form.name}", *(f"{name} {value}" for name, value in {**changed, **drawing}.items())]
    first = [
        changed.pop(each.name)
        for each in form.fields
        if each.name in changed and (each.required or each.role is Role.LAYER)
    ]
    arguments = ["network", *(["photo"] if photo else []), *map(repr, first), *_keywords(changed)]
    return Made(
        words=", ".join(words) + ".",
        python=f"ph.{form.name}({', '.join(arguments)}).picture({', '.join(_keywords(drawing))})",
        command=command(network, form.name, first, photo, {**changed, **drawing}),
    )


def _default(form: Form, name: str) -> Any:
    """A parameter's default as an account has it."""
    default = form[name].default
    return list(default) if isinstance(default, tuple) else default


def command(
    network: Network, name: str, first: Sequence[Any], photo: Photo | None, options: Mapping[str, Any] | None = None
) -> str:
    """The command for a network that a name opens and a photo that is a file; the words `first` come before it."""
    if network.spec is None or (photo is not None and photo.path is None):
        return ""
    words = ["phosphene", name.replace("_", "-"), *map(str, first), *([str(photo.path)] if photo else [])]
    if network.spec != EMBEDDED:
        words += ["--network", network.spec]
    if head := network.opening.get("head"):
        words += ["--head", head]
    for option, value in (options or {}).items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [f"--{option.replace('_', '-')}", str(one)]
    return shlex.join(words)


def script(network: Network, photo: Photo, atlas: str | None = None) -> str:
    """The lines of Python that open the network and the photo and write the report."""
    spec = network.spec
    how = [
        *([] if spec == EMBEDDED else [repr(spec)]),
        *_keywords({k: v for k, v in network.opening.items() if k == "head"}),
    ]
    opened = f"ph.load({', '.join(how)})" if spec else "ph.Network(module)  # yours"
    read = repr(photo.path) if photo.path else "..."
    lines = ["import phosphene as ph", "", f"network = {opened}", f"photo = ph.read({read})"]
    more = "" if atlas is None else f", atlas={atlas!r}"
    return "\n".join([*lines, f'ph.report(network, photo, "report.html"{more})'])


def _keywords(options: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in options.items()]
