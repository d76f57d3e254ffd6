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

from ..instrument.command_list import members
from ..instrument.texts import names
from ..picture import counted
from . import options
from . import terminal as show
from .from_form.command import prepared
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
        command_names = self.list_commands(ctx)
        if args[0] not in command_names and args[0].replace("_", "-") in command_names:
            args = [args[0].replace("_", "-"), *args[1:]]
        if args[0] not in command_names and not ctx.resilient_parsing:
            ctx.fail(no_such("command", args[0], command_names).rstrip(";"))
        return super().resolve_command(ctx, args)


def group() -> typer.Typer:
    """The app of the group's commands."""
    from .from_form.instrument_command import instrument_command

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
            help="Layers whose units are stored, patterns such as 'blocks.*', or 'convolutions'; if none is given, all "
            "convolutions and the outputs of blocks, such as blocks.3. With commas between them, or one by one.",
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
    """Runs a network once over a data set, and stores each unit's strongest patches and each image's features.

    If it was stopped or killed, the same command continues where it was; with more images or layers it adds what is
    new.

    - `k`: how many patches to store for every unit
    - `each`: how many of a unit's patches may come from one image
    - `pool`: features of maps: mean or max over their places, or none for all of them
    - `half`: store features as 16-bit numbers
    - `batch`: how many images run through the network together; if not given, 4 on a processor, 64 on a GPU
    - `workers`: how many threads decode images
    - `ray`: run on the Ray cluster at this address; 'local' starts one on this machine
    - `retry`: also try again the images that could not be used, for instance after you repaired their files
    - `missing`: continue without sources that are lost; their images that have not run are listed as unreadable
    """
    with show.working("importing"):
        from ..atlas import Atlas
    opened = options.open_network(network, architecture, weights, seed, device, head)
    steps: Generator[Progress] = Atlas.building(
        opened, source, to, layers=layers and names(layers), features=features and names(features), k=k, each=each,
        pool=pool, half=half, batch=batch, workers=workers, ray=ray, retry=retry, missing=missing,
    )  # fmt: skip
    _tell_what_is_gone(to)
    last: Progress | None = None
    begun = time.monotonic()
    with stopping() as stop:
        for step in followed(steps, "atlas build"):
            last = step
            if stop.is_set():
                break
    if stop.is_set():
        steps.close()
        show.note("stopped; what ran is kept, and the same command goes on from there")
        raise KeyboardInterrupt
    if last is None:
        show.note("nothing is new: the atlas holds all of it already")
    elif last.images and last.unreadable == last.images:
        raise ValueError(
            f"none of the {counted(last.images, 'image')} could be used; phosphene atlas info {to} says why"
        )
    else:
        speed = last.images / max(time.monotonic() - begun, 1e-9)
        broken = (
            f", {last.unreadable:,} of them could not be read (phosphene atlas info {to})" if last.unreadable else ""
        )
        show.note(f"{counted(last.images, 'image')}{broken}; {speed:.3g} images a second")
    show.stdout().print(to)


def _tell_what_is_gone(path: str) -> None:
    """A note on sources that are not there any more, before their images are taken in from another place as well."""
    from ..atlas.store.relocating import gone
    from ..atlas.store.store import Store

    try:
        paths = gone(Store(path))
    except (FileNotFoundError, ValueError):  # there is no atlas yet, or what is there is refused later
        return
    if paths:
        more = f" (nor are {len(paths) - 1:,} others)" if len(paths) > 1 else ""
        show.note(
            f"{paths[0]} is not there any more{more}; if it has moved, tell the atlas before you build from the new "
            f"place, which would take in its images once more: phosphene atlas relocate {path} {paths[0]} NEW"
        )


def info(atlas: options.AtlasWord, *, json: show.Json = False) -> None:
    """The contents of an atlas: networks, layers, images, unreadable images, and its progress."""
    from ..atlas import Atlas

    content = Atlas(atlas).info()
    if json:
        show.print_json(content.to_dict())
    else:
        show.stdout().print(str(content))


def index(
    atlas: options.AtlasWord,
    *,
    features: str | None = None,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    recall: float = 0.95,
    seed: int = 0,
    sweep: str | None = None,
) -> None:
    """Builds an index of all images' features, to find neighbours quickly in large data sets, and measures its recall.

    - `features`: the layer; if not given, the first whose features the atlas stores
    - `metric`: the distance of the index; with the other distance, all images are compared
    - `recall`: the share of the ten nearest neighbours that the index should find
    - `seed`: seed of the images that measure the recall
    - `sweep`: which sweep to use, if several networks have a layer of this name
    """
    from ..atlas import Atlas

    with show.working("building the index"):
        built = Atlas(atlas).index(features, metric=metric, recall=recall, seed=seed, sweep=sweep)
    show.stdout().print(str(built))


def export(
    atlas: options.AtlasWord,
    path: Annotated[Path, typer.Argument(metavar="PATH", show_default=False, help="The file or folder to write.")],
    *,
    kind: Literal["parquet", "embedding-atlas", "fiftyone"] = "parquet",
    map: Literal["tsne", "umap", "pca"] | None = None,
    features: str | None = None,
    sweep: str | None = None,
) -> None:
    """Writes the atlas for other programs: keys, labels, paths and, if requested, places on a map and features.

    - `kind`: a .parquet file, a .parquet file with small images for Embedding Atlas, or a folder for FiftyOne
    - `map`: the map whose places are added; it is made now if the atlas does not have it
    - `features`: the layer whose vectors are added
    - `sweep`: which sweep to use, if several networks have a layer of this name
    """
    from ..atlas import Atlas
    from ..atlas.export import check_name

    opened = Atlas(atlas)
    check_name(path, kind)
    with show.working(f"writing {path}"):
        embedding = None if map is None else opened.map(features or "features", method=map, sweep=sweep)
        show.print_path(opened.export(path, kind, map=embedding, features=features, sweep=sweep), False)


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
    """Tells an atlas that photos have moved: a folder, an archive, or everything below a folder.

    Some of the photos are checked first. If they are not the same at the new place, nothing is changed.
    """
    from ..atlas import Atlas

    opened = Atlas(atlas)
    with show.working(f"looking at {new}"):
        images = opened.relocate(old, new)
    show.note(f"{counted(images, 'image')} {'is' if images == 1 else 'are'} read from {new} now")
    show.stdout().print(atlas)
