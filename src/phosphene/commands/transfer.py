"""`phosphene transfer`: a network learns the classes of a folder of photos, into a folder that every command opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from . import terminal as show
from .stepping import followed

if TYPE_CHECKING:
    from ..network import Network

LEARNING = "Learning"
KINDS = ("photo", "drawing", "none")


def complete_kind(incomplete: str) -> list[str]:
    """The kinds of augmentation."""
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def transfer(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="Photos, with a sub-folder for each class that has its name.", show_default=False
        ),
    ],
    *,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Where to write; a new folder.", show_default="my-FOLDER"),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--whole", metavar="", help="Let all weights learn, not only the layer of scores; takes longer."),
    ] = False,
    minutes: Annotated[
        float,
        typer.Option("--minutes", metavar="MINUTES", help="How long it may take; with --whole, how long it takes."),
    ] = 5.0,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--classes",
            metavar="NAMES",
            help="Only these sub-folders, in the order that the scores have.",
            show_default=False,
        ),
    ] = None,
    augment: Annotated[
        str,
        typer.Option(
            "--augment",
            metavar="KIND",
            rich_help_panel=LEARNING,
            autocompletion=complete_kind,
            help="With --whole, how photos are changed before each step: photo, drawing (letters, digits) or none; "
            "'phosphene augmentation FOLDER' shows it.",
        ),
    ] = "photo",
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            metavar="NUMBER",
            rich_help_panel=LEARNING,
            help="The learning rate of the layer of scores, with --whole; if not given, a short test finds it.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int,
        typer.Option(
            "--batch", metavar="NUMBER", rich_help_panel=LEARNING, help="How many photos a step takes, with --whole."
        ),
    ] = 16,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="NUMBER",
            rich_help_panel=LEARNING,
            help="How many steps to take; if not given, as many as the minutes allow.",
            show_default=False,
        ),
    ] = None,
    penalty: Annotated[
        float,
        typer.Option(
            "--penalty",
            metavar="NUMBER",
            rich_help_panel=LEARNING,
            help="C of the layer of scores' logistic regression; smaller keeps its weights smaller.",
        ),
    ] = 0.1,
    held_out: Annotated[
        float,
        typer.Option(
            "--held-out",
            metavar="SHARE",
            rich_help_panel=LEARNING,
            help="The share of photos to measure on, chosen by the hash of each file.",
        ),
    ] = 0.2,
    fold: Annotated[
        int,
        typer.Option(
            "--fold",
            metavar="NUMBER",
            rich_help_panel=LEARNING,
            help="Which share it is, from 0; what several folds give says how much hangs on the photos.",
        ),
    ] = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", metavar="", rich_help_panel=LEARNING, help="Go on with a transfer that was stopped."),
    ] = False,
    network: options.Spec = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="NUMBER",
            rich_help_panel=LEARNING,
            help="Where the random numbers begin; the same seed gives the same weights on one processor.",
        ),
    ] = 0,
    head: options.Head = None,
    device: options.Device = None,
    out: show.Out = None,
    theme: show.Theme = show.ThemeName.light,
    scale: show.Scale = None,
    json: show.Json = False,
    open: show.Open = False,
) -> None:
    """A network learns the classes of your folder of photos, and says how good it is on photos it has not seen.

    From about ten photos a class on. The folder that it writes opens like any network: 'phosphene look -n FOLDER'.
    'phosphene learned FOLDER' draws its sheet again.
    """
    target = to or Path(f"my-{Path(folder).expanduser().resolve().stem or 'photos'}")
    path = show.target(out, ("learned", target.name))
    show.check_saving(path, theme, scale)
    opened = options.open_network(network, architecture, weights, seed, device, head)
    with show.working("importing"):
        from ..learning import learned
        from ..learning.transfer import transferring
    work = transferring(
        opened, folder, target, minutes, _names(folder, classes), whole=whole, augment=augment, rate=rate, batch=batch,
        steps=steps, penalty=penalty, held_out=held_out, fold=fold, seed=seed, device=device, resume=resume,
    )  # fmt: skip
    result: Network | None = None
    try:
        for step in followed(work, "transfer"):
            if step.notice:
                show.note(step.notice)
            result = step.result
    except KeyboardInterrupt:
        if not (target / "resume.safetensors").exists():
            raise
        show.note(f"stopped; {target} holds what was learned, and the same command with --resume goes on")
        raise typer.Exit(130) from None
    assert result is not None
    with show.working("drawing"):
        sheet_result = learned(target)
    if json:
        show.print_json(sheet_result.to_dict())
    else:
        show.print_table(sheet_result.table())
        for remark in sheet_result.remarks:
            show.note(remark)
        show.note(f"{target} is written; 'phosphene look -n {target}' looks into it")
    show.save(sheet_result.picture(), path, theme, scale, open, quiet=json)


def _names(folder: str, texts: list[str] | None) -> list[str] | None:
    """The classes of texts with commas between names; a text that is a sub-folder's name is one class."""
    if texts is None:
        return None
    parts = [[text] if (Path(folder).expanduser() / text).is_dir() else text.split(",") for text in texts]
    return [name.strip() for names in parts for name in names if name.strip()]
