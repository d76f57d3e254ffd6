"""`phosphene judge`: which attribution methods hold, tested on one's own photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, show

if TYPE_CHECKING:
    from ..attribution.trials.judgement import Judgement

HEADINGS = {
    "insertion": "insertion ↑",
    "deletion": "deletion ↓",
    "pointing": "pointing ↑",
    "sensitivity_n": "sensitivity-n ↑",
    "max_sensitivity": "max-sensitivity ↓",
    "randomised": "randomised ↓",
}
Seed = Annotated[
    int,
    typer.Option(
        "--seed", metavar="NUMBER", help="Which random maps, sets, noise and weights, and which intervals, to draw."
    ),
]


def judge(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGES", help="Photos, or folders of them; without any, the photos that ship."),
    ] = None,
    *,
    methods: str | None = None,
    target: str | None = None,
    tests: str | None = None,
    boxes: Path | None = None,
    limit: int = 50,
    steps: int = 32,
    batch: int = 32,
    seed: Seed = 0,
    network: options.Spec = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    head: options.Head = None,
    device: options.Device = None,
    out: show.Out = None,
    theme: show.Theme = show.ThemeName.light,
    scale: show.Scale = None,
    json: show.Json = False,
    open: show.Open = False,
) -> None:
    """Which methods' maps are faithful, stable and dependent on the network, tested on your photos.

    Prints a table with 95 % intervals over the photos; a mark says that a method is better (+) or worse (−) than a
    random map (r) and than the photo's edges (e).

    - `methods`: names with commas between them, such as gradient,guided,occlusion:window=48; if not given, all that
      take few passes
    - `target`: a class, such as 'logits:goose'; if not given, each photo's best class
    - `tests`: which to make, with commas between them: insertion, deletion, pointing, sensitivity_n, max_sensitivity,
      randomised; if not given, all
    - `boxes`: a JSON file of the form {"name.jpg": [[left, top, right, bottom]]}, for the pointing game
    - `limit`: the most photos to look at, spread evenly over all
    - `steps`: changes of a photo in insertion and deletion
    - `batch`: images that run through the network together
    """
    if limit < 1:
        raise ValueError(f"--limit is the number of photos to look at, at least 1, not {limit}")
    with show.working("importing"):
        from ..attribution.trials.judging import judge as judge_them
        from ..attribution.trials.judging import judging
        from ..instrument import accounted
        from ..picture import files
    given = images or [str(Path(options.shipped_photo()).parent)]
    path = None
    if out is not None or not json:
        path = show.target(out, ("judge", network or options.EMBEDDED_NAME))
        show.check_saving(path, theme, scale)
    there = files(given)
    total = min(limit, len(there))
    chosen = [str(there[index * len(there) // total]) for index in range(total)]
    found = options.open_network(network, architecture, weights, seed, device, head)
    how: dict[str, Any] = {
        "methods": methods,
        "tests": tests,
        "boxes": boxes,
        "steps": steps,
        "seed": seed,
        "batch": batch,
    }
    one_by_one = judging(found, chosen, target, **how)
    result: Judgement | None = None
    done = 0
    while True:
        with show.working(f"judging, image {min(done + 1, total)} of {total}"):
            following = next(one_by_one, None)
        if following is None:
            break
        result, done = following, len(following.images) + len(following.unreadable)
    assert result is not None
    result = accounted(result, judge_them, found, chosen, target, **how)
    for sentence in result.unreadable:
        show.note(f"left out: {sentence}")
    for name, sentence in result.refused.items():
        show.note(f"{name}: {sentence}")
    if json:
        show.print_json(result.to_dict())
    else:
        _print(result)
    if path is not None:
        show.save(result.picture(), path, theme, scale, open, quiet=json)


def _print(result: Judgement) -> None:
    import numpy as np
    from rich import box
    from rich.table import Table
    from rich.text import Text

    count = len(result.images)
    title = Text(f"{result.network}, {count} image{'s' * (count != 1)}: mean and 95 % interval")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("method", no_wrap=True)
    tests = [test for test in HEADINGS if test in result.tests]
    for test in tests:
        table.add_column(HEADINGS[test], justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", style="dim")
    for row, name in enumerate(result.names):
        if name == result.baselines[0]:
            table.add_section()
        style = "dim" if name in result.baselines else ""
        cells = [Text(_cell(result, name, test), style=style) for test in tests]
        table.add_row(Text(name, style=style or "bold"), *cells, f"{np.nanmedian(result.seconds[row]):.2g}")
    show.stdout().print(table)


def _cell(result: Judgement, name: str, test: str) -> str:
    """'0.43 [0.39, 0.47] +r −e'."""
    from ..attribution.trials.judgement import AGAINST

    score = result.score(name, test)
    if score.count == 0:
        return "–"
    told = f"{score.mean:.2f}" if score.count == 1 else f"{score.mean:.2f} [{score.low:.2f}, {score.high:.2f}]"
    if name in result.baselines or test not in AGAINST:
        return told
    for other, letter in zip(result.baselines[:2], "re", strict=True):
        better = result.better(name, other, test)
        told += "   " if better is None else f" {'+' if better else '−'}{letter}"
    return told
