"""What a command line's words and options say, as the arguments of an instrument and of its picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ..instrument.fields import Field, Role
from ..picture import SUFFIXES, files
from . import options as shared
from . import show
from .own_options import ATLAS, NETWORK
from .plan import Plan, own_options


@dataclass(frozen=True)
class Given:
    """The command line's values, each word in its place."""

    plan: Plan
    values: Mapping[str, Any]
    layer: str | None
    photos: list[str]  # that the network is shown

    @property
    def photo(self) -> str | None:
        return self.photos[0] if self.photos else None

    @property
    def is_data_set(self) -> bool:
        """Whether any number of photos is taken, without a layer to look at."""
        return self.plan.several and self.plan.layer is None


def given_of(plan: Plan, values: Mapping[str, Any]) -> Given:
    """The values of a command line, sorted. ValueError for words that are missing or too many."""
    placed = {**values}
    for field in plan.offered.values():
        for former in field.former:
            placed[field.name] = _both(placed[field.name], placed.pop(former))
    _place_photos(plan, placed)
    return Given(plan, placed, *_shown_words(plan, placed))


def _both(first: Any, second: Any) -> Any:
    """What an option has under two names."""
    if first is None or second is None:
        return second if first is None else first
    return [*first, *second] if isinstance(first, list) else first


def _place_photos(plan: Plan, values: dict[str, Any]) -> None:
    """With --class, what stands where a target would is the first of the photos; ValueError where photos are missing.

    A word there that names neither a file nor a folder stays the target.
    """
    field, photos = plan.classes, plan.form.one(Role.PHOTOS)
    if photos is None:
        return
    if field is not None and field.required and values[plan.class_option]:
        first = values[field.name]
        if isinstance(first, str) and (shared.names_a_file(first) or os.path.isdir(first)):
            values[field.name], values[photos.name] = None, [first, *(values[photos.name] or ())]
    values[photos.name] = values[photos.name] or None
    if photos.required and values[photos.name] is None:
        raise ValueError(_missing(plan, photos))


def _missing(plan: Plan, field: Field, more: str = "") -> str:
    name = plan.form.name
    command = (name.replace("_", " ", 1) if plan.atlas else name).replace("_", "-")
    return f"{field.word.upper()} is missing ({field.help}){more}; see 'phosphene {command} --help'"


def _shown_words(plan: Plan, values: Mapping[str, Any]) -> tuple[str | None, list[str]]:
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


def arguments_of(given: Given) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the instrument takes, opened, and what its picture takes."""
    plan, values = given.plan, given.values
    arguments: dict[str, Any] = {}
    if plan.classes is not None:
        arguments[plan.classes.name] = _asked(plan, plan.classes, values)
    networks = plan.form.of(Role.NETWORK, Role.NETWORKS)
    others = [each for each in plan.offered.values() if each is not plan.classes and each.role is not Role.NETWORKS]
    arguments |= {each.name: each.read(values[each.name]) for each in others}
    drawing = {each.name: arguments.pop(each.name) for each in plan.form.drawing}
    if plan.atlas is not None:
        arguments[plan.atlas.name] = _atlas(plan, values)
    if plan.images is not None:
        arguments[plan.images.name] = _images(given)
    if plan.layer is not None:
        arguments[plan.layer.name] = given.layer
    for each in networks:
        how = own_options(plan, values, NETWORK)
        named = values[each.name]
        several = isinstance(named, list)
        opened = [shared.open_network(spec, **how) for spec in (named if several else [named])]
        arguments[each.name] = opened if several else opened[0]
        if plan.needs_layer and given.layer is not None and not several:
            shared.check_layer(opened[0], given.layer, plan.several)
    return arguments, drawing


def _images(given: Given) -> Any:
    """What the network is shown: a photo, opened, or the files of several."""
    if given.is_data_set:
        named = given.photos or [str(Path(shared.shipped_photo()).parent)]
        return [str(file) for file in files(named)]
    many = given.plan.several and (len(given.photos) > 1 or any(map(os.path.isdir, given.photos)))
    return given.photos if many else shared.open_photo(given.photo)


def _asked(plan: Plan, field: Field, values: Mapping[str, Any]) -> Any:
    """The class, target or unit that is asked about, by its word or option and by --class."""
    word = None if field.name == plan.class_option else values.get(field.name)
    words, classes = [word] if isinstance(word, str) else list(word or ()), values[plan.class_option] or []
    is_class = field.role in (Role.LABEL, Role.LABELS)
    asked = [*words, *(classes if is_class else (f"logits:{name}" for name in classes))]
    if not asked:
        if field.required:
            raise ValueError(_missing(plan, field, "; name it, or a class with --class"))
        return field.default
    if len(asked) > 1 and field.role in (Role.LABEL, Role.UNIT):
        what = "class" if is_class else "unit"
        raise ValueError(f"{plan.form.name} asks about one {what} at a time, not {len(asked)}: {', '.join(asked)}")
    if is_class and field.kind is not None:
        return field.kind.convert(asked[0] if field.role is Role.LABEL else asked)
    return asked[0] if len(asked) == 1 else asked


def _atlas(plan: Plan, values: Mapping[str, Any]) -> Any:
    """The atlas: its path, or opened where something was said of its network."""
    assert plan.atlas is not None
    path, how = values[plan.atlas.name], own_options(plan, values, ATLAS)
    trust, spec = how.pop("trust"), how.pop("network")
    if spec is None and any(how.values()):
        raise ValueError(f"--{next(name for name in how if how[name])} is for the network; name it with --network")
    network = None if spec is None else shared.open_network(spec, **how)
    return shared.open_atlas(path, network, trust) if trust or network else path


# ---- the picture's name


def path_of(given: Given, out: Path | None) -> Path:
    """Where the picture goes; its name says what it shows, and names the default network where nothing else would."""
    plan = given.plan
    shown = None if plan.images is None or given.is_data_set else given.photo or shared.shipped_photo()
    words = list(_words(given))
    network = plan.form.one(Role.NETWORK)
    spec = given.values.get("network" if network is None else network.name)  # of an atlas it is the command's own
    spec = spec or (None if given.layer or shown or words else shared.EMBEDDED_NAME)
    return show.target(out, (plan.form.name, spec, given.layer, shown and Path(shown).stem, *words), shown)


def _words(given: Given) -> Iterator[str]:
    """The other words of the command line as parts of a name: the atlas, what must be given, what is asked, and how.

    A file or a folder stands there as its name, without folders on the way to it and without a photo's suffix.
    """
    plan, values = given.plan, given.values
    if plan.atlas is not None:
        yield Path(os.path.abspath(values[plan.atlas.name])).stem
    own = [each for each in plan.offered.values() if each not in plan.form.drawing]
    names = [each.name for each in own if each.required or each.role is Role.PHOTOS]
    names += [each.name for each in own if each.role in (Role.TARGET, Role.UNIT)]
    names += [plan.class_option] * (plan.classes is not None)
    names += [each.name for each in own if each.role in (Role.METHOD, Role.METHODS) and _is_other(each, values)]
    for name in dict.fromkeys(names):
        said = values.get(name)
        for each in said if isinstance(said, (list, tuple)) else [said]:
            if each is not None:
                text = each.value if isinstance(each, Enum) else str(each)
                if os.path.isdir(text):
                    yield Path(os.path.abspath(text)).name
                elif os.path.isfile(text):
                    yield Path(text).stem
                else:
                    yield str(Path(text).with_suffix("")) if Path(text).suffix.lower() in SUFFIXES else text


def _is_other(field: Field, values: Mapping[str, Any]) -> bool:
    """Whether the field has another value than its usual one."""
    return field.kind is not None and values[field.name] != field.kind.shown(field.default)
