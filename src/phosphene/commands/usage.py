"""A command line that can't be read, told as a sentence that ends in where to look: `phosphene COMMAND --help`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import typer

UsageError: Any = typer.BadParameter.__base__  # Typer has no public name for it, and some of its versions have Click's


def usage_sentence(error: Any, ctx: Any) -> str:
    """What is wrong with the words and options that were given to the app of `ctx`, with near names for a wrong one."""
    path = f"{ctx.command_path} {ctx.invoked_subcommand or ''}".strip() if error.ctx is None else error.ctx.command_path
    help = f"'{path} --help'"
    if hasattr(error, "possibilities"):
        return f"{no_such('option', error.option_name, _options(error))} {help} lists all{_is_a_word(error)}"
    sentence = _explanation(error) or "name a command"
    return f"{sentence} See {help}" if sentence.endswith("?") else f"{sentence}; see {help}"


def no_such(what: str, name: str, choices: Iterable[str]) -> str:
    """'no such option --leyer; did you mean --layer?', to be followed by where all are listed."""
    near = get_close_matches(name, list(choices), n=2, cutoff=0.7)
    return f"no such {what} {name};" + (f" did you mean {' or '.join(near)}?" if near else "")


def _explanation(error: Any) -> str:
    """Typer's own words for the rest, made to fit into a sentence."""
    parameter = getattr(error, "param", None)
    if parameter is None:
        text = " ".join(error.format_message().split()).rstrip(".")
        return _small(re.sub(r"^Got unexpected extra argument\S* \((.*)\)$", r"too many words: \1", text))
    name = parameter.metavar if parameter.param_type_name == "argument" else max(parameter.opts, key=len)
    if hasattr(error, "param_type"):
        return f"{name} is missing ({_plain(parameter.help)})"
    return f"{name}: {_small(' '.join(error.message.split()).rstrip('.').removeprefix('Value error, '))}"


def _plain(help: str) -> str:
    """A help without its markup and full stop, to stand in brackets."""
    from rich.text import Text

    return _small(Text.from_markup(help).plain.rstrip("."))


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _options(error: Any) -> list[str]:
    parameters = [each for each in error.ctx.command.get_params(error.ctx) if not getattr(each, "hidden", False)]
    return [name for each in parameters for name in (*each.opts, *each.secondary_opts) if name.startswith("--")]


def _is_a_word(error: Any) -> str:
    """Says so where what was given as an option is a word without one, as in `phosphene look --layer conv1`."""
    option_word = error.option_name.lstrip("-").upper()
    words = [each.metavar for each in error.ctx.command.get_params(error.ctx) if each.param_type_name == "argument"]
    return f"; {option_word} is a word by itself" if option_word in words else ""
