"""The memory of comparisons over few and many images: `python benchmarks/comparison_memory.py`.

The embedded network at 128 px and the photos of `imagenet_photos_700.zip` in the folder that PHOSPHENE_DATA names (or
of `--photos FOLDER`), as often as it takes for `--images` of them. Each instrument runs in a process of its own, for
an eighth of the images and for all; memory is the process's peak, less that of a process that opens the network and
runs it once on a batch. `stored` is the largest file of a checkpoint.
"""

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import date
from pathlib import Path

SIDE = 128
LAYERS = ["blocks.1", "blocks.3", "blocks.5"]


def linked(folder: Path, photos: list[Path], count: int) -> str:
    folder.mkdir()
    for index in range(count):
        (folder / f"{index:05}{photos[index % len(photos)].suffix}").symlink_to(photos[index % len(photos)])
    return str(folder)


def measured(name: str, folder: str, checkpoint: str) -> dict[str, float]:
    """Runs one instrument; its peak memory in MB, its seconds, and the largest file of its checkpoint in MB."""
    import torch

    import phosphene as ph
    from phosphene.data import checkpoint as written

    torch.set_num_threads(1)
    written.EVERY_S = 5.0
    opened = ph.load()
    size = dataclasses.replace(opened.preprocessing, size=(SIDE, SIDE), resize=(SIDE, SIDE))
    network = ph.Network(opened.module, size, opened.labels)
    began, largest = time.perf_counter(), 0
    how = {"layers": LAYERS, "limit": None, "checkpoint": checkpoint}
    steps = {
        "nothing": lambda: iter([network.scores(torch.zeros(16, 3, SIDE, SIDE))]),
        "similarity, cka": lambda: ph.similarity.steps(network, network, folder, **how),
        "invariance": lambda: ph.invariance.steps(network, folder, "flip-vertical", **how),
        "equivariance": lambda: ph.equivariance.steps(network, folder, "flip-vertical", **how),
    }[name]()
    for _ in steps:
        if Path(checkpoint).exists():
            largest = max([largest, *(file.stat().st_size for file in Path(checkpoint).glob("*.pass"))])
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"peak": peak, "seconds": seconds, "stored": largest / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("INSTRUMENT", "FOLDER", "CHECKPOINT"), help="run this one here")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(*asked.one)))
        return
    with tempfile.TemporaryDirectory() as root:
        photos = asked.photos
        if photos is None:
            photos = Path(root) / "originals"
            with zipfile.ZipFile(Path(os.environ.get("PHOSPHENE_DATA", "")) / "imagenet_photos_700.zip") as archive:
                archive.extractall(photos)
        files = sorted(file.resolve() for file in photos.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
        counts = asked.images // 8, asked.images
        folders = [linked(Path(root) / str(count), files, count) for count in counts]

        def run(name: str, folder: str) -> dict[str, float]:
            command = [sys.executable, __file__, "--one", name, folder, str(Path(root) / "run")]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return json.loads(done.stdout.splitlines()[-1])

        base = run("nothing", folders[0])["peak"]
        print(f"{date.today():%-d %B %Y}; the network alone takes {base:,.0f} MB\n")
        print(f"| instrument | {counts[0]:,} images | {counts[1]:,} images | a second | stored |")
        print("| --- | ---: | ---: | ---: | ---: |", flush=True)
        for name in ("similarity, cka", "invariance", "equivariance"):
            few, many = (run(name, folder) for folder in folders)
            print(
                f"| {name} | {few['peak'] - base:,.0f} MB | {many['peak'] - base:,.0f} MB | "
                f"{counts[1] / many['seconds']:.1f} | {many['stored']:,.1f} MB |", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
