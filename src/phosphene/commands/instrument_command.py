"""An instrument's command: it opens the network, reads the photo, runs the instrument, and writes or prints the result.

The result is written as a picture, some also as a folder with a page, or printed as JSON. The instrument's parameters
are options, and so are those of its result's `picture(...)`; the command line adds its own for the network and for the
output.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from ..picture import SUFFIXES
from . import options as shared
from . import show, stepping
from .command import option, sign, word
from .described import as_sentence, described
from .values import Kind, kind_of

PICTURE = "Picture"
PHOTOS = ("photo", "image", "images")  # what instruments call the parameter that takes the photo

# The command line's own options: how each is written, and its default.
NETWORK: dict[str, tuple[Any, Any]] = {
    "architecture": (shared.Architecture, None),
    "weights": (shared.Weights, None),
    "seed": (shared.Seed, 0),
    "head": (shared.Head, None),
    "device": (shared.Device, None),
}
ATLAS: dict[str, tuple[Any, Any]] = {
    "network": (shared.AtlasSpec, None),
    "architecture": (shared.Architecture, None),
    "weights": (shared.Weights, None),
    "device": (shared.Device, None),
    "trust": (shared.Trust, False),
}
OUTPUT: dict[str, tuple[Any, Any]] = {
    "out": (show.Out, None),
    "theme": (show.Theme, show.ThemeName.light),
    "scale": (show.Scale, None),
    "json": (show.Json, False),
    "open": (show.Open, False),
}


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

    function: Callable[..., Any]
    parameters: dict[str, inspect.Parameter] = field(default_factory=dict)  # of the command
    kinds: dict[str, Kind] = field(default_factory=dict)  # of the instrument's and its picture's own options
    networks: list[str] = field(default_factory=list)  # parameters that take a network
    photo: str | None = None  # the parameter that takes the photo
    several: bool = False  # whether it takes several photos, and folders
    layer: bool = False
    needs_layer: bool = False
    drawing: list[str] = field(default_factory=list)  # options of the picture
    draws: bool = False
    pages: bool = False  # whether its result can also be written as a folder with a page
    stepwise: bool = False  # whether it gives its result step by step

    @property
    def opens(self) -> list[str]:
        """The networks that the options on weights and device are for."""
        return [name for name in self.networks if name in ("network", "networks")]

    def add(self, name: str, annotation: Any, default: Any) -> None:
        """A word or option of the command line's own, unless the instrument has taken the name."""
        keyword = inspect.Parameter.KEYWORD_ONLY
        self.parameters.setdefault(name, inspect.Parameter(name, keyword, default=default, annotation=annotation))

    def offer(self, parameter: inspect.Parameter, hint: Any, text: str, panel: str | None = None) -> None:
        """An option for a parameter of the instrument or of its picture."""
        kind = self.kinds[parameter.name] = kind_of(hint, parameter.default)
        if parameter.default is inspect.Parameter.empty:
            self.parameters[parameter.name] = word(parameter, kind, text)
        else:
            self.parameters[parameter.name] = option(parameter, kind, text, panel)


def _plan(function: Callable[..., Any]) -> _Plan:
    from ..instrument import result_kind

    plan = _Plan(function)
    parameters, hints, helps = _named(function), get_type_hints(function), described(function).parameters
    _words(plan, parameters, hints, helps.get("layer", "which layer"))
    for name, parameter in parameters.items():
        hint = hints.get(name, Any)
        if name == "target" and hint is not str:  # may come several times
            hint = Sequence[str]
        if _is_network(hint) or name == "network":
            plan.networks.append(name)
            hint = Sequence[str] if get_origin(hint) is Sequence else str
        if name == "network":
            plan.add(name, shared.Spec, None)
        elif name == "atlas":
            plan.add(name, shared.AtlasWord, inspect.Parameter.empty)
        elif name not in plan.parameters:
            plan.offer(parameter, hint, helps.get(name, ""))
    if "target" in plan.kinds and parameters["target"].default is not inspect.Parameter.empty:
        plan.add("classes", shared.ClassNames, None)
    _picture(plan, result_kind(function), parameters)
    plan.stepwise = hasattr(function, "steps")
    if plan.stepwise:
        plan.add("film", stepping.Film, None)
    own = (NETWORK if plan.opens else ATLAS if "atlas" in plan.parameters else {}) | OUTPUT
    if plan.pages:
        own["out"] = (show.PageOut, None)
    for name, (annotation, default) in own.items():
        plan.add(name, annotation, default)
    return plan


def _named(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The function's parameters but for *args and **kwargs, which no option stands for."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: each for name, each in inspect.signature(function).parameters.items() if each.kind not in variadic}


def _words(plan: _Plan, parameters: Mapping[str, inspect.Parameter], hints: Mapping[str, Any], text: str) -> None:
    """The positional words: the photo and the layer, which comes first where it must be given."""
    plan.photo = next((name for name in parameters if name in PHOTOS and hints.get(name) is not int), None)
    asks = "target" in parameters and parameters["target"].default is inspect.Parameter.empty  # it is the word then
    plan.layer = "layer" in parameters and not asks and "atlas" not in parameters  # which knows its own layers
    plan.needs_layer = plan.layer and parameters["layer"].default is inspect.Parameter.empty
    argument = typer.Argument(
        metavar="LAYER", autocompletion=shared.complete_layer, help=as_sentence(text), show_default=False
    )
    if plan.needs_layer:
        plan.add("layer", Annotated[str, argument], inspect.Parameter.empty)
        plan.several = any(get_origin(part) is Sequence for part in get_args(hints.get(plan.photo or "")))
    if plan.photo is not None:
        plan.add(plan.photo, shared.PhotosWord if plan.several else shared.PhotoWord, None)
    if plan.layer:
        plan.add("layer", Annotated[str | None, argument], None)


def _picture(plan: _Plan, result: type[Any] | None, taken: Mapping[str, Any]) -> None:
    """The options of the result's picture, without those whose names the instrument has taken."""
    from ..instrument import Result

    if result is None:
        return
    method = result.picture
    plan.draws = method is not Result.picture
    plan.pages = hasattr(result, "zoomable")
    hints, helps = get_type_hints(method), described(method).parameters
    for name, parameter in _named(method).items():
        if name != "self" and name not in taken:
            plan.drawing.append(name)
            plan.offer(parameter, hints.get(name, Any), helps.get(name, ""), PICTURE)


def _is_network(hint: Any) -> bool:
    from ..network import Network

    return hint is Network or Network in get_args(hint)


# ---- the run


def _run(plan: _Plan, values: Mapping[str, Any]) -> None:
    layer, photos = _given_words(plan, values)
    photo = photos[0] if photos else None
    output = _own(plan, values, OUTPUT)
    as_json = output["json"] or not plan.draws
    stepping.check_film(values.get("film"))
    path = page = None
    if plan.pages and show.is_page(output["out"]):
        page = output["out"]
    elif output["out"] or not as_json:
        path = _path(plan, output["out"], values, layer, photo)
        show.check_saving(path, output["theme"], output["scale"])

    arguments: dict[str, Any] = {"atlas": _atlas(plan, values)} if "atlas" in values else {}
    if plan.photo is not None:
        many = plan.several and (len(photos) > 1 or any(map(os.path.isdir, photos)))
        arguments[plan.photo] = photos if many else shared.open_photo(photo)
    if plan.layer:
        arguments["layer"] = layer
    for name in plan.networks:
        how = _own(plan, values, NETWORK) if name in plan.opens else {}
        given = values[name]
        several = isinstance(given, list)
        opened = [shared.open_network(spec, **how) for spec in (given if several else [given])]
        arguments[name] = opened if several else opened[0]
    if plan.needs_layer and layer is not None and "network" in arguments:
        shared.check_layer(arguments["network"], layer, plan.several)
    chosen = {name: kind.value(name, values[name]) for name, kind in plan.kinds.items() if name not in arguments}
    if "target" in chosen:
        given = chosen["target"]
        chosen["target"] = shared.target_of([given] if isinstance(given, str) else given, values.get("classes"))
    drawing = {name: chosen.pop(name) for name in plan.drawing}

    if plan.stepwise:
        result = stepping.taken(plan.function, {**arguments, **chosen}, values["film"])
    else:
        with show.working(plan.function.__name__):
            result = plan.function(**arguments, **chosen)
    for sentence in getattr(result, "unreadable", ()):
        show.note(f"left out: {sentence}")
    if as_json:
        show.print_json(result.to_dict())
    if page is not None:
        with show.working(f"writing {page}"):
            written = result.zoomable(page)
        show.told(written, output["open"], quiet=as_json)
    if path is not None:
        with show.working(f"drawing {path}"):
            picture = result.picture(**drawing)
        show.save(picture, path, output["theme"], output["scale"], output["open"], quiet=as_json)


def _atlas(plan: _Plan, values: Mapping[str, Any]) -> Any:
    """The atlas: its path, or opened where something was said of its network."""
    how = _own(plan, values, ATLAS)
    trust, spec = how.pop("trust"), how.pop("network")
    if spec is None and any(how.values()):
        raise ValueError(f"--{next(name for name in how if how[name])} is for the network; name it with --network")
    network = None if spec is None else shared.open_network(spec, **how)
    return shared.open_atlas(values["atlas"], network, trust) if trust or network else values["atlas"]


def _given_words(plan: _Plan, values: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The layer and the photos that are named, in whichever order; more than one photo only where several are taken."""
    layer, photo = values.get("layer"), values.get(plan.photo or "")
    if plan.several:
        return shared.layer_and_photos((layer, *(photo or ())))
    if plan.photo is not None and plan.layer:
        layer, photo = shared.sorted_words((layer, photo), plan.needs_layer)
    return layer, [] if photo is None else [photo]


def _path(plan: _Plan, out: Path | None, values: Mapping[str, Any], layer: str | None, photo: str | None) -> Path:
    """Where the picture goes; its name says what it shows, and names the default network where nothing else would."""
    shown = None if plan.photo is None else photo or shared.shipped_photo()
    layer = layer if plan.layer else None
    words = list(_asked(plan, values))
    network = values.get("network") or (None if layer or shown or words else shared.EMBEDDED_NAME)
    return show.target(out, (plan.function.__name__, network, layer, shown and Path(shown).stem, *words), shown)


def _asked(plan: _Plan, values: Mapping[str, Any]) -> Iterator[str]:
    """The other words of the command line as parts of a name: the atlas, what must be given, what is asked, and how.

    A file or a folder stands there as its name, without folders on the way to it and without a photo's suffix.
    """
    if "atlas" in values:
        yield Path(os.path.abspath(values["atlas"])).stem
    needed = [name for name in plan.kinds if plan.parameters[name].default is inspect.Parameter.empty]
    asked = [name for name in ("target", "classes") if name not in plan.drawing]  # a picture's `classes` are colours
    if "method" in plan.kinds and values["method"] != plan.parameters["method"].default:
        asked.append("method")
    for name in dict.fromkeys((*needed, *asked)):
        given = values.get(name)
        for each in given if isinstance(given, (list, tuple)) else [given]:
            if each is not None:
                text = each.value if isinstance(each, Enum) else str(each)
                if os.path.isdir(text):
                    yield Path(os.path.abspath(text)).name
                elif os.path.isfile(text):
                    yield Path(text).stem
                else:
                    yield str(Path(text).with_suffix("")) if Path(text).suffix.lower() in SUFFIXES else text


def _own(plan: _Plan, values: Mapping[str, Any], names: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The command line's own options; their defaults where the instrument has taken the name for itself."""
    return {name: default if name in plan.kinds else values.get(name, default) for name, (_, default) in names.items()}
