"""How often the embedded network is right, as a markdown table: `python benchmarks/accuracy.py [--count 700]`.

On 700 ImageNet photos whose file names begin with their class. Its weights' authors name one preprocessing; the others
are what one might take it for, and show how much the answer hangs on it.
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

DATA = Path(os.environ.get("PHOSPHENE_DATA", Path(__file__).parents[2] / "shared" / "data"))
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def candidates(own: Preprocessing) -> dict[str, Preprocessing]:
    half = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    other = "bilinear" if own.interpolation == "bicubic" else "bicubic"
    return {
        "its own": own,
        f"{other} instead of {own.interpolation}": replace(own, interpolation=other),
        "mean and std of ImageNet": replace(own, **IMAGENET),
        "mean and std 0.5": replace(own, **half),
        "values in [0, 1]": replace(own, mean=(0.0,) * 3, std=(1.0,) * 3),
        "BGR": replace(own, colour="BGR"),
        "squashed to its size": replace(own, crop="squash", resize=own.size),
    }


def photos(count: int) -> list[tuple[int, np.ndarray]]:
    with zipfile.ZipFile(DATA / "imagenet_photos_700.zip") as archive:
        files = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        files = files[:: max(1, len(files) // count)][:count]
        return [
            (int(Path(name).name[:4]), np.array(Image.open(io.BytesIO(archive.read(name))).convert("RGB")))
            for name in files
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=700)
    shown = photos(parser.parse_args().count)
    network = phosphene.load()
    truth = torch.tensor([index for index, _ in shown])
    print(f"{network.name}, {len(shown)} photos\n\n| preprocessing | top-1 | top-5 |\n| --- | --- | --- |")
    for what, preprocessing in candidates(network.preprocessing).items():
        best = []
        for start in range(0, len(shown), 50):
            batch = torch.cat([preprocessing.prepare(pixels) for _, pixels in shown[start : start + 50]])
            best.append(network.record(batch, "logits")["logits"].topk(5, 1).indices)
        right = torch.cat(best) == truth[:, None]
        print(f"| {what} | {right[:, 0].float().mean():.1%} | {right.any(1).float().mean():.1%} |", flush=True)


if __name__ == "__main__":
    main()
