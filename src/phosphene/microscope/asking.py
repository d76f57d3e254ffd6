"""What a request asks of an instrument: the texts of its query made into arguments, by the instrument's form.

    /api/occlusion.png?network=efficientnet_lite0&images=sample/cat.jpg&target=logits:lynx&window=48

Networks, images and atlases are named as the microscope's lists have them; nothing else is opened, so that a request
can't name a file. Everything else is written as on the command line.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, get_args

from ..atlas.opened import OpenedAtlas
from ..atlas.search.queries import is_of
from ..instrument.command_list import GROUP, Entry, entries, members
from ..instrument.fields import Field, Role
from ..instrument.form import Form, form_of
from ..network import near
from ..picture import Photo
from .library import Library
from .limits import MB, Limits
from .refusals import RefusedError

LIMITS = Limits()
SIZE, SIDES = "PIXELS|HEIGHTxWIDTH", ("size", "side", "tile")  # options that are pixels
ANY_NUMBER = ("seed", "numbers")  # options whose numbers, such as those of images, may be of any size
TRUE, FALSE = ("true", "1", "yes", "on", ""), ("false", "0", "no", "off")


_reading = threading.Lock()  # Python 3.11 can't parse source files in two threads at once


def _commands() -> Mapping[str, Entry]:
    """Every command; read once, since it takes all source files."""
    return _catalogue()[0]


def instruments() -> Mapping[str, Entry]:
    """Every instrument by its name in URLs: those of networks and photos, and those of an atlas as atlas-NAME."""
    return _catalogue()[1]


def _catalogue() -> tuple[Mapping[str, Entry], Mapping[str, Entry]]:
    """All commands, and the instruments among them."""
    with _reading:
        return _read()


@cache
def _read() -> tuple[Mapping[str, Entry], Mapping[str, Entry]]:
    commands = entries()
    own = {entry.command: entry for entry in commands.values() if not entry.written_by_hand}
    of_atlas = {f"{GROUP}-{name}": entry for name, entry in members().items() if not entry.written_by_hand}
    return commands, own | of_atlas


def group_of(name: str) -> str:
    """The title of the group that an instrument stands in."""
    every = _commands()
    return (every[GROUP] if name.startswith(f"{GROUP}-") else every[name]).group


def form(name: str) -> Form:
    """The form of the instrument of that name in URLs. Raises RefusedError where there is none."""
    if name not in instruments():
        raise RefusedError(404, f"there is no instrument {name!r}{near(name, list(instruments()))}; /api lists all")
    return form_of(_function(name))


@cache
def _function(name: str) -> Callable[..., Any]:
    return instruments()[name].function()


@dataclass(frozen=True)
class Question:
    """An instrument and what it is asked: the texts, checked and in order, and how they become arguments.

    Networks and images are opened by `arguments`, which may take long, and so is called where the work is done.
    """

    name: str
    form: Form
    texts: Mapping[str, tuple[str, ...]]  # of the instrument's fields
    drawing: Mapping[str, tuple[str, ...]]  # of its picture's

    def arguments(self, library: Library) -> dict[str, Any]:
        """The arguments of the instrument."""
        given: dict[str, Any] = {}
        for field in self.form.fields:
            if field.role is Role.QUERY and field.name in self.texts:
                atlas = next(value for value in given.values() if isinstance(value, OpenedAtlas))
                given[field.name] = [queried(text, atlas, library) for text in self.texts[field.name]]
            elif field.name in self.texts:
                given[field.name] = opened(field, self.texts[field.name], library)
            elif field.role is Role.NETWORK:
                given[field.name] = library.networks.open(None)
            elif field.role in (Role.IMAGES, Role.PHOTO) and field.required:
                given[field.name] = library.photo(None)
            elif field.role is Role.ATLAS:
                given[field.name] = library.atlases.open(None)
        return given

    def options(self) -> dict[str, Any]:
        """The options of the picture."""
        return {name: plain(self.form[name], texts) for name, texts in self.drawing.items()}

    @property
    def network_names(self) -> tuple[str, ...]:
        """The networks that it names."""
        fields = self.form.of(Role.NETWORK, Role.NETWORKS)
        return tuple(text for field in fields for text in self.texts.get(field.name, ()))

    @property
    def asks_a_network(self) -> bool:
        """Whether it needs one."""
        return bool(self.form.of(Role.NETWORK, Role.NETWORKS))


def question(name: str, given: Mapping[str, Sequence[str]]) -> Question:
    """The question that a request asks. Raises RefusedError for an unknown option and for one that is missing."""
    asked = form(name)
    known = _known(name, given, (*asked.fields, *asked.drawing))
    texts = {field.name: tuple(given[field.name]) for field in asked.fields if given.get(field.name)}
    drawing = {field.name: tuple(given[field.name]) for field in asked.drawing if given.get(field.name)}
    opened_by_default = (Role.NETWORK, Role.IMAGES, Role.PHOTO, Role.ATLAS)
    for field in asked.fields:
        if field.required and field.name not in texts and field.role not in opened_by_default:
            raise RefusedError(422, f"{name} needs {field.name}: {field.help or field.role}")
    for option, values in (*texts.items(), *drawing.items()):
        if known[option].kind is not None and not _names_a_thing(known[option]):
            plain(known[option], values)  # refuses at once what can't be read, before it waits in the queue
    return Question(name, asked, texts, drawing)


def drawing(name: str, given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The options of the picture of a result of that instrument, which is there already. RefusedError for any other."""
    known = _known(f"the picture of {name}", given, form(name).drawing)
    return {option: plain(known[option], tuple(texts)) for option, texts in given.items() if texts}


def _known(what: str, given: Iterable[str], fields: Sequence[Field]) -> dict[str, Field]:
    """The fields by their names. RefusedError for an option that is none of them."""
    known = {field.name: field for field in fields}
    for option in given:
        if option not in known:
            listed = f"; it takes {', '.join(known)}" if known else ""
            raise RefusedError(422, f"{what} has no option {option!r}{near(option, list(known)) or listed}")
    return known


def opened(field: Field, texts: Sequence[str], library: Library) -> Any:
    """The value of a field: what the texts name in the lists, or what they say."""
    match field.role:
        case Role.NETWORK:
            return library.networks.open(texts[0])
        case Role.NETWORKS:
            return [library.networks.open(text) for text in texts]
        case Role.ATLAS:
            return library.atlases.open(texts[0])
        case Role.IMAGES:
            several = photos(texts, library)
            return several[0] if len(several) == 1 else several
        case Role.PHOTO:
            return library.photo(texts[0])
        case Role.SOURCE if (folder := library.images.as_source(texts)) is not None:
            return folder
        case Role.IMAGE_SET | Role.PHOTOS | Role.SOURCE:
            return photos(texts, library)
        case Role.FOLDER if texts[0] == "folder/" and library.images.folder is not None:
            return library.images.folder
        case Role.FOLDER | Role.FOLDERS | Role.FILE:
            raise RefusedError(403, f"{field.name} names a file on the server's disk; ask for it on the command line")
        case Role.RUN:
            raise RefusedError(403, f"{field.name} says how a long run goes; ask for it on the command line")
    if names_a_photo(field):
        return library.photo(texts[0])
    return plain(field, texts)


def photos(texts: Sequence[str], library: Library) -> list[Photo]:
    """The photos that the texts name; no more of them than memory has room for."""
    limits, held = library.images.limits, 0
    opened = []
    for name in photo_names(texts, library):
        opened.append(library.photo(name))
        held += opened[-1].pixels.nbytes
        if held > limits.photos_asked_bytes:
            most = limits.photos_asked_bytes // MB
            raise RefusedError(413, f"these photos take more than {most:,} MB; ask for fewer, or on the command line")
    return opened


def photo_names(texts: Sequence[str], library: Library) -> list[str]:
    """The names of the photos, those of a folder one by one."""
    names = [name for text in texts for name in library.images.expanded(text)]
    most = library.images.limits.photos_asked
    if len(names) > most:
        raise RefusedError(
            413, f"these are {len(names):,} photos, and {most} are the most here; the command line takes more"
        )
    return names


def queried(text: str, atlas: OpenedAtlas, library: Library) -> Any:
    """An image of the atlas by its key or number, or a photo by its name here; never a file."""
    if library.names_a_photo(text):
        return library.photo(text)
    if not is_of(atlas, text):
        raise RefusedError(
            404, f"{text!r} is neither an image of the atlas, by its key or number, nor of this microscope"
        )
    return text


def plain(field: Field, texts: Sequence[str]) -> Any:
    """The value that the texts say, as on the command line. Raises RefusedError in a sentence that names the option."""
    kind = field.kind
    assert kind is not None
    several = get_args(kind.type)
    if len(texts) > 1 and not several:
        raise RefusedError(422, f"{field.name} is asked for once, not {len(texts)} times")
    try:
        if several:
            return bounded(field, kind.convert([_scalar(several[0], text) for text in texts]))
        return bounded(field, kind.convert(_scalar(kind.type, texts[0])))
    except ValueError as error:
        raise RefusedError(422, f"{field.name}={','.join(texts)}: {error}") from None


def bounded(field: Field, value: Any, limits: Limits = LIMITS) -> Any:
    """The value of an option. ValueError for numbers that no picture needs, and that no machine has room for."""
    kind = field.kind
    is_size = (kind is not None and kind.metavar == SIZE) or field.name in SIDES
    most = limits.side if is_size else limits.number
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(each, float) and each - each != 0:
            raise ValueError("it is a finite number")
        if isinstance(each, int) and abs(each) > most and field.name not in ANY_NUMBER:
            raise ValueError(f"{most:,} is the most here{'; the command line takes more' if each > 0 else ''}")
    return value


def _scalar(type: Any, text: str) -> Any:
    if isinstance(type, type_of_types) and issubclass(type, Enum):
        choices = [choice.value for choice in type]
        if text not in choices:
            raise ValueError(f"it is one of {', '.join(choices)}")
        return type(text)
    if type is bool:
        if text.lower() not in (*TRUE, *FALSE):
            raise ValueError("it is true or false")
        return text.lower() in TRUE
    if type is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError("it is a whole number") from None
    if type is float:
        try:
            return float(text)
        except ValueError:
            raise ValueError("it is a number") from None
    return text


type_of_types = type
THINGS = (
    *(Role.NETWORK, Role.NETWORKS, Role.ATLAS),
    *(Role.IMAGES, Role.PHOTO, Role.IMAGE_SET, Role.PHOTOS, Role.SOURCE, Role.QUERY),
)


def _names_a_thing(field: Field) -> bool:
    return field.role in THINGS or names_a_photo(field)


def names_a_photo(field: Field) -> bool:
    """Whether an option takes a photo's file on the command line: on the page, an image's name."""
    return field.kind is not None and field.kind.metavar == "FILE"
