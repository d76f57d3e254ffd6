"""From the words and options of a command line to the arguments of an instrument and of its picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ...instrument.fields import Field, Role
from ...picture import SUFFIXES, files
from .. import options as shared
from .. import terminal as show
from .added_options import ATLAS, NETWORK
from .plan import Plan, added_values


@dataclass(frozen=True)
class Call:
    """The command line's values, each word in its place."""

    plan: Plan
    values: Mapping[str, Any]
    layer: str | None
    photos: list[str]  # for the network

    @property
    def photo(self) -> str | None:
        return self.photos[0] if self.photos else None

    @property
    def is_data_set(self) -> bool:
        """Whether any number of photos is taken, without a layer to look at."""
        return self.plan.several and self.plan.layer is None


def call_of(plan: Plan, values: Mapping[str, Any]) -> Call:
    """The values of a command line, sorted. ValueError for words that are missing or too many."""
    sorted_values = {**values}
    for field in plan.offered.values():
        for former in field.former:
            sorted_values[field.name] = _both(sorted_values[field.name], sorted_values.pop(former))
    _place_photos(plan, sorted_values)
    return Call(plan, sorted_values, *_layer_and_photos(plan, sorted_values))


def _both(first: Any, second: Any) -> Any:
    """The value of an option with two names."""
    if first is None or second is None:
        return second if first is None else first
    return [*first, *second] if isinstance(first, list) else first


def _place_photos(plan: Plan, values: dict[str, Any]) -> None:
    """The target and the photos, in whichever order they are named; ValueError if photos are missing.

    With --class, the word in the target's place is the first photo, if it names a file or a folder. Without, such a
    word changes places with the one word among the photos that names neither.
    """
    field, photos = plan.classes, plan.form.one(Role.PHOTOS) or (plan.images if plan.several else None)
    if photos is None:
        return
    named = list(values[photos.name] or ())
    if field is not None and field.required:
        first = values[field.name]
        if isinstance(first, str) and _is_photo(first):
            others = [word for word in named if not _is_photo(word)]
            if values[plan.class_option]:
                values[field.name], named = None, [first, *named]
            elif len(others) == 1:
                named.remove(others[0])
                values[field.name], named = others[0], [first, *named]
    values[photos.name] = named or None
    if photos.role is Role.PHOTOS and photos.required and not named:
        raise ValueError(_missing(plan, photos))


def _is_photo(word: str) -> bool:
    """Whether the word names a photo's file or a folder."""
    return shared.names_a_file(word) or os.path.isdir(word)


def _missing(plan: Plan, field: Field, more: str = "") -> str:
    name = plan.form.name
    command = (name.replace("_", " ", 1) if plan.atlas else name).replace("_", "-")
    return f"{field.word.upper()} is missing ({field.help}){more}; see 'phosphene {command} --help'"


def _layer_and_photos(plan: Plan, values: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The layer and the photos that are named, in whichever order; more than one photo only where several are taken."""
    layer = values.get(plan.layer.name) if plan.layer else None
    photo = values.get(plan.images.name) if plan.images else None
    if plan.several and plan.layer:
        return shared.layer_and_photos((layer, *(photo or ())))
    if plan.several:
        return None, list(photo or ())
    if plan.images is not None and plan.layer:
        layer, photo = shared.sorted_words((layer, photo), plan.needs_layer)
    return layer, [] if photo is None else [photo]


# ---- the arguments


def arguments_of(call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the instrument, opened, and those of its picture."""
    plan, values = call.plan, call.values
    arguments: dict[str, Any] = {}
    if plan.classes is not None:
        arguments[plan.classes.name] = _question(plan, plan.classes, values)
    networks = plan.form.of(Role.NETWORK, Role.NETWORKS)
    others = [each for each in plan.offered.values() if each is not plan.classes and each.role is not Role.NETWORKS]
    arguments |= {each.name: each.read(values[each.name]) for each in others}
    drawing = {each.name: arguments.pop(each.name) for each in plan.form.drawing}
    if plan.atlas is not None:
        arguments[plan.atlas.name] = _atlas(plan, values)
    if plan.images is not None:
        arguments[plan.images.name] = _images(call)
    if plan.layer is not None:
        arguments[plan.layer.name] = call.layer
    for each in networks:
        how = added_values(plan, values, NETWORK)
        specs = values[each.name]
        several = isinstance(specs, list)
        opened = [shared.open_network(spec, **how) for spec in (specs if several else [specs])]
        arguments[each.name] = opened if several else opened[0]
        if plan.needs_layer and call.layer is not None and not several:
            shared.check_layer(opened[0], call.layer, plan.several)
    return arguments, drawing


def _images(call: Call) -> Any:
    """What the network gets: a photo, opened, or the files of several."""
    if call.is_data_set:
        paths = call.photos or [str(Path(shared.shipped_photo()).parent)]
        return [str(file) for file in files(paths)]
    many = call.plan.several and (len(call.photos) > 1 or any(map(os.path.isdir, call.photos)))
    return call.photos if many else shared.open_photo(call.photo)


def _question(plan: Plan, field: Field, values: Mapping[str, Any]) -> Any:
    """The class, target or unit of the question, from its word or option and from --class."""
    word = None if field.name == plan.class_option else values.get(field.name)
    words, classes = [word] if isinstance(word, str) else list(word or ()), values[plan.class_option] or []
    is_class = field.role in (Role.LABEL, Role.LABELS)
    names = [*words, *(classes if is_class else (f"logits:{name}" for name in classes))]
    if not names:
        if field.required:
            raise ValueError(_missing(plan, field, "; name it, or a class with --class"))
        return field.default
    if len(names) > 1 and field.role in (Role.LABEL, Role.UNIT):
        what = "class" if is_class else "unit"
        raise ValueError(f"{plan.form.name} asks about one {what} at a time, not {len(names)}: {', '.join(names)}")
    if is_class and field.kind is not None:
        return field.kind.convert(names[0] if field.role is Role.LABEL else names)
    return names[0] if len(names) == 1 else names


def _atlas(plan: Plan, values: Mapping[str, Any]) -> Any:
    """The atlas: its path, or opened where the command line says something about its network."""
    assert plan.atlas is not None
    path, how = values[plan.atlas.name], added_values(plan, values, ATLAS)
    trust, spec = how.pop("trust"), how.pop("network")
    if spec is None and any(how.values()):
        raise ValueError(f"--{next(name for name in how if how[name])} is for the network; name it with --network")
    network = None if spec is None else shared.open_network(spec, **how)
    return shared.open_atlas(path, network, trust) if trust or network else path


# ---- the picture's name


def path_of(call: Call, out: Path | None) -> Path:
    """Where the picture goes; its name says what it shows, and names the default network where nothing else would."""
    plan = call.plan
    photo = None if plan.images is None or call.is_data_set else call.photo or shared.shipped_photo()
    words = list(_words(call))
    network = plan.form.one(Role.NETWORK)
    spec = call.values.get("network" if network is None else network.name)  # of an atlas it is the command's own
    spec = spec or (None if call.layer or photo or words else shared.EMBEDDED_NAME)
    return show.target(out, (plan.form.name, spec, call.layer, photo and Path(photo).stem, *words), photo)


def _words(call: Call) -> Iterator[str]:
    """The other words of the command line as parts of a name: the atlas, what must be given, what is asked, and how.

    A file or a folder stands there as its name, without folders on the way to it and without a photo's suffix.
    """
    plan, values = call.plan, call.values
    if plan.atlas is not None:
        yield Path(os.path.abspath(values[plan.atlas.name])).stem
    fields = [each for each in plan.offered.values() if each not in plan.form.drawing]
    names = [each.name for each in fields if each.required or each.role is Role.PHOTOS]
    names += [each.name for each in fields if each.role in (Role.TARGET, Role.UNIT)]
    names += [plan.class_option] * (plan.classes is not None)
    names += [each.name for each in fields if each.role in (Role.METHOD, Role.METHODS) and _is_other(each, values)]
    for name in dict.fromkeys(names):
        value = values.get(name)
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if each is not None:
                text = each.value if isinstance(each, Enum) else str(each)
                if os.path.isdir(text):
                    yield Path(os.path.abspath(text)).name
                elif os.path.isfile(text):
                    yield Path(text).stem
                else:
                    yield str(Path(text).with_suffix("")) if Path(text).suffix.lower() in SUFFIXES else text


def _is_other(field: Field, values: Mapping[str, Any]) -> bool:
    """Whether the field's value differs from its default."""
    return field.kind is not None and values[field.name] != field.kind.default_of(field.default)
