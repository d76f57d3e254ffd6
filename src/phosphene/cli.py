"""The command line: `phosphene COMMAND`.

Every instrument is a command, made from its own signature and docstring (commands/from_form/instrument_command.py). The
few commands that are no instruments have a file each in commands/. Only the command that is called is imported, so that
`phosphene --help` does not wait for torch. What is refused is shown as one sentence, with exit code 2.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .commands.failures import DEBUG, plainly, wants_traceback
from .commands.usage import no_such
from .instrument.command_list import GROUP, Entry, entries

_ENTRIES: dict[str, Entry] = entries()


class _Lazy(TyperGroup):
    """Lists commands by what their source files say of them, and imports the one that is called."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        if not args:  # shows the help
            return super().parse_args(ctx, args)
        with plainly(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[:2] == ["networks", "compare"]:
            args = ["compare-networks", *args[2:]]
        args = [_spelled(args[0]), *args[1:]]
        if args[0] not in _ENTRIES and not ctx.resilient_parsing:
            ctx.fail(no_such("command", args[0], _ENTRIES).rstrip(";"))
        name, command, rest = super().resolve_command(ctx, args)
        if name in _ENTRIES:
            command = _command(_ENTRIES[name], rest if ctx.resilient_parsing else None)
            command.name = name
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        with plainly(ctx):
            return super().invoke(ctx)


def _spelled(name: str) -> str:
    """A command's name as it is listed: `grad_cam`, as in Python, is `grad-cam`."""
    return name if name in _ENTRIES else name.replace("_", "-")


def _command(entry: Entry, completed: list[str] | None) -> Any:
    """The entry's command; if the shell completes the line after the words `completed`, a light one may do."""
    if completed is None or entry.written_by_hand:
        return typer.main.get_command(_single(entry))
    from .commands.completion.stub import completion_stub

    return completion_stub(entry, completed, lambda: typer.main.get_command(_single(entry)))


def _single(entry: Entry) -> typer.Typer:
    """An app of the one command, all its options known; or of a group's commands."""
    if entry.name == GROUP:
        from .commands.atlas import group

        return group()
    from .commands.from_form.command import prepared

    function = entry.function()
    if not entry.written_by_hand:
        from .commands.from_form.instrument_command import instrument_command

        function = instrument_command(function)
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    prepared(app, function, entry.command)
    return app


app = typer.Typer(
    cls=_Lazy,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _entry in _ENTRIES.values():
    # a name and a line of help; _Lazy puts the command in its place
    app.command(_entry.command, help=_entry.help, rich_help_panel=_entry.group)(lambda: None)


def _version(asked: bool) -> None:
    if asked:
        from . import __version__

        typer.echo(f"phosphene {__version__}")
        raise typer.Exit


_HELP = """Opens any vision network and shows what it sees.

Without --network every command opens the embedded EfficientNet-Lite0, trained on ImageNet; without a photo, it shows \
it the cat that comes with Phosphene. 'phosphene COMMAND --help' lists a command's options."""


@app.callback(help=_HELP)
def phosphene(
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", metavar="", callback=wants_traceback, help=f"Show errors with their traceback; also {DEBUG}=1."
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The options of `phosphene` itself; their callbacks do the work."""


def main() -> None:
    """Runs the command that the process was called with."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # a terminal that has no '×' gets '\xd7', not an error
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app(prog_name="phosphene")
    except KeyboardInterrupt:
        sys.exit(130)
