"""How a result is made again, written from its account alone: in words, as Python, and as a command.

Options that have their defaults are left out. What Python code built or only Python can hold (a network without a name,
a tensor) stands as `...` in Python and has no command.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .fields import Field, Role
from .form import Form, form_of
from .marking import INSTRUMENTS

EMBEDDED = "efficientnet_lite0"  # what opens where no network is named
OPENED = ("networks", "images")  # groups of an account that hold what has to be opened first
ATLAS = "atlas"


@dataclass(frozen=True)
class Recipe:
    """How a picture is made: in words, as Python, and as a command ('' where there is none)."""

    words: str
    python: str
    command: str


def recipe(account: Mapping[str, Any], **drawing: Any) -> Recipe:
    """How a picture on a page is made, with the options that it was drawn with.

    Its Python is one expression, for a `network`, a second one `against` it and a `photo` that stand open, as a page's
    `script` opens them.
    """
    form = _form(account)
    options = {name: value for name, value in account["options"].items() if not _is_default(form[name], value)}
    words = [f"instrument {form.name}", *(f"{name} {value}" for name, value in {**options, **drawing}.items())]
    names = dict(_network_names(account["networks"])) | dict.fromkeys(account["images"], "photo")
    drawn = ", ".join(f"{name}={_value(value)}" for name, value in drawing.items())
    return Recipe(
        words=", ".join(words) + ".",
        python=f"{_call(form, account, names)}.picture({drawn})",
        command=command_for(account, drawing),
    )


def _network_names(networks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each parameter with the name, or the list of names, of the page's networks that it was given."""
    names = iter(("network", "against"))
    for parameter, given in networks.items():
        chosen = [next(names, "...") for _ in _several(given)]
        yield parameter, f"[{', '.join(chosen)}]" if isinstance(given, (list, tuple)) else chosen[0]


def python_for(account: Mapping[str, Any], drawing: Mapping[str, Any] | None = None) -> str:
    """The lines of Python that make the result and save its picture."""
    form = _form(account)
    lines = ["import phosphene as ph", ""]
    names: dict[str, str] = {}
    for group in OPENED:
        for parameter, given in account[group].items():
            names[parameter] = parameter
            lines.append(f"{parameter} = {_opened(group, given)}")
    if atlas := form.one(Role.ATLAS):
        lines.append(f"atlas = ph.Atlas({account['options'][atlas.name]!r})")
    options = "".join(f", {name}={_value(value)}" for name, value in (drawing or {}).items())
    saved = f'.save("{form.name}.png"{options})' if form.draws else ".to_dict()"
    return "\n".join([*lines, f"{_call(form, account, names)}{saved}"])


def command_for(account: Mapping[str, Any], drawing: Mapping[str, Any] | None = None) -> str:
    """The command that writes the result's picture; '' where the command line can't say what it was made of."""
    form = _form(account)
    networks = [_several(given) for given in account["networks"].values()]
    openings = [each.get("opening") for given in networks for each in given]
    several = len(form.of(Role.NETWORK)) > 1 or bool(form.of(Role.NETWORKS))
    if not all(openings) or (openings and not _says_openings(form, openings, several)):
        return ""
    texts = dict(_texts(form, account, drawing or {}, several))
    if any(each is None for each in texts.values()):
        return ""
    words = [text for field in form.words for text in texts.pop(field.name, None) or ()]
    options = [] if several or not openings else _network_options(openings[0])
    options += [text for each in texts.values() for text in each or ()]
    name = form.name.replace("_", "-")
    return _line([ATLAS, name.removeprefix(f"{ATLAS}-")] if form.one(Role.ATLAS) else [name], words, options)


def _texts(
    form: Form, account: Mapping[str, Any], drawing: Mapping[str, Any], several: bool
) -> Iterator[tuple[str, list[str] | None]]:
    """Each field's name with its words, or with its option and value; None where no text says what it was given."""
    for parameter, given in account["networks"].items():
        yield parameter, [each["opening"]["spec"] for each in _several(given)] if several else []
    for parameter, given in account["images"].items():
        files = _files(given)
        is_word = form[parameter] in form.words
        yield parameter, files if is_word or files is None else [f"--{form[parameter].word}", *files]
    values = {**account["options"], **drawing}
    for field in (*form.fields, *form.drawing):
        value = values.get(field.name)
        if field in form.words:
            if field.name in values:
                yield field.name, [] if value is None else [str(each) for each in _several(value)]
        elif field.name in values:
            yield field.name, _option(field, value)


def command(name: str, account: Mapping[str, Any], options: Sequence[str] = ()) -> str:
    """The command called `name` for the network and the photo of an account; '' where they can't be named."""
    (network,), (photo,) = account["networks"].values(), account["images"].values()
    opening, files = network.get("opening"), _files(photo)
    if not opening or files is None:
        return ""
    return _line([name], files, [*_network_options(opening), *options])


def script(
    account: Mapping[str, Any],
    atlas: str | None = None,
    against: Mapping[str, Any] | None = None,
    images: str | None = None,
) -> str:
    """The lines of Python that open the network and the photo of an account, and write the report.

    `against` is the account of a second network, `images` the source on which both are compared, as
    Python writes it.
    """
    (network,), (photo,) = account["networks"].values(), account["images"].values()
    lines = [
        "import phosphene as ph",
        "",
        f"network = {_opened('networks', network)}",
        f"photo = {_opened('images', photo)}",
    ]
    more = "" if atlas is None else f", atlas={atlas!r}"
    if against is not None:
        (second,) = against["networks"].values()
        lines.append(f"against = {_opened('networks', second)}")
        more += ", against=against" + ("" if images is None else f", images={images}")
    return "\n".join([*lines, f'ph.report(network, photo, "report.html"{more})'])


def _form(account: Mapping[str, Any]) -> Form:
    return form_of(INSTRUMENTS[account["instrument"]])


def _call(form: Form, account: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The call of the instrument; `names` are the variables that hold what was opened, by parameter."""
    arguments = []
    for field in form.fields:
        if field is form.one(Role.ATLAS):  # whose method it is
            continue
        if field.name in names:
            plain = field.required or field.positional
            arguments.append(names[field.name] if plain else f"{field.name}={names[field.name]}")
        elif field.name in account["options"]:
            value = account["options"][field.name]
            if field.required or field.positional:
                arguments.append(_value(value))
            elif not _is_default(field, value):
                arguments.append(f"{field.name}={_value(value)}")
    called = f"atlas.{form.name.removeprefix(f'{ATLAS}_')}" if form.one(Role.ATLAS) else f"ph.{form.name}"
    return f"{called}({', '.join(arguments)})"


def _says_openings(form: Form, openings: Sequence[Mapping[str, Any]], several: bool) -> bool:
    """Whether a command can say how these networks are opened.

    Its options on a network are for all of several, and an option of the instrument's own takes the name.
    """
    options = {name for opening in openings for name in opening if name != "spec"}
    return not (several and options) and not options & {field.name for field in (*form.fields, *form.drawing)}


def _line(name: Sequence[str], words: Sequence[str], options: Sequence[str]) -> str:
    """The command with its words before its options, or after them where a word begins as an option does."""
    plain = not any(word.startswith("-") for word in words)
    return shlex.join(["phosphene", *name, *([*words, *options] if plain else [*options, "--", *words])])


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
        return f"ph.Network(module)  # your {given['class']}"
    how = [f"{name}={value!r}" for name, value in opening.items() if name != "spec"]
    spec = opening["spec"]
    return f"ph.load({', '.join([*([] if spec == EMBEDDED else [repr(spec)]), *how])})"


def _files(given: Any) -> list[str] | None:
    """The files of photos; None where one has none."""
    paths = [each.get("path") for each in _several(given)]
    return paths if all(paths) else None


def _network_options(opening: Mapping[str, Any]) -> list[str]:
    """The options that open a network."""
    words = [] if opening["spec"] == EMBEDDED else ["--network", opening["spec"]]
    return words + [text for name, value in opening.items() if name != "spec" for text in (f"--{name}", str(value))]


def _is_default(field: Field, value: Any) -> bool:
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    return value == default


def _option(field: Field, value: Any) -> list[str] | None:
    """The field's option with its value, as it is written on a command line; [] for its default.

    None where no text says the value: one that is switched off by None or by nothing at all.
    """
    option, kind = f"--{field.word}", field.kind
    if _is_default(field, value):
        return []
    if value is None or value == []:
        return None
    if isinstance(value, bool) and (kind is None or kind.type is bool):
        if value:
            return [option]
        return [f"--no-{option[2:]}"] if field.default is True else None
    if isinstance(value, (list, tuple)) and kind is not None and not kind.several:  # a size
        return [option, "x".join(map(str, value))]
    return [text for one in _several(value) for text in (option, str(one))]


def _value(value: Any) -> str:
    """A value of an account as Python reads it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value) if not isinstance(value, float) or math.isfinite(value) else f"float('{value}')"
