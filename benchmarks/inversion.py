"""How nearly each layer can be inverted: errors over photos, from noise, with `ph.invert` as it stands.

    PHOSPHENE_DATA=../shared/data python benchmarks/inversion.py --photos 20

Two errors are given. Ours is |φ(x) − φ0|² / |φ0|². The paper's (A. Mahendran and A. Vedaldi 2015) is |φ(x) − φ0| over
the mean distance between the codes of the test photos; theirs, on AlexNet over 100 photos, are about 5 to 20 %.
Prints a table; `--store FILE` keeps what is done, so that a stopped run goes on. On one thread a batch of photos takes
as long as the same photos one by one, so they are taken one by one.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import time
import zipfile
from datetime import date
from itertools import combinations
from os import environ
from pathlib import Path
from statistics import mean, median

import torch
from torchvision.transforms.functional import to_pil_image

import phosphene as ph
from phosphene.synthesis.engine.layers.codes import code, reading
from phosphene.synthesis.engine.options import seen_images

LAYERS = ("bn1", "blocks.0", "blocks.1", "blocks.2", "blocks.3", "blocks.4", "bn2", "global_pool", "logits")


def photos(count: int) -> list[ph.Photo]:
    """Photos of `count` classes spread over all."""
    path = Path(environ.get("PHOSPHENE_DATA", "shared/data")) / "imagenet_photos_700.zip"
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        chosen = [names[(2 * index + 1) * len(names) // (2 * count)] for index in range(count)]
        return [ph.read(io.BytesIO(archive.read(name)).getvalue()) for name in chosen]


def kept(store: Path, done: dict) -> None:
    """Written beside and then moved, so that a run stopped meanwhile leaves the store whole."""
    beside = store.with_suffix(".part")
    beside.write_text(json.dumps(done))
    beside.replace(store)


def codes(network: ph.Network, layer: str, images: torch.Tensor) -> torch.Tensor:
    read = code(network, layer, (int(images.shape[-2]), int(images.shape[-1])))
    return torch.cat([read(reading(network, {layer: read}, image[None])[layer]).cpu() for image in images])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--steps", type=int, help="of every layer; if not given, as many as invert takes for its depth")
    parser.add_argument("--layers", nargs="*", default=LAYERS)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--images", type=Path, help="a folder for each photo beside its image, to look at")
    given = parser.parse_args()
    if given.images:
        given.images.mkdir(parents=True, exist_ok=True)
    network = ph.load()
    shown = photos(given.photos)
    originals = seen_images(network, shown)
    done = json.loads(given.store.read_text()) if given.store and given.store.exists() else {}
    rows = []
    for layer in given.layers:
        own = codes(network, layer, originals)
        usual = torch.stack([(own[a] - own[b]).norm() for a, b in combinations(range(len(own)), 2)]).mean()
        found = []
        for index, photo in enumerate(shown):
            key = f"{layer} {photo.sha256} {given.steps or 'usual'}"
            if key not in done:
                began = time.process_time()
                result = ph.invert(network, photo, layer, steps=given.steps)
                done[key] = {
                    "error": float(result.errors[0]),
                    "distance": float((codes(network, layer, result.images) - own[index]).norm()),
                    "pixels": float(result.distances[0]),
                    "seconds": time.process_time() - began,
                    "how": result.how,
                }
                if given.store:
                    kept(given.store, done)
                if given.images:
                    to_pil_image(torch.cat([result.originals[0], result.images[0]], -1)).save(
                        given.images / f"{layer} {index}.png"
                    )
            found.append(done[key])
        errors = [100 * each["error"] for each in found]
        papers = [100 * each["distance"] / float(usual) for each in found]
        away, seconds = (mean(each[name] for each in found) for name in ("pixels", "seconds"))
        rows.append(
            f"| {layer} | {own.shape[1]:,} | {mean(errors):.2f} | {median(errors):.2f} | {max(errors):.2f} "
            f"| {mean(papers):.1f} | {away:.3f} | {seconds:.0f} |"
        )
        print(rows[-1], flush=True)
    print(
        f"\nInversion of {network.name}, {len(shown)} photos, {given.steps or 'the usual'} steps, prior 0.02, seed 0; "
        f"{date.today()}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{platform.processor() or platform.machine()}.\n"
    )
    print("| layer | numbers | error %, mean | median | largest | as the paper's, % | pixels (rms) | CPU s a photo |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
