"""A command made from a function: its options from the signature, its help from the docstring."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from .described import as_sentence, described, marked_up
from .failures import wants_traceback
from .values import Kind, kind_of

Debug = Annotated[bool, typer.Option("--debug", hidden=True, callback=wants_traceback)]


def prepared(app: typer.Typer, function: Callable[..., Any], name: str) -> None:
    """Adds the function to the app as a command, with `--debug` and the help of its docstring."""
    says = described(function)

    def command(debug: bool = False, **values: Any) -> Any:
        return function(**values)

    parameters = list(_evaluated(function))
    parameters.append(inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug))
    sign(command, [_helped(parameter, says.parameters) for parameter in parameters])
    text = marked_up("\n\n".join(part for part in (says.line, says.details) if part))
    app.command(name, help=text, context_settings={"help_option_names": ["-h", "--help"]})(command)


def sign(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    """Gives a function of keywords the parameters by which Typer makes a command of it."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [parameter.replace(kind=keyword) for parameter in parameters]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def option(parameter: inspect.Parameter, kind: Kind, text: str, panel: str | None = None) -> inspect.Parameter:
    """The parameter as Typer's option `--name`, or `--name/--no-name` for what is on unless switched off."""
    name = "--" + parameter.name.replace("_", "-")
    flag = f"{name}/--no-{name[2:]}" if kind.type is bool and parameter.default is True else name
    made = typer.Option(flag, help=as_sentence(text), metavar=kind.metavar, rich_help_panel=panel)
    if parameter.default is inspect.Parameter.empty:
        return parameter.replace(annotation=Annotated[kind.type, made])
    default = kind.shown(parameter.default)
    annotation = kind.type if default is not None else kind.type | None
    return parameter.replace(annotation=Annotated[annotation, made], default=default)


def word(parameter: inspect.Parameter, kind: Kind, text: str) -> inspect.Parameter:
    """The parameter, which must be given, as a word of the command line; several words where it takes several."""
    shown = kind.metavar if kind.type is Path else parameter.name.upper()
    made = typer.Argument(metavar=shown, help=as_sentence(text), show_default=False)
    return parameter.replace(annotation=Annotated[kind.type, made])


def _evaluated(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return [parameter.replace(annotation=hints.get(parameter.name, parameter.annotation)) for parameter in parameters]


def _helped(parameter: inspect.Parameter, helps: Mapping[str, str]) -> inspect.Parameter:
    """A plainly typed parameter of a command written by hand becomes an option with the docstring's help."""
    if hasattr(parameter.annotation, "__metadata__"):
        return parameter
    return option(parameter, kind_of(parameter.annotation, parameter.default), helps.get(parameter.name, ""))
