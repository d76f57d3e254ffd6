"""A command made from a function: its options from the signature, its help from the docstring.

In a docstring the first line is the command's help, the paragraphs below it are its details, and lines

    - `name`: what the parameter does

are the options' help. An instrument's command opens the network, reads the photo, runs the instrument, and writes its
result as a picture or prints it as JSON; the options of the result's own `picture(...)` are offered too.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from rich.markup import escape

from . import options as shared
from . import show
from .failures import wants_traceback
from .values import Kind, kind_of

PICTURE = "Picture"
Debug = Annotated[bool, typer.Option("--debug", hidden=True, callback=wants_traceback)]


# ---- docstrings


@dataclass(frozen=True)
class Described:
    """What a docstring says: in one line, at length, and of each parameter."""

    line: str
    details: str
    parameters: Mapping[str, str]


def described(function: Callable[..., Any]) -> Described:
    """The docstring taken apart; what it says of exceptions is for those who program, and left out."""
    line, _, rest = (inspect.getdoc(function) or "").partition("\n")
    helps: dict[str, str] = {}
    for bullet in re.finditer(r"^- ((?:`\w+`(?:, )?)+): (.+(?:\n[ \t]+\S.*)*)", rest, re.MULTILINE):
        for name in re.findall(r"\w+", bullet[1]):
            helps[name] = " ".join(bullet[2].split())
    for said in re.finditer(r"`(\w+)` is ([^.]+)\.", " ".join(rest.split())):
        helps.setdefault(said[1], said[2])
    rest = re.sub(r"^- .+(?:\n[ \t]+\S.*)*", "", rest, flags=re.MULTILINE)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", rest)]
    told = [re.sub(r"(^|(?<=\. ))Raises .*", "", part).strip() for part in paragraphs]
    return Described(line.strip(), "\n\n".join(part for part in told if part), helps)


def marked_up(text: str) -> str:
    """Text for rich: brackets stay brackets, and what is in backticks is set off."""
    return re.sub(r"`([^`]+)`", r"[cyan]\1[/cyan]", escape(text))


def _as_sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return marked_up(text if not text or text.endswith(".") else f"{text}.")


# ---- commands


def prepared(app: typer.Typer, function: Callable[..., Any], name: str) -> None:
    """Adds the function to the app as a command, with `--debug` and the help of its docstring."""
    says = described(function)

    def command(debug: bool = False, **values: Any) -> Any:
        return function(**values)

    parameters = list(_evaluated(function))
    parameters.append(inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug))
    _sign(command, [_helped(parameter, says.parameters) for parameter in parameters])
    text = marked_up("\n\n".join(part for part in (says.line, says.details) if part))
    app.command(name, help=text, context_settings={"help_option_names": ["-h", "--help"]})(command)


def _evaluated(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return [parameter.replace(annotation=hints.get(parameter.name, parameter.annotation)) for parameter in parameters]


def _helped(parameter: inspect.Parameter, helps: Mapping[str, str]) -> inspect.Parameter:
    """A plainly typed parameter of a command written by hand becomes an option with the docstring's help."""
    if hasattr(parameter.annotation, "__metadata__"):
        return parameter
    return _option(parameter, kind_of(parameter.annotation, parameter.default), helps.get(parameter.name, ""), None)


def _sign(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [parameter.replace(kind=keyword) for parameter in parameters]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _option(parameter: inspect.Parameter, kind: Kind, text: str, panel: str | None) -> inspect.Parameter:
    name = "--" + parameter.name.replace("_", "-")
    flag = f"{name}/--no-{name[2:]}" if kind.type is bool and parameter.default is True else name
    required = parameter.default is inspect.Parameter.empty
    option = typer.Option(
        flag,
        help=_as_sentence(text),
        metavar=kind.metavar,
        rich_help_panel=panel,
    )
    default = ... if required else kind.shown(parameter.default)
    annotation = kind.type if required or default is not None else kind.type | None
    return parameter.replace(
        annotation=Annotated[annotation, option], default=inspect.Parameter.empty if required else default
    )


# ---- instruments


@dataclass
class _Plan:
    """How the words and options of a command line become the arguments of an instrument and of its picture."""

    function: Callable[..., Any]
    parameters: list[inspect.Parameter] = field(default_factory=list)
    kinds: dict[str, Kind] = field(default_factory=dict)
    networks: list[str] = field(default_factory=list)  # parameters that take a network
    photo: str | None = None  # the parameter that takes the photo
    layer: inspect.Parameter | None = None
    drawing: list[str] = field(default_factory=list)  # options of the picture
    draws: bool = False

    def has(self, name: str) -> bool:
        return any(parameter.name == name for parameter in self.parameters)

    def add(self, name: str, annotation: Any, default: Any) -> None:
        if not self.has(name):
            keyword = inspect.Parameter.KEYWORD_ONLY
            self.parameters.append(inspect.Parameter(name, keyword, default=default, annotation=annotation))


def instrument_command(function: Callable[..., Any]) -> Callable[..., None]:
    """The function that a command line for this instrument runs: arguments as text in, a picture or JSON out."""
    plan = _plan(function)

    def command(**values: Any) -> None:
        _run(plan, values)

    command.__doc__ = function.__doc__
    _sign(command, plan.parameters)
    return command


def _plan(function: Callable[..., Any]) -> _Plan:
    plan = _Plan(function)
    hints = get_type_hints(function)
    says = described(function)
    parameters = list(inspect.signature(function).parameters.values())
    names = [parameter.name for parameter in parameters]
    _words(plan, parameters)
    for parameter in parameters:
        hint = hints.get(parameter.name, Any)
        if parameter.name in (plan.photo, "layer") or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        if parameter.name == "network" or _is_network(hint):
            plan.networks.append(parameter.name)
            if parameter.name == "network":
                plan.add("network", shared.Spec, None)
                continue
            hint = str
        _offer(plan, parameter, hint, says.parameters.get(parameter.name, ""), None)
    _picture_options(plan, hints.get("return"), names)
    own = {"architecture": (shared.Architecture, None), "weights": (shared.Weights, None), "seed": (shared.Seed, 0)}
    for name, (annotation, default) in {**own, "device": (shared.Device, None)}.items():
        if "network" in plan.networks:
            plan.add(name, annotation, default)
    plan.add("out", show.Out, None)
    plan.add("theme", show.Theme, show.ThemeName.light)
    plan.add("scale", show.Scale, None)
    plan.add("json", show.Json, False)
    plan.add("open", show.Open, False)
    return plan


def _words(plan: _Plan, parameters: list[inspect.Parameter]) -> None:
    """The positional words: the layer and the photo, of which the one that must be given comes first."""
    plan.photo = next((p.name for p in parameters if p.name in ("photo", "image", "images")), None)
    plan.layer = next((p for p in parameters if p.name == "layer"), None)
    needed = plan.layer is not None and plan.layer.default is inspect.Parameter.empty
    if plan.layer is not None and needed:
        text = described(plan.function).parameters.get("layer", "which layer")
        argument = typer.Argument(metavar="LAYER", autocompletion=shared.complete_layer, help=_as_sentence(text))
        plan.add("layer", Annotated[str, argument], inspect.Parameter.empty)
    if plan.photo is not None:
        plan.add(plan.photo, shared.PhotoWord, None)
    if plan.layer is not None:
        text = described(plan.function).parameters.get("layer", "which layer")
        argument = typer.Argument(
            metavar="LAYER", autocompletion=shared.complete_layer, help=_as_sentence(text), show_default=False
        )
        plan.add("layer", Annotated[str | None, argument], None)


def _offer(plan: _Plan, parameter: inspect.Parameter, hint: Any, text: str, panel: str | None) -> None:
    if plan.has(parameter.name):
        return
    kind = kind_of(hint, parameter.default)
    plan.kinds[parameter.name] = kind
    plan.parameters.append(_option(parameter, kind, text, panel))


def _picture_options(plan: _Plan, result: Any, names: list[str]) -> None:
    from ..instrument import Result

    if not (isinstance(result, type) and issubclass(result, Result)):
        return
    method = result.picture
    plan.draws = method is not Result.picture
    hints, says = get_type_hints(method), described(method)
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.name not in names and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            plan.drawing.append(parameter.name)
            text = says.parameters.get(parameter.name, "")
            _offer(plan, parameter, hints.get(parameter.name, Any), text, PICTURE)


def _is_network(hint: Any) -> bool:
    from ..network import Network

    return hint is Network or Network in get_args(hint)


def _run(plan: _Plan, values: dict[str, Any]) -> None:
    name = plan.function.__name__
    layer, photo = values.get("layer"), values.get(plan.photo or "")
    if plan.photo is not None and plan.layer is not None:
        layer, photo = shared.sorted_words((layer, photo), plan.layer.default is inspect.Parameter.empty)
    path = photo_path = None
    if plan.photo is not None:
        photo_path = photo or shared.shipped_photo()
    as_json = _own(plan, values, "json", False) or not plan.draws
    out: Path | None = _own(plan, values, "out", None)
    if not as_json or out is not None:
        spec = values.get("network") or (None if layer or photo_path else shared.EMBEDDED_NAME)
        parts = (name, spec, layer, photo_path and Path(photo_path).stem)
        path = show.target(out, parts, photo_path)

    arguments: dict[str, Any] = {}
    if plan.photo is not None:
        arguments[plan.photo] = shared.open_photo(photo)
    if plan.layer is not None:
        arguments["layer"] = layer
    for each in plan.networks:
        chosen = {key: _own(plan, values, key, None) for key in ("architecture", "weights", "device")}
        chosen = {**chosen, "seed": _own(plan, values, "seed", 0)} if each == "network" else {}
        arguments[each] = shared.open_network(values[each], **chosen)
    for key, kind in plan.kinds.items():
        if key not in plan.drawing and key not in arguments:
            arguments[key] = kind.value(key, values[key])
    drawing = {key: plan.kinds[key].value(key, values[key]) for key in plan.drawing}

    with show.working(name):
        result = plan.function(**arguments)
    if as_json:
        show.print_json(result.to_dict())
    if path is not None:
        with show.working(f"drawing {path}"):
            picture = result.picture(**drawing)
        theme, scale = _own(plan, values, "theme", show.ThemeName.light), _own(plan, values, "scale", None)
        show.save(picture, path, theme, scale, bool(_own(plan, values, "open", False)), quiet=bool(as_json))


def _own(plan: _Plan, values: Mapping[str, Any], name: str, default: Any) -> Any:
    """The command line's own option of that name, unless the instrument has taken the name for itself."""
    return default if name in plan.kinds else values.get(name, default)
