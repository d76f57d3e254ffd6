"""An instrument's command: it opens the network, reads the photo, runs the instrument, and writes or prints the result.

The result is written as a picture, some also as a folder with a page, or printed as JSON. The instrument's parameters
are options, and so are those of its result's `picture(...)`; the command line adds its own for the network and for the
output.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..instrument.form import Field, Form, form_of
from ..instrument.kinds import kind_of
from ..instrument.roles import Role
from ..picture import SUFFIXES, files
from . import options as shared
from . import show, stepping
from .added_options import ATLAS, NETWORK, OUTPUT
from .command import as_sentence, converted, option, sign, word

PICTURE = "Picture"


def instrument_command(function: Callable[..., Any]) -> Callable[..., None]:
    """The function that a command line for this instrument runs: arguments as text in, a picture or JSON out."""
    plan = _plan(function)

    def command(**values: Any) -> None:
        _run(plan, values)

    command.__doc__ = function.__doc__
    sign(command, list(plan.parameters.values()))
    return command


# ---- the plan


@dataclass
class _Plan:
    """How the words and options of a command line become the arguments of an instrument and of its picture.

    The photo and the layer are words, and so is whatever else the instrument can't do without.
    """

    form: Form
    parameters: dict[str, inspect.Parameter] = field(default_factory=dict)  # of the command
    offered: dict[str, Field] = field(default_factory=dict)  # of them, the instrument's and its picture's own options
    photo: str | None = None  # the parameter that takes the photo
    several: bool = False  # whether it takes several photos, and folders
    layer: str | None = None  # the parameter that takes the layer
    needs_layer: bool = False

    @property
    def opens(self) -> bool:
        """Whether the options on weights and device are for its networks."""
        return bool(self.form.of(Role.NETWORK, Role.NETWORKS))

    def add(self, name: str, annotation: Any, default: Any) -> None:
        """A word or option of the command line's own, unless the instrument has taken the name."""
        keyword = inspect.Parameter.KEYWORD_ONLY
        self.parameters.setdefault(name, inspect.Parameter(name, keyword, default=default, annotation=annotation))

    def offer(self, field: Field, panel: str | None = None) -> None:
        """An option for a field of the instrument or of its picture; a word for what must be given."""
        self.offered[field.name] = field
        self.parameters[field.name] = word(field) if field.required else option(field, panel)


def _plan(function: Callable[..., Any]) -> _Plan:
    form = form_of(function)
    plan = _Plan(form)
    _words(plan)
    for each in form.fields:
        if each.role is Role.NETWORK:
            plan.add(each.name, shared.Spec, None)
        elif each.role is Role.NETWORKS:
            plan.parameters[each.name] = word(replace(each, kind=kind_of(Sequence[str])))
        elif each.role is Role.ATLAS:
            plan.add(each.name, shared.AtlasWord, inspect.Parameter.empty)
        elif each.name not in plan.parameters:
            plan.offer(each)
    target = form.one(Role.TARGET, Role.UNIT)
    if target is not None and target.name == "target" and not target.required:
        plan.add("classes", shared.ClassNames, None)
    for each in form.drawing:
        plan.offer(each, PICTURE)
    if form.films:
        plan.add("film", stepping.Film, None)
    added = (NETWORK if plan.opens else ATLAS if form.one(Role.ATLAS) else {}) | OUTPUT
    if form.pages:
        added["out"] = (show.PageOut, None)
    for name, (annotation, default) in added.items():
        plan.add(name, annotation, default)
    return plan


def _words(plan: _Plan) -> None:
    """The positional words: the photo and the layer, which comes first where it must be given."""
    form = plan.form
    photo, layer = form.one(Role.IMAGES, Role.IMAGE_SET), form.one(Role.LAYER)
    needed = [each for each in form.of(Role.PHOTO) if each.required]
    photo = needed[0] if photo is None and len(needed) == 1 else photo
    target = form.one(Role.TARGET, Role.UNIT)
    if (target is not None and target.required) or form.one(Role.ATLAS):  # the target is the word then; an atlas
        layer = None  # knows its own layers
    plan.photo = None if photo is None else photo.name
    plan.layer = None if layer is None else layer.name
    plan.needs_layer = layer is not None and layer.required
    plan.several = photo is not None and photo.role is Role.IMAGE_SET
    argument = typer.Argument(
        metavar="LAYER",
        autocompletion=shared.complete_layer,
        help=as_sentence((layer and layer.help) or "which layer"),
        show_default=False,
    )
    if layer is not None and layer.required:
        plan.add(layer.name, Annotated[str, argument], inspect.Parameter.empty)
    if photo is not None:
        word = (shared.PhotosWord if layer else shared.ImagesWord) if plan.several else shared.PhotoWord
        plan.add(photo.name, word, None)
    if layer is not None:
        plan.add(layer.name, Annotated[str | None, argument], None)


# ---- the run


def _run(plan: _Plan, values: Mapping[str, Any]) -> None:
    layer, photos = _given_words(plan, values)
    photo = photos[0] if photos else None
    output = _command_values(plan, values, OUTPUT)
    as_json = output["json"] or not plan.form.draws
    stepping.check_film(values.get("film"))
    path = page = None
    if plan.form.pages and show.is_page(output["out"]):
        page = output["out"]
    elif output["out"] or not as_json:
        path = _path(plan, output["out"], values, layer, photo)
        show.check_saving(path, output["theme"], output["scale"])

    arguments: dict[str, Any] = {"atlas": _atlas(plan, values)} if "atlas" in values else {}
    if plan.photo is not None:
        if plan.several and not plan.layer:  # a data set
            value = photos or [str(Path(shared.shipped_photo()).parent)]
            arguments[plan.photo] = [str(file) for file in files(value)]
        else:
            many = plan.several and (len(photos) > 1 or any(map(os.path.isdir, photos)))
            arguments[plan.photo] = photos if many else shared.open_photo(photo)
    if plan.layer:
        arguments[plan.layer] = layer
    for each in plan.form.of(Role.NETWORK, Role.NETWORKS):
        value, how = values[each.name], _command_values(plan, values, NETWORK)
        several = isinstance(value, list)
        opened = [shared.open_network(spec, **how) for spec in (value if several else [value])]
        arguments[each.name] = opened if several else opened[0]
    network = plan.form.one(Role.NETWORK)
    if plan.needs_layer and layer is not None and network is not None:
        shared.check_layer(arguments[network.name], layer, plan.several)
    options = {
        name: converted(name, each.kind, values[name]) for name, each in plan.offered.items() if name not in arguments
    }
    if "target" in options:
        value = options["target"]
        options["target"] = shared.target_of([value] if isinstance(value, str) else value, values.get("classes"))
    drawing = {each.name: options.pop(each.name) for each in plan.form.drawing}

    if plan.form.stepwise:
        result = stepping.last_result(plan.form.function, {**arguments, **options}, values.get("film"))
    else:
        with show.working(plan.form.name):
            result = plan.form.function(**arguments, **options)
    for sentence in result.notes:
        show.note(sentence)
    if as_json:
        show.print_json(result.to_dict())
    elif (table := result.table()) is not None:
        show.print_table(table)
    if page is not None:
        with show.working(f"writing {page}"):
            written = result.zoomable(page)
        show.print_path(written, output["open"], quiet=as_json)
    if path is not None:
        with show.working(f"drawing {path}"):
            picture = result.picture(**drawing)
        show.save(picture, path, output["theme"], output["scale"], output["open"], quiet=as_json)


def _atlas(plan: _Plan, values: Mapping[str, Any]) -> Any:
    """The atlas: its path, or opened where something was said of its network."""
    how = _command_values(plan, values, ATLAS)
    trust, spec = how.pop("trust"), how.pop("network")
    if spec is None and any(how.values()):
        raise ValueError(f"--{next(name for name in how if how[name])} is for the network; name it with --network")
    network = None if spec is None else shared.open_network(spec, **how)
    return shared.open_atlas(values["atlas"], network, trust) if trust or network else values["atlas"]


def _given_words(plan: _Plan, values: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The layer and the photos that are named, in whichever order; more than one photo only where several are taken."""
    layer, photo = values.get(plan.layer or ""), values.get(plan.photo or "")
    if plan.several and plan.layer:
        return shared.layer_and_photos((layer, *(photo or ())))
    if plan.several:
        return None, list(photo or ())
    if plan.photo is not None and plan.layer:
        layer, photo = shared.sorted_words((layer, photo), plan.needs_layer)
    return layer, [] if photo is None else [photo]


def _path(plan: _Plan, out: Path | None, values: Mapping[str, Any], layer: str | None, photo: str | None) -> Path:
    """Where the picture goes; its name says what it shows, and names the default network where nothing else would."""
    data_set = plan.several and not plan.layer
    source_photo = None if plan.photo is None or data_set else photo or shared.shipped_photo()
    layer = layer if plan.layer else None
    words = list(_words_of_call(plan, values))
    network = values.get("network") or (None if layer or source_photo or words else shared.EMBEDDED_NAME)
    return show.target(
        out, (plan.form.name, network, layer, source_photo and Path(source_photo).stem, *words), source_photo
    )


def _words_of_call(plan: _Plan, values: Mapping[str, Any]) -> Iterator[str]:
    """The other words of the command line as parts of a name: the atlas, what must be given, what is asked, and how.

    A file or a folder stands there as its name, without folders on the way to it and without a photo's suffix.
    """
    if "atlas" in values:
        yield Path(os.path.abspath(values["atlas"])).stem
    needed = [name for name, each in plan.offered.items() if each.required]
    drawn = [each.name for each in plan.form.drawing]
    option_names = [name for name in ("target", "classes") if name not in drawn]  # a picture's `classes` are colours
    if "method" in plan.offered and values["method"] != plan.parameters["method"].default:
        option_names.append("method")
    for name in dict.fromkeys((*needed, *option_names)):
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


def _command_values(plan: _Plan, values: Mapping[str, Any], names: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The command line's own options; their defaults where the instrument has taken the name for itself."""
    return {
        name: default if name in plan.offered else values.get(name, default) for name, (_, default) in names.items()
    }
