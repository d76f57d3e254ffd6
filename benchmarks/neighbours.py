"""Neighbours among a million images, as a markdown table: `python benchmarks/neighbours.py [--count 1000000]`.

Vectors come from photos: the embedded network's last features (1,280 values) of CIFAR-10 photos at 64 px, 4 in 5 of
them as seeds. Each vector of the atlas is a random mixture of a seed and two of its 16 nearest others, plus noise of a
tenth of each value's deviation, cut at 0 as the network's rectifier does. So there are as many as are asked for, on
surfaces of few dimensions, in clusters of uneven density, as features lie. Questions are images of the atlas, and the
photos that were left out, which nothing in the atlas was made from.

`--kinds` builds other kinds of index on the same vectors instead. `cifar10_jpeg.npz` lies in the folder that
PHOSPHENE_DATA names. All is written below `--folder` and deleted afterwards, but for the photos' features.
"""

import argparse
import io
import json
import multiprocessing
import os
import platform
import shutil
import tempfile
import time
from importlib import metadata
from pathlib import Path

import numpy as np

LAYER, LENGTH, SIDE, NEAR = "global_pool", 1280, 64, 16
ROWS = 10_000
ASKED, WHOLE = 200, 3  # questions through the index, and by looking at all


def real(folder, photos):
    """The features (photos, 1280) of CIFAR-10 photos."""
    import torch
    from PIL import Image

    import phosphene as ph

    path = Path(folder) / f"real-{photos}.npy"
    if path.exists():
        return
    net, found = ph.load(), []
    with np.load(Path(os.environ.get("PHOSPHENE_DATA", "")) / "cifar10_jpeg.npz") as data:
        header, jpeg, offset = data["jpeg_header"].tobytes(), data["train_jpeg"], data["train_offset"]
    for start in range(0, photos, 100):
        batch = []
        for at in range(start, start + 100):
            photo = Image.open(io.BytesIO(header + jpeg[offset[at] : offset[at + 1]].tobytes())).convert("RGB")
            batch.append(np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
        x = net.normalise(torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2) / 255)
        found.append(net.record(x, LAYER)[LAYER].flatten(1).numpy())
    np.save(path, np.concatenate(found))


def seeds_and_questions(folder, photos):
    vectors = np.load(Path(folder) / f"real-{photos}.npy")
    return vectors[: photos * 4 // 5], vectors[photos * 4 // 5 :]


def fill(folder, photos, count, half):
    """An atlas of `count` images without photos."""
    import phosphene as ph
    from phosphene.atlas.store import tables
    from phosphene.atlas.store.store import Store
    from phosphene.atlas.store.work import Work
    from phosphene.data.batches import Row
    from phosphene.data.coverage import Coverage
    from phosphene.data.sources import number

    seeds, _ = seeds_and_questions(folder, photos)
    random = np.random.default_rng(0)
    lengths = (seeds**2).sum(1)
    near = np.concatenate([
        np.argpartition(lengths - 2 * some @ seeds.T, NEAR, 1)[:, :NEAR]
        for some in np.array_split(seeds, max(1, len(seeds) // 1000))
    ])  # fmt: skip
    deviation = seeds.std(0) / 10
    store = Store(Path(folder) / "atlas", create=True)
    sweep = store.begin(ph.load(), Work((), (LAYER,), half=half))

    images = store.table("images")
    for start in range(0, count, ROWS):
        ids = [number(0, at) for at in range(start, min(start + ROWS, count))]
        images.add(tables.of_rows([Row(at, 0, f"{at:07}.jpg", None, SIDE, SIDE) for at in ids]))

    def batches():
        for start in range(0, count, ROWS):
            rows = min(ROWS, count - start)
            chosen = random.integers(0, len(seeds), rows)
            of = near[chosen[:, None], random.integers(0, NEAR, (rows, 3))]
            of[:, 0] = chosen
            shares = random.dirichlet(np.ones(3), rows).astype(np.float32)
            mixed = np.einsum("nk,nkd->nd", shares, seeds[of])
            mixed += deviation * random.standard_normal(mixed.shape, dtype=np.float32)
            ids = [number(0, at) for at in range(start, start + rows)]
            kind = np.float16 if half else np.float32
            yield from tables.of_features(ids, np.maximum(mixed, 0).astype(kind), half).to_batches()

    store.db.create_table(
        tables.features_table(sweep.name, LAYER), batches(), schema=tables.features_schema(LENGTH, half)
    )
    store.commit(sweep, {}, [], Coverage({0}))


def index(folder):
    from phosphene.atlas import Atlas
    from phosphene.atlas.search.indexing import build

    return build(Atlas(Path(folder) / "atlas")).to_dict()


def opened(folder):
    from phosphene.atlas import Atlas
    from phosphene.atlas.store.tables import features_table

    atlas = Atlas(Path(folder) / "atlas")
    return atlas, atlas.store.table(features_table(atlas.sweeps()[0].name, LAYER))


def true(folder, photos):
    """The true neighbours of photos that are not in the atlas, and what looking at all takes for one of them."""
    from phosphene.atlas.search.search import blocks, exact

    _, questions = seeds_and_questions(folder, photos)
    table = opened(folder)[1]
    np.save(Path(folder) / "true.npy", exact(blocks(table), questions[:ASKED], 10, "euclidean").numbers)
    return timed([lambda one=one: exact(blocks(table), one[None], 10, "euclidean") for one in questions[:WHOLE]])


def ask(folder, photos, told):
    """Recall@10 of photos that are not in the atlas, and times: of the search, and of all that `neighbours` does."""
    from phosphene.atlas.search.search import approximate, recall

    _, questions = seeds_and_questions(folder, photos)
    atlas, table = opened(folder)
    wanted = np.load(Path(folder) / "true.npy")
    setting = ("euclidean", told["probes"], told["refine"])
    approximate(table, questions[-20:], 10, *setting)  # the first ones read the index from the disk
    found = approximate(table, questions[:ASKED], 10, *setting)
    search = timed([lambda one=one: approximate(table, one[None], 10, *setting) for one in questions[:ASKED]])
    numbers = np.random.default_rng(1).integers(0, told["images"], ASKED).tolist()
    atlas.neighbours(numbers[0], k=10)
    whole = timed([lambda one=one: atlas.neighbours(one, k=10) for one in numbers[:20]])
    return {"recall": recall(found.numbers, wanted), "search": search, "whole": whole}


def kinds(folder, photos):
    """Other kinds of index on the same vectors: seconds of a processor to build, and recall@10 by groups looked at."""
    from lancedb.index import HnswSq, IvfPq, IvfRq, IvfSq

    from phosphene.atlas.search.indexing import GROUP, ITERATIONS, SAMPLED
    from phosphene.atlas.search.search import approximate, recall

    _, questions = seeds_and_questions(folder, photos)
    _, table = opened(folder)
    wanted = np.load(Path(folder) / "true.npy")
    groups = max(2, table.count_rows() // GROUP)
    same = {"num_partitions": groups, "max_iterations": ITERATIONS, "sample_rate": SAMPLED}
    every = {
        "IVF_RQ, 1 bit": IvfRq(**same), "IVF_SQ": IvfSq(**same),
        f"IVF_PQ, {LENGTH // 16} codes": IvfPq(num_sub_vectors=LENGTH // 16, **same),
        "IVF_HNSW_SQ, one graph": HnswSq(num_partitions=1, m=16, ef_construction=150),
    }  # fmt: skip
    for name, config in every.items():
        begun = time.process_time()
        table.create_index("vector", config=config, name="one")
        built = time.process_time() - begun
        size = sum(each.size_bytes for each in table.list_indices()) / 2**20
        found = {}
        for probes in sorted({max(1, groups // share) for share in (10, 5, 2)}):
            begun = time.process_time()
            numbers = approximate(table, questions[:ASKED], 10, "euclidean", probes, 10).numbers
            found[probes] = (recall(numbers, wanted), (time.process_time() - begun) / ASKED * 1000)
        words = " | ".join(f"{share:.3f}, {ms:.1f} ms" for share, ms in found.values())
        print(f"| {name} | {built:.0f} s | {size:.0f} MiB | {words} |", flush=True)
        table.drop_index("one")


def timed(calls):
    """The median of milliseconds by the clock, and the mean of those of the processor."""
    clock, begun = [], time.process_time()
    for call in calls:
        start = time.perf_counter()
        call()
        clock.append(1000 * (time.perf_counter() - start))
    return float(np.median(clock)), 1000 * (time.process_time() - begun) / len(calls)


def measured(function, *values):
    """What a function gives in a process of its own, with its seconds, processor's seconds, and peak memory in GiB."""
    begun = time.process_time(), time.perf_counter()
    got = function(*values)
    seconds, clock = time.process_time() - begun[0], time.perf_counter() - begun[1]
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 2**20
    return got, clock, seconds, peak


def alone(function, *values):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (function, *values))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=10_000, help="CIFAR-10 photos whose features it begins with")
    parser.add_argument("--half", action="store_true", help="features as float16")
    parser.add_argument("--kinds", action="store_true", help="other kinds of index")
    parser.add_argument("--folder", default=None, help="where to write; a temporary folder if not given")
    asked = parser.parse_args()
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="neighbours-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        alone(real, folder, asked.photos)
        shutil.rmtree(folder / "atlas", ignore_errors=True)
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("lancedb", "numpy", "torch"))
        print(f"{versions}, Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        lines = []
        _, clock, seconds, _ = alone(fill, folder, asked.photos, asked.count, asked.half)
        size = sum(file.stat().st_size for file in (folder / "atlas").rglob("*") if file.is_file()) / 1e9
        lines.append(("writing the atlas", f"{size:.2f} GB, {clock:.0f} s, {seconds:.0f} s of a processor"))
        (whole, cpu), *_, peak = alone(true, folder, asked.photos)
        every = f"{whole:,.0f} ms, {cpu:,.0f} ms of a processor, {peak:.1f} GiB with {ASKED} questions"
        lines.append(("looking at all, one question", every))
        if asked.kinds:
            print("\n| kind | built | size | a tenth of the groups | a fifth | half |")
            print("| --- | --- | --- | --- | --- | --- |", flush=True)
            alone(kinds, folder, asked.photos)
            return
        told, clock, seconds, peak = alone(index, folder)
        built = f"{clock:.0f} s, {seconds:.0f} s of a processor, peak memory {peak:.1f} GiB"
        lines.append((f"building an {told['kind']} index of {told['groups']} groups, and measuring it", built))
        lines.append(("groups looked at, refined", f"{told['probes']} of {told['groups']}, {told['refine']} k"))
        got, *_, peak = alone(ask, folder, asked.photos, told)
        lines.append(("recall@10, images of the atlas", f"{told['recall']:.3f} ({told['queries']})"))
        lines.append(("recall@10, photos not in it", f"{got['recall']:.3f} ({ASKED})"))
        for name, key in (("search for one vector", "search"), ("`neighbours` of one image", "whole")):
            clock, cpu = got[key]
            lines.append((name, f"{clock:.1f} ms, {cpu:.1f} ms of a processor"))
        print(f"load {os.getloadavg()[0]:.1f} at the end\n\n| {asked.count:,} × {LENGTH:,} | |\n| --- | --- |")
        print("\n".join(f"| {name} | {value} |" for name, value in lines))
        print(json.dumps(told))
    finally:
        for made in ("atlas", "true.npy") if asked.folder else (".",):
            path = folder / made
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
