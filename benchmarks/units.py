"""What synthesis reaches against the best of the photos, channel by channel: `python benchmarks/units.py`.

The embedded network and `imagenet_photos_700.zip` (one photo of each of 700 classes) in the folder that PHOSPHENE_DATA
names. Channels are spread evenly over the outputs of the network's blocks and over each block's channels. A channel's
score is its mean over all places, of an image as of a photo; the photos are seen as the network usually sees them.

Each batch of channels is raised together, an image a channel; what is finished is kept in `--store` and not made again.
Columns: how many channels end above the best of all the photos, the median of image over best photo (where that is
above 0), and the channels that don't reach it.
"""

import argparse
import json
import os
import platform
import tempfile
import time
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

import phosphene as ph

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
LAYERS = ("blocks.0", "blocks.1.1", "blocks.2.1", "blocks.3.2", "blocks.4.2", "blocks.5.3", "blocks.6.0")


def chosen(network: ph.Network, count: int) -> dict[str, list[int]]:
    """Channels of each layer, `count` in all."""
    shares = [count // len(LAYERS) + (index < count % len(LAYERS)) for index in range(len(LAYERS))]
    found = {}
    for layer, share in zip(LAYERS, shares, strict=True):
        channels = network.layer(layer).channels
        found[layer] = sorted({int((index + 0.5) * channels / share) for index in range(share)})
    return found


def photos(network: ph.Network, limit: int | None) -> tuple[dict[str, np.ndarray], int]:
    """The mean of every channel for every photo: a layer's (photos, channels)."""
    found: dict[str, list[np.ndarray]] = {layer: [] for layer in LAYERS}
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(DATA / "imagenet_photos_700.zip") as archive:
            archive.extractall(folder)
        files = sorted(Path(folder).rglob("*.jpg"))
        files = files if limit is None else files[:: max(1, len(files) // limit)][:limit]
        for start in range(0, len(files), 16):
            with torch.no_grad():
                values = network.record([ph.read(file) for file in files[start : start + 16]], *LAYERS)
            for layer in LAYERS:
                found[layer].append(values[layer].mean((2, 3)).double().cpu().numpy())
    return {layer: np.concatenate(parts) for layer, parts in found.items()}, len(files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=100)
    parser.add_argument("--photos", type=int, default=None, help="at most so many, spread over all")
    parser.add_argument("--batch", type=int, default=8, help="channels that are raised together")
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--device", default=None)
    parser.add_argument("--store", type=Path, default=None, help="a JSON file that keeps what is finished")
    given = parser.parse_args()
    if not (DATA / "imagenet_photos_700.zip").is_file():
        print(f"skipped: there is no imagenet_photos_700.zip in {DATA}; PHOSPHENE_DATA names the folder that holds it")
        return
    network = ph.load(device=given.device)
    began = time.process_time()
    means, looked_at = photos(network, given.photos)
    settings = f"{given.steps} steps, {given.size} px"
    kept = json.loads(given.store.read_text()) if given.store is not None and given.store.is_file() else {}
    reached = kept.setdefault(settings, {})
    for layer, channels in chosen(network, given.channels).items():
        missing = [channel for channel in channels if f"{layer}:{channel}" not in reached]
        for start in range(0, len(missing), given.batch):
            asked = [f"{layer}:{channel}" for channel in missing[start : start + given.batch]]
            made = ph.synthesize(network, asked, size=given.size, steps=given.steps)
            reached |= dict(zip(asked, made.scores.tolist(), strict=True))
            if given.store is not None:
                given.store.write_text(json.dumps(kept, indent=1))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numpy"))
    print(f"{network.name} on {network.device}; {settings}; {looked_at} photos; {time.strftime('%d %B %Y')};")
    print(f"{versions}; Python {platform.python_version()}; {time.process_time() - began:.0f} s of processor time\n")
    print("| layer | channels | above the best photo | image over photo, median | not above |")
    print("| --- | --- | --- | --- | --- |")
    total, above = 0, 0
    for layer, channels in chosen(network, given.channels).items():
        best = means[layer].max(0)
        ours = {channel: reached[f"{layer}:{channel}"] for channel in channels}
        failed = [channel for channel in channels if ours[channel] <= best[channel]]
        ratios = [ours[channel] / best[channel] for channel in channels if best[channel] > 0]
        total, above = total + len(channels), above + len(channels) - len(failed)
        median = f"{np.median(ratios):.2f} ({len(ratios)})" if ratios else "–"
        told = ", ".join(f"{channel} ({ours[channel]:.3g}, photo {best[channel]:.3g})" for channel in failed) or "–"
        print(f"| {layer} | {len(channels)} | {len(channels) - len(failed)} | {median} | {told} |")
    print(f"| all | {total} | {above} | | |")


if __name__ == "__main__":
    main()
