"""`phosphene learn`: a system learns from images, into a folder that every other command opens."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import terminal as show
from .stepping import followed

if TYPE_CHECKING:
    from ..learning.learned import Learned

LIST = "list"  # the word that lists the systems instead of naming one


def learn(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The system, or 'list' for all of them with their settings.", show_default=False
        ),
    ],
    *,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME|SOURCE",
            help="digits, mnist, mnist-5k, fashion-mnist, cifar10, omniglot-small, orl-faces, object-views, ring, "
            "or your images.",
        ),
    ] = "digits",
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Where to write; a new folder.", show_default="my-NAME"),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            metavar="MINUTES",
            help="How long training may take; a rehearsal finds how many steps that makes.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="NUMBER",
            help="How many steps to take at most; each system has its own number.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", metavar="NUMBER", help="How many examples a step takes.", show_default=False),
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="NUMBER", help="The learning rate.", show_default=False)
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the system, such as codes=2; repeat it for several.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="NUMBER",
            help="Where the random numbers begin; the same seed gives the same weights on one processor.",
        ),
    ] = 0,
    size: Annotated[
        int, typer.Option("--size", metavar="PIXELS", help="The side that your own images are resized to.")
    ] = 32,
    grey: Annotated[
        bool, typer.Option("--grey", metavar="", help="Take your own images without their colours.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Go on with a training that was stopped.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="DEVICE",
            help="cpu, cuda or mps; if not given, the best that is there.",
            show_default=False,
        ),
    ] = None,
    out: show.Out = None,
    theme: show.Theme = show.ThemeName.light,
    scale: show.Scale = None,
    json: show.Json = False,
    open: show.Open = False,
) -> None:
    """Trains a system on a data set or on your images, and writes its weights with a card of numbers.

    The folder opens like any network: 'phosphene layers FOLDER'. 'phosphene learned FOLDER' draws it again.
    """
    if name == LIST:
        _list(json)
        return
    folder = to or Path(f"my-{name}")
    path = show.target(out, ("learned", folder.name))
    show.check_saving(path, theme, scale)
    with show.working("importing"):
        from ..learning import fitting
        from ..learning.registry import system_class

        kind = system_class(name)
        settings = _settings(kind, set or [])
    result: Learned | None = None
    step = None
    work = fitting(
        kind.name, data, folder, minutes=minutes, seed=seed, settings=settings, size=size,
        colour=False if grey else None, device=device, resume=resume, steps=steps, batch=batch, rate=rate,
    )  # fmt: skip
    try:
        for step in followed(work, f"learn {kind.name}"):
            result = step.result
    except KeyboardInterrupt:
        if step is None or not step.step:
            raise
        show.note(
            f"stopped after step {step.step:,} of {step.steps:,}; {folder} keeps it, and the same command "
            "with --resume goes on"
        )
        raise typer.Exit(130) from None
    assert result is not None
    if json:
        show.print_json(result.to_dict())
    else:
        show.print_table(result.table())
        for remark in result.remarks:
            show.note(remark)
        show.note(f"{folder} is written; 'phosphene layers {folder}' opens it")
    show.save(result.picture(), path, theme, scale, open, quiet=json)


def _settings(kind: Any, words: list[str]) -> dict[str, Any]:
    """NAME=VALUE as the system's settings. ValueError for what is none."""
    known = {field.name: field for field in fields(kind.settings) if field.name not in ("shape", "count")}
    result: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in known:
            raise ValueError(f"--set takes NAME=VALUE with a setting of {kind.name} ({', '.join(known)}), not {word!r}")
        default = known[name].default
        if isinstance(default, bool):
            if text.lower() not in ("true", "false"):
                raise ValueError(f"{name} is true or false, not {text!r}")
            result[name] = text.lower() == "true"
        elif isinstance(default, str):
            result[name] = text
        else:
            try:
                result[name] = int(text) if isinstance(default, int) else float(text)
            except ValueError:
                what = "a whole number" if isinstance(default, int) else "a number"
                raise ValueError(f"{name} is {what}, not {text!r}") from None
    return result


def _list(json: bool) -> None:
    """Every system, what it is and what can be set."""
    from ..learning.checkpoints.shipped import shipped
    from ..learning.registry import SYSTEMS, system_class
    from ..picture import Table

    rows = []
    for name in SYSTEMS:
        kind = system_class(name)
        set_by = [
            f"{field.name}={field.default}"
            for field in fields(kind.settings)
            if field.name not in ("shape", "count") and field.default is not MISSING
        ]
        rows.append([name, kind.title, ", ".join(set_by)])
    if json:
        show.print_json([{"name": row[0], "title": row[1], "settings": row[2]} for row in rows])
    else:
        show.print_table(Table(["name", "system", "settings"], rows))
        show.note(f"trained ones to try at once: {', '.join(f'learned:{name}' for name in shipped())}")
