"""How often the embedded network is right, as a markdown table: `python benchmarks/accuracy.py [--count 700]`.

On 700 ImageNet photos whose file names begin with their class, in `imagenet_photos_700.zip` in the folder that
PHOSPHENE_DATA names. Its weights come without a preprocessing; the table shows how much the answer hangs on it.
"""

import argparse
import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import phosphene
from phosphene.network import Preprocessing

PHOTOS = Path(os.environ.get("PHOSPHENE_DATA", "")) / "imagenet_photos_700.zip"
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def candidates(own: Preprocessing) -> dict[str, Preprocessing]:
    tensorflow = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
    other = "bilinear" if own.interpolation == "bicubic" else "bicubic"
    return {
        "its own": own,
        f"{other} instead of {own.interpolation}": replace(own, interpolation=other),
        "mean 127/255, std 128/255": replace(own, **tensorflow),
        "mean and std of ImageNet": replace(own, **IMAGENET),
        "values in [0, 1]": replace(own, mean=(0.0,) * 3, std=(1.0,) * 3),
        "BGR": replace(own, colour="BGR"),
        "squashed to its size": replace(own, crop="squash", resize=own.size),
    }


def photos(count: int) -> list[tuple[int, np.ndarray]]:
    with zipfile.ZipFile(PHOTOS) as archive:
        files = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        files = files[:: max(1, len(files) // count)][:count]
        return [
            (int(Path(name).name[:4]), np.array(Image.open(io.BytesIO(archive.read(name))).convert("RGB")))
            for name in files
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=700)
    count = parser.parse_args().count
    if not PHOTOS.is_file():
        print(f"skipped: there is no {PHOTOS}; PHOSPHENE_DATA names the folder that holds it")
        return
    shown = photos(count)
    network = phosphene.load()
    truth = torch.tensor([index for index, _ in shown])
    print(f"{network.name}, {len(shown)} photos\n")
    print("| preprocessing | top-1 | top-5 | cross entropy |\n| --- | ---: | ---: | ---: |")
    for what, preprocessing in candidates(network.preprocessing).items():
        scores = []
        for start in range(0, len(shown), 50):
            batch = torch.cat([preprocessing.prepare(pixels) for _, pixels in shown[start : start + 50]])
            scores.append(network.record(batch, "logits")["logits"])
        logits = torch.cat(scores)
        right = logits.topk(5, 1).indices == truth[:, None]
        entropy = torch.nn.functional.cross_entropy(logits, truth)
        first, among = right[:, 0].double().mean(), right.any(1).double().mean()
        print(f"| {what} | {first:.2%} | {among:.2%} | {entropy:.4f} |", flush=True)


if __name__ == "__main__":
    main()
