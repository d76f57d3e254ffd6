"""A build that is killed at random moments and resumed, beside one that is not: `python benchmarks/kills.py`.

The embedded network at a small size on `--images` drawn pictures, some of them broken. The build writes after every
batch, so that many kills hit a writing. At the end all tables of both atlases are compared, bit for bit.
"""

import argparse
import multiprocessing
import os
import platform
import random
import signal
import tempfile
import time
from dataclasses import replace
from datetime import date
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import phosphene as ph
from phosphene.atlas.store.store import Store
from phosphene.atlas.sweep import sweep


def pictures(folder: Path, count: int) -> Path:
    generator = np.random.default_rng(0)
    for index in range(count):
        file = folder / f"{index % 7}" / f"{index:05}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if index % 50 == 17:
            file.write_bytes(b"\x89PNG\r\n\x1a\n broken")
            continue
        coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((80, 80), Image.Resampling.BICUBIC).save(file)
    return folder


def build(source: Path, path: Path, every: float) -> None:
    torch.set_num_threads(1)
    sweep.EVERY_S = every
    found = ph.load()
    network = ph.Network(found.module, replace(found.preprocessing, size=(64, 64), resize=(72, 72)), found.labels)
    ph.Atlas.build(network, source, path, layers=["blocks.2*.conv*", "conv_head"], batch=4)


def contents(path: Path) -> dict[str, list]:
    store = Store(path)
    found = {}
    for name in sorted(store.names()):
        table = store.table(name).to_arrow()
        dropped = [column for column in ("begun", "versions") if column in table.column_names]
        rows = [str(row) for row in table.drop_columns(dropped).to_pylist()]
        found[name] = sorted(rows)
    return found


def taken_in(path: Path) -> int:
    """Images that the atlas holds for certain."""
    try:
        store = Store(path)
        done = [store.coverage(one) for one in store.sweeps()]
    except FileNotFoundError:  # it is not there yet
        return 0
    shards = store.shards()
    return sum(sum(each.begun.values()) + sum(shards[number].images for number in each.finished) for each in done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    start = multiprocessing.get_context("spawn")
    drawn = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        source = pictures(Path(folder) / "set", given.images)
        whole, path = Path(folder) / "whole", Path(folder) / "killed"
        build(source, whole, 20.0)
        killed, seen = 0, []
        while killed < given.kills:
            process = start.Process(target=build, args=(source, path, 0.0))
            process.start()
            more = drawn.randrange(0, 2 * given.images // given.kills)  # images that this run may take in
            before = taken_in(path)
            while process.is_alive() and taken_in(path) < before + more:
                time.sleep(0.02)
            time.sleep(drawn.uniform(0, 0.3))
            if not process.is_alive():
                break
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed += 1
            seen.append(taken_in(path))
        build(source, path, 0.0)
        one, other = contents(whole), contents(path)
        same = {name: one[name] == other.get(name) for name in one}
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "lancedb"))
        print(f"{date.today()}, {versions}, Python {platform.python_version()}, seed {given.seed}\n")
        print(f"{killed} kills; images taken in after each: {seen}\n")
        print("| table | rows | equal to the run without kills |\n| --- | ---: | --- |")
        for name, equal in same.items():
            print(f"| {name} | {len(one[name])} | {'yes' if equal else 'NO'} |")
        raise SystemExit(0 if all(same.values()) and one.keys() == other.keys() else 1)


if __name__ == "__main__":
    main()
