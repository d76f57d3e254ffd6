"""A whole data set through a network, once: build an atlas of it, and ask it.

`build`, `info`, `index`, `export` and `relocate` are here; every function marked `@instrument` in the folder atlas/ is
a command beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ..instrument.catalogue import members
from ..instrument.texts import names
from . import options, show
from .command import prepared
from .stepping import followed
from .stopping import stopping
from .usage import no_such

if TYPE_CHECKING:
    from ..atlas.sweep.sweep import Progress

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        show_default=False,
        help="Pictures: a folder, with or without folders for classes, an archive, a table or a data set.",
    ),
]
To = Annotated[str, typer.Option("--to", metavar="ATLAS", help="Where the atlas is, or will be: a folder or a URL.")]


class _Named(TyperGroup):
    """Says which command is near one that is not there."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args[0] not in known and args[0].replace("_", "-") in known:
            args = [args[0].replace("_", "-"), *args[1:]]
        if args[0] not in known and not ctx.resilient_parsing:
            ctx.fail(no_such("command", args[0], known).rstrip(";"))
        return super().resolve_command(ctx, args)


def group() -> typer.Typer:
    """The app of the group's commands."""
    from .instrument_command import instrument_command

    app = typer.Typer(
        cls=_Named,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=(__doc__ or "").splitlines()[0],
    )
    by_hand: dict[str, Callable[..., Any]] = {
        "build": build,
        "info": info,
        "index": index,
        "export": export,
        "relocate": relocate,
    }
    for name, function in by_hand.items():
        prepared(app, function, name)
    for name, entry in members().items():
        if name not in by_hand:
            prepared(app, instrument_command(entry.function()), name)
    return app


def build(
    source: Source,
    to: To,
    *,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            "--layers",
            metavar="LAYER,PATTERN,…",
            help="Layers whose units are kept, patterns such as 'blocks.*', or 'convolutions', which are meant if none "
            "is given; with commas between them, or one by one.",
        ),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--features",
            metavar="LAYER,LAYER,…",
            help="Layers of which every image's features are kept; the last before the scores if none is given.",
        ),
    ] = None,
    k: int = 9,
    each: int = 1,
    pool: str = "mean",
    half: bool = False,
    batch: int | None = None,
    workers: int | None = None,
    ray: str | None = None,
    retry: bool = False,
    missing: bool = False,
    network: options.Spec = None,
    architecture: options.Architecture = None,
    weights: options.Weights = None,
    seed: options.Seed = 0,
    head: options.Head = None,
    device: options.Device = None,
) -> None:
    """Runs a data set through a network, once, and keeps what its units answer to most and every image's features.

    Stopped or killed, the same command goes on where it was; with more images or layers it adds what is new.

    - `k`: patches that are kept for every unit
    - `each`: how many of a unit's patches may be of one image
    - `pool`: features of maps: mean or max over their places, or none for all of them
    - `half`: keep features as 16-bit numbers
    - `batch`: images that run through the network together; 4 on a processor, 64 on a GPU, if not given
    - `workers`: threads that decode images
    - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine
    - `retry`: try the images again that could not be used, as well; such files have been mended or fetched again
    - `missing`: go on without sources that are gone; their images that have not run are noted as unreadable
    """
    with show.working("importing"):
        from ..atlas import Atlas
    found = options.open_network(network, architecture, weights, seed, device, head)
    steps: Generator[Progress] = Atlas.building(
        found, source, to, layers=layers and names(layers), features=features and names(features), k=k, each=each,
        pool=pool, half=half, batch=batch, workers=workers, ray=ray, retry=retry, missing=missing,
    )  # fmt: skip
    _tell_what_is_gone(to)
    last: Progress | None = None
    begun = time.monotonic()
    with stopping() as asked:
        for step in followed(steps, "atlas build"):
            last = step
            if asked.is_set():
                break
    if asked.is_set():
        steps.close()
        show.note("stopped; what ran is kept, and the same command goes on from there")
        raise KeyboardInterrupt
    if last is None:
        show.note("nothing is new: the atlas holds all of it already")
    elif last.images and last.unreadable == last.images:
        raise ValueError(f"none of the {last.images:,} images could be used; phosphene atlas info {to} says why")
    else:
        speed = last.images / max(time.monotonic() - begun, 1e-9)
        broken = (
            f", {last.unreadable:,} of them could not be read (phosphene atlas info {to})" if last.unreadable else ""
        )
        show.note(f"{last.images:,} images{broken}; {speed:.3g} images a second")
    show.stdout().print(to)


def _tell_what_is_gone(path: str) -> None:
    """A note on sources that are not there any more, before their images are taken in from another place as well."""
    from ..atlas.store.relocating import gone
    from ..atlas.store.store import Store

    try:
        places = gone(Store(path))
    except (FileNotFoundError, ValueError):  # there is no atlas yet, or what is there is refused later
        return
    if places:
        more = f" (nor are {len(places) - 1:,} others)" if len(places) > 1 else ""
        show.note(
            f"{places[0]} is not there any more{more}; if it has moved, tell the atlas before you build from the new "
            f"place, which would take in its images once more: phosphene atlas relocate {path} {places[0]} NEW"
        )


def info(atlas: options.AtlasWord, *, json: show.Json = False) -> None:
    """What an atlas holds: networks, layers, images, those that could not be read, and how far it is."""
    from ..atlas import Atlas

    found = Atlas(atlas).info()
    if json:
        show.print_json(found.to_dict())
    else:
        show.stdout().print(str(found))


def index(
    atlas: options.AtlasWord,
    *,
    features: str | None = None,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    recall: float = 0.95,
    seed: int = 0,
    sweep: str | None = None,
) -> None:
    """An index of every image's features, for neighbours among very many images; its recall is measured.

    - `features`: the layer; the first whose features the atlas keeps, if not given
    - `metric`: the distance that it is for; for the other, all images are looked at
    - `recall`: the share of the true ten nearest that it should find
    - `seed`: which images' neighbours measure the recall
    - `sweep`: which sweep, where several networks have a layer of that name
    """
    from ..atlas import Atlas

    with show.working("building the index"):
        found = Atlas(atlas).index(features, metric=metric, recall=recall, seed=seed, sweep=sweep)
    show.stdout().print(str(found))


def export(
    atlas: options.AtlasWord,
    path: Annotated[Path, typer.Argument(metavar="PATH", show_default=False, help="The file or folder to write.")],
    *,
    kind: Literal["parquet", "embedding-atlas", "fiftyone"] = "parquet",
    map: Literal["tsne", "umap", "pca"] | None = None,
    features: str | None = None,
    sweep: str | None = None,
) -> None:
    """The atlas's images for other programs: keys, labels, paths, and if asked places on a map and features.

    - `kind`: a file that ends in .parquet, one with small pictures for Embedding Atlas, or a folder for FiftyOne
    - `map`: the map whose places are added; made now where the atlas does not hold it
    - `features`: the layer whose vectors are added
    - `sweep`: which sweep, where several networks have a layer of that name
    """
    from ..atlas import Atlas
    from ..atlas.export import check_name

    found = Atlas(atlas)
    check_name(path, kind)
    with show.working(f"writing {path}"):
        places = None if map is None else found.map(features or "features", method=map, sweep=sweep)
        show.told(found.export(path, kind, map=places, features=features, sweep=sweep), False)


def relocate(
    atlas: options.AtlasWord,
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD", show_default=False, help="Where it was; 'phosphene atlas info' lists the sources."
        ),
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", show_default=False, help="Where the same files are now.")],
) -> None:
    """Tells an atlas that pictures have moved: a folder, an archive, or all that was below a folder.

    Some of them are looked at first. Nothing is changed where they are not there as they were read.
    """
    from ..atlas import Atlas

    found = Atlas(atlas)
    with show.working(f"looking at {new}"):
        images = found.relocate(old, new)
    show.note(f"{images:,} images are read from {new} now")
    show.stdout().print(atlas)
