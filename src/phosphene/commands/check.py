"""`phosphene check`: what is wrong with a network's set-up, finding by finding."""

from __future__ import annotations

import os
from collections import Counter
from typing import Annotated, Any

import typer

from . import options
from . import terminal as show
from .stepping import followed

SIGNS = {"good": ("✓", "green"), "note": ("·", "cyan"), "warning": ("!", "bold yellow"), "fault": ("✗", "bold red")}


def check(
    spec: options.SpecWord = None,
    folder: Annotated[
        str | None,
        typer.Argument(
            metavar="FOLDER",
            help="Photos, best with a sub-folder for each class; if not given, those that ship.",
            show_default=False,
        ),
    ] = None,
    *,
    limit: int = 200,
    overfit: bool = False,
    network: options.Spec = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    head: options.Head = None,
    device: options.Device = None,
    out: show.Out = None,
    theme: show.Theme = show.ThemeName.light,
    scale: show.Scale = None,
    json: show.Json = False,
    open: show.Open = False,
) -> None:
    """Tests whether a network is set up correctly: its preprocessing, class names, weights, and answers on your photos.

    Ends with exit code 0 if all is good, 1 if there are warnings or faults.

    - `limit`: how many photos of the folder to use at most
    - `overfit`: train a copy of the network on a few of the photos, which it should learn by heart; takes seconds to
      minutes
    """
    if folder is None and spec is not None and os.path.isdir(spec):
        spec, folder = None, spec
    spec = options.one_spec(spec, network)
    path = None
    if out is not None:
        path = show.target(out, ("check", spec or options.EMBEDDED_NAME))
        show.check_saving(path, theme, scale)
    opened = options.open_network(spec, architecture, weights, seed, device, head)
    with show.working("importing"):
        from ..inspection import check as instrument
    for result in followed(instrument.steps(opened, folder, limit=limit, overfit=overfit), "check"):
        if not json:
            _print(result.findings[-1])
    findings = result.findings
    if json:
        show.print_json([_as_dict(finding) for finding in findings])
    counts: Counter[str] = Counter(finding.verdict for finding in findings)
    if not json:
        counts_text = [
            f"{counts[verdict]} {verdict}{'s' * (counts[verdict] > 1 and verdict != 'good')}" for verdict in SIGNS
        ]
        show.note(f"{opened.name}: " + ", ".join(text for text in counts_text if not text.startswith("0 ")))
    if path is not None:
        show.save(result.picture(), path, theme, scale, open, quiet=json)
    if counts["warning"] or counts["fault"]:
        raise typer.Exit(1)


def _as_dict(finding: Any) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("check", "verdict", "sentence", "evidence", "advice")}


def _print(finding: Any) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console = show.stdout()
    sign, style = SIGNS[finding.verdict]
    console.print(
        Text.assemble((f"{sign} {finding.verdict:<8}", style), (f"{finding.check}: ", "bold"), finding.sentence)
    )
    for text, look in ((finding.evidence, "dim"), (finding.advice, "italic")):
        if isinstance(text, str) and text:
            console.print(Padding(Text(text, style=look), (0, 0, 0, 10), expand=False))
