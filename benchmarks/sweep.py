"""A sweep beside the bare forward pass over the same loader: `python benchmarks/sweep.py`.

The embedded network, the photos of `imagenet_photos_700.zip` and `coco_mini.zip` in the folder that PHOSPHENE_DATA
names, as often as it takes for `--images` of them. A sweep keeps the 9 strongest patches and the statistics of every
convolution's units and the features before the scores. The bare pass decodes and runs the same batches and keeps
nothing. The notebook's loop is what many write: forward hooks on all convolutions, each image's maximum and its place
kept of every channel, `topk` at the end. zennit-crp (`pip install --no-deps zennit-crp`, since it names an older zennit
than the one that it also runs with) finds strongest images too: of its feature visualisation, the maximisation of
activations alone, of single places and not normed, 9 kept, in a pass without gradients; `zennit-crp-run` is its `run`
as it comes, which keeps 40, relevances and statistics of classes besides, and so runs backward too. All take turns of
eight batches, but zennit-crp's, which run as a whole; times are of the clock, or of the processor where
OMP_NUM_THREADS=1, since then others' work does not count; ratios are the medians of the rounds' ratios. Memory is the
peak of a process of its own, for a quarter of the images and for all.

`--steady` times the parts instead: decoding, the bare pass over a batch, and the same batch taken in once the lists of
the strongest patches are full, for several sizes of a batch. `--agree` compares the strongest images with those that
zennit-crp finds. `--shard` halves the images into two shards and says how large the summaries of one are, and how long
the machine that writes takes to read them and to merge them with the other's, as it does on a cluster.
"""

import argparse
import contextlib
import copy
import importlib.util
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from importlib import metadata
from itertools import islice
from pathlib import Path

import torch

import phosphene as ph
from phosphene.atlas.store import tables
from phosphene.atlas.store.work import Work, chosen_layers, described_layers
from phosphene.atlas.sweep.ray_run import _read, _written
from phosphene.atlas.sweep.running import _taken_in, run, summaries
from phosphene.atlas.sweep.summary import Summary
from phosphene.data.batches import batches
from phosphene.data.sources import number, shards_of
from phosphene.network.running.seam import keep_wrapper

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))


def gathered(folder: Path, count: int) -> Path:
    """A folder of so many pictures: those of the archives, and links to them."""
    originals = folder / "originals"
    for name in ("imagenet_photos_700.zip", "coco_mini.zip"):
        with zipfile.ZipFile(DATA / name) as archive:
            archive.extractall(originals / name)
    files = sorted(originals.rglob("*.jpg"))
    chosen = folder / f"pictures-{count}"
    chosen.mkdir()
    for index in range(count):
        (chosen / f"{index:06}.jpg").symlink_to(files[index % len(files)])
    return chosen


def loader(network: ph.Network, pictures: Path, batch: int, workers: int):
    shards = [(number, shard, 0) for number, shard in enumerate(shards_of(pictures))]
    for _, _, tensors in batches(network, shards, batch, workers):
        yield torch.cat(tensors)


def bare(network: ph.Network, pictures: Path, batch: int, workers: int) -> Iterator[None]:
    for x in loader(network, pictures, batch, workers):
        with torch.inference_mode():
            network.module(x)
        yield


def notebook(network: ph.Network, pictures: Path, batch: int, workers: int) -> Iterator[None]:
    kept: dict[str, list] = {}

    def hook(name: str):
        def keep(module, given, value) -> None:
            kept.setdefault(name, []).append(value.flatten(2).max(2))

        return keep

    network = copy.copy(network)  # whose module has the hooks, while others run in turns with it
    network.module = copy.deepcopy(network.module)
    for name, module in network.module.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(hook(name))
    yield from bare(network, pictures, batch, workers)
    for found in kept.values():
        torch.cat([values for values, _ in found]).topk(9, dim=0)


def sweep(network: ph.Network, pictures: Path, batch: int, workers: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        for _ in ph.Atlas.building(network, pictures, Path(folder) / "atlas", batch=batch, workers=workers):
            yield


def crp(network: ph.Network, pictures: Path, batch: int, folder: str, alone: bool) -> Path:
    """Runs zennit-crp's feature visualisation; where it leaves the images of the largest activations."""
    from crp.attribution import CondAttribution
    from crp.concepts import ChannelConcept
    from crp.visualization import FeatureVisualization

    class Forward(CondAttribution):
        def __call__(self, data, *conditions, **options):
            with torch.no_grad():
                self.model(data)

    class Activations(FeatureVisualization):
        def analyze_activation(self, act, layer_name, concept, data_indices, targets):
            self.ActMax.analyze_layer(act, concept, layer_name, data_indices, targets)

    class Prepared:  # what it takes as a data set: an image and its class
        files = sorted(pictures.iterdir())

        def __getitem__(self, index: int):
            return network.preprocessing.prepare(ph.read(self.files[index]))[0], 0

    module = copy.deepcopy(network.module)  # it takes the gradients off the weights
    layers = {name: ChannelConcept() for name, part in module.named_modules() if isinstance(part, torch.nn.Conv2d)}
    attribution, found = (Forward, Activations) if alone else (CondAttribution, FeatureVisualization)
    visualisation = found(attribution(module), Prepared(), layers, max_target="max", abs_norm=False, path=folder)
    if alone:
        visualisation.ActMax.SAMPLE_SIZE = 9
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # its bars
        visualisation.run(None, 0, len(Prepared.files), batch_size=batch)
    return visualisation.ActMax.PATH


def zennit_crp(network: ph.Network, pictures: Path, batch: int, workers: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        crp(network, pictures, batch, folder, alone=True)
        yield


def zennit_crp_run(network: ph.Network, pictures: Path, batch: int, workers: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        crp(network, pictures, batch, folder, alone=False)
        yield


KINDS = {
    "bare": bare,
    "sweep": sweep,
    "notebook": notebook,
    "zennit-crp": zennit_crp,
    "zennit-crp-run": zennit_crp_run,
}
TURN = 8  # batches of one, before the next has its turn
CRP = importlib.util.find_spec("crp") is not None


def peak(kind: str, pictures: Path, batch: int, workers: int, threads: int) -> int:
    """Megabytes that a process of its own reached."""
    script = (
        "import sys, resource, torch; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import sweep\n"
        "import phosphene as ph; torch.set_num_threads(int(sys.argv[6]))\n"
        "list(sweep.KINDS[sys.argv[2]](ph.load(), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    words = [str(Path(__file__).parent), kind, str(pictures), str(batch), str(workers), str(threads)]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) // 1024


def in_turns(runs: dict[str, Iterator[None]], now: Callable[[], float]) -> dict[str, float]:
    """What each takes to its end, a few batches at a time, so that a machine's other load is shared out among them."""
    seconds = dict.fromkeys(runs, 0.0)
    going = list(runs)
    while going:
        for kind in list(going):
            start = now()
            if len(list(islice(runs[kind], TURN))) < TURN:
                going.remove(kind)
            seconds[kind] += now() - start
    return seconds


def steady(network: ph.Network, pictures: Path, rounds: int, now: Callable[[], float]) -> None:
    """Prints what decoding, the bare pass and a full sweep's pass cost, an image."""
    start = now()
    x = torch.cat(list(loader(network, pictures, 16, 1)))
    print(f"Decoding and preparing: {1000 * (now() - start) / len(x):.1f} ms an image.\n")
    print("| images together | bare pass | taken in | × the bare pass |\n| ---: | ---: | ---: | ---: |")
    layers = {name: network.layer(name) for name in (*chosen_layers(network, None), *described_layers(network, None))}
    for batch in (16, 8, 4):
        work = Work(chosen_layers(network, None), described_layers(network, None), batch=batch)
        kept = summaries(network, work)
        parts = list(x.split(batch))
        parts, news = parts[: len(parts) // 2], parts[len(parts) // 2 :]  # the same images again would all be strongest
        for index, part in enumerate(parts):  # fills the lists
            _taken_in(network, work, layers, kept, part, list(range(index * batch, index * batch + len(part))))
        seconds: dict[str, list[float]] = {"bare": [], "taken in": []}
        with keep_wrapper():  # as in a sweep
            for turn in range(min(rounds, len(news))):
                part = news[turn]
                start = now()
                with torch.inference_mode():
                    network.module(part)
                middle = now()
                ids = [10**6 + turn * batch + place for place in range(len(part))]
                _taken_in(network, work, layers, kept, part, ids)
                seconds["bare"].append((middle - start) / len(part))
                seconds["taken in"].append((now() - middle) / len(part))
        ratio = statistics.median(b / t for b, t in zip(*seconds.values(), strict=True))
        bare, taken = (1000 * statistics.median(times) for times in seconds.values())
        print(f"| {batch} | {bare:.1f} ms | {taken:.1f} ms | {ratio:.2f} |", flush=True)


def taken_in(network: ph.Network, work: Work, place: int, pictures: Path, workers: int) -> dict[str, Summary]:
    """The summaries of a folder's images, as a source's shard of that place."""
    kept = summaries(network, work)
    for _ in run(network, work, [(place, shard, 0) for shard in shards_of(pictures)], kept, workers):
        pass
    for summary in kept.values():
        summary.settle()
    return kept


def agree(network: ph.Network, pictures: Path, batch: int, workers: int) -> None:
    """Prints for how many channels zennit-crp names the same strongest images, and how its values differ."""
    from crp.helper import load_maximization

    kept = taken_in(network, Work(chosen_layers(network, None), batch=batch), 0, pictures, workers)
    first = number(0, 0)
    units = same = place = all_nine = tied = 0
    away = 0.0
    others: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        found = crp(network, pictures, batch, folder, alone=True)
        for name, summary in kept.items():
            images, values, places = (torch.tensor(part).T for part in load_maximization(found, name))
            ours, top = summary.top.images - first, summary.top.values
            alike = ours[:, 0] == images[:, 0]
            units, same = units + len(alike), same + int(alike.sum())
            place += int((alike & (summary.top.places[:, 0] == places[:, 0])).sum())
            all_nine += int((ours == images).all(1).sum())
            away = max(away, float(((values - top).abs() / top.abs().clamp(min=1e-6)).max()))
            shared = ~alike & (values[:, 0] == top[:, 0])
            tied += int(shared.sum())
            for channel in (~alike & ~shared).nonzero().flatten().tolist():
                pair = zip((ours, images), (top, values), strict=True)
                mine, its = (f"image {at[channel, 0]} with {value[channel, 0]:.7g}" for at, value in pair)
                others.append(f"- {name}:{channel}: {mine}; zennit-crp's {its}")
    print(f"Of {units:,} channels, {same:,} have the same first image, {place:,} also the same place in it, and")
    print(f"{all_nine:,} the same nine images in the same order. Of the {units - same:,} others {tied:,} have several")
    print(f"images with the same largest value. Values are at most {away:.1g} of themselves apart.")
    if others:
        print("\nFirst images that differ:\n\n" + "\n".join(others[:20]))


def shard(network: ph.Network, pictures: Path, batch: int, workers: int, rounds: int, now: Callable[[], float]) -> None:
    """Prints how large a shard's summaries are, and how long the machine that writes is busy with them."""
    work = Work(chosen_layers(network, None), batch=batch)
    files = sorted(pictures.iterdir())
    sent = []
    for place, part in enumerate((files[: len(files) // 2], files[len(files) // 2 :])):
        folder = pictures.with_name(f"shard-{place}")
        folder.mkdir()
        for file in part:
            (folder / file.name).symlink_to(file.resolve())
        sent.append(_written(tables.of_summaries(taken_in(network, work, place, folder, workers), "", {})))
    seconds = []
    for _ in range(rounds):
        whole = tables.to_summaries(_read(sent[0]), work.k, work.each)
        start = now()
        for name, summary in tables.to_summaries(_read(sent[1]), work.k, work.each).items():
            whole[name].merge(summary)
        seconds.append(now() - start)
    units = sum(len(summary.total) for summary in whole.values())
    print("| units | images of a shard | its summaries | reading and merging them |\n| ---: | ---: | ---: | ---: |")
    print(f"| {units:,} | {len(part):,} | {len(sent[1]) / 1e6:.1f} MB | {statistics.median(seconds):.2f} s |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--memory", action="store_true", help="measure only memory")
    parser.add_argument("--steady", action="store_true", help="measure only the parts, once the lists are full")
    parser.add_argument("--agree", action="store_true", help="compare only the strongest images with zennit-crp's")
    parser.add_argument("--shard", action="store_true", help="measure only a shard's summaries and their merging")
    parser.add_argument("--store", type=Path, help="a JSON file that keeps the rounds' times")
    given = parser.parse_args()
    now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    peers = ("zennit", "zennit-crp") if CRP else ()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "lancedb", *peers))
    threads = torch.get_num_threads()
    print(f"{date.today()}, {versions}, Python {platform.python_version()}, {platform.machine()}, {threads} threads,")
    print(f"{given.images} images, batches of {given.batch}, {given.workers} workers, {given.rounds} rounds\n")
    if not CRP:
        print("zennit-crp is not installed and left out: pip install --no-deps zennit-crp\n")
        given.kinds = [kind for kind in given.kinds if not kind.startswith("zennit-crp")]
    network = ph.load()
    with tempfile.TemporaryDirectory() as folder:
        pictures = gathered(Path(folder), given.images)
        if given.agree:
            if CRP:
                agree(network, pictures, given.batch, given.workers)
            return
        if given.shard:
            shard(network, pictures, given.batch, given.workers, given.rounds, now)
            return
        if given.steady:
            steady(network, pictures, given.rounds, now)
            return
        if given.memory:
            few = Path(folder) / "few"
            few.mkdir()
            for file in sorted(pictures.iterdir())[: given.images // 4]:
                (few / file.name).symlink_to(file.resolve())
            print("| | peak, a quarter of the images | peak, all |\n| --- | ---: | ---: |")
            for kind in given.kinds:
                sizes = [peak(kind, where, given.batch, given.workers, threads) for where in (few, pictures)]
                print(f"| {kind} | {sizes[0]:,} MB | {sizes[1]:,} MB |", flush=True)
            return
        seconds: dict[str, list[float]] = {kind: [] for kind in given.kinds}
        for _ in range(given.rounds):
            runs = {kind: KINDS[kind](network, pictures, given.batch, given.workers) for kind in given.kinds}
            for kind, spent in in_turns(runs, now).items():
                seconds[kind].append(spent)
            if given.store:
                given.store.write_text(json.dumps(seconds))
    print("| | images a second | × the bare pass |\n| --- | ---: | ---: |")
    for kind, times in seconds.items():
        ratio = statistics.median(b / t for b, t in zip(seconds["bare"], times, strict=True))
        print(f"| {kind} | {given.images / statistics.median(times):.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
