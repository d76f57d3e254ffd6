"""A command made from a function: its options from the signature, its help from the docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.markup import escape

from ...instrument.docstring import described
from ...instrument.fields import REQUIRED, Field, Role
from ...instrument.kinds import Kind, kind_of
from ..failures import wants_traceback
from .plain_command import PlainCommand

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
    settings = {"help_option_names": ["-h", "--help"]}
    app.command(name, cls=PlainCommand, help=text, context_settings=settings)(command)


def sign(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    """Gives a function of keywords the parameters by which Typer makes a command of it."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [parameter.replace(kind=keyword) for parameter in parameters]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def option(field: Field, panel: str | None = None) -> inspect.Parameter:
    """The field as Typer's option `--word`, or `--word/--no-word` for what is on unless switched off."""
    kind = field.kind
    assert kind is not None
    name = f"--{field.word}"
    flag = f"{name}/--no-{name[2:]}" if kind.type is bool and field.default is True else name
    typer_option = typer.Option(flag, help=as_sentence(field.help), metavar=kind.metavar, rich_help_panel=panel)
    if field.required:
        return _parameter(field, Annotated[kind.type, typer_option], field.default)
    default = kind.default_of(field.default)
    return _parameter(field, Annotated[kind.type if default is not None else kind.type | None, typer_option], default)


def former_options(field: Field) -> list[inspect.Parameter]:
    """Options under the names that the field had before, which help does not list."""
    assert field.kind is not None
    made = [(name, typer.Option(f"--{name.replace('_', '-')}", hidden=True)) for name in field.former]
    return [_parameter(replace(field, name=name), Annotated[field.kind.type | None, each], None) for name, each in made]


def word(field: Field, optional: bool = False) -> inspect.Parameter:
    """The field as a word of the command line, or several words where it takes several."""
    kind = field.kind
    assert kind is not None
    metavar = kind.metavar if kind.type is Path else field.word.upper()
    argument = typer.Argument(metavar=metavar, help=as_sentence(field.help), show_default=False)
    if optional:
        return _parameter(field, Annotated[kind.type | None, argument], None)
    return _parameter(field, Annotated[kind.type, argument], REQUIRED)


def converted(name: str, kind: Kind | None, text: Any) -> Any:
    """The value that an option's text stands for. ValueError names the option."""
    return Field(name, Role.OPTION, "", None, kind).read(text)


def _parameter(field: Field, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def marked_up(text: str) -> str:
    """Text for rich: brackets stay brackets, and what is in backticks is set off."""
    return re.sub(r"`([^`]+)`", r"[cyan]\1[/cyan]", escape(text))


def as_sentence(text: str) -> str:
    """The text, marked up, with a capital and a full stop."""
    text = text[:1].upper() + text[1:]
    return marked_up(text if not text or text.endswith(".") else f"{text}.")


def _evaluated(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return [parameter.replace(annotation=hints.get(parameter.name, parameter.annotation)) for parameter in parameters]


def _helped(parameter: inspect.Parameter, helps: Mapping[str, str]) -> inspect.Parameter:
    """A plainly typed parameter of a command written by hand becomes an option with the docstring's help."""
    if hasattr(parameter.annotation, "__metadata__"):
        return parameter
    kind = kind_of(parameter.annotation, parameter.default)
    return option(Field(parameter.name, Role.OPTION, helps.get(parameter.name, ""), parameter.default, kind))
