"""How often and by how little photos are changed to a chosen class: `python benchmarks/adversarial.py`.

Photos: `imagenet_photos_700.zip` in the folder that PHOSPHENE_DATA names, spread evenly over all, those that the
embedded EfficientNet-Lite0 answers right. The class to reach is drawn at random by `--seed`, never the photo's own, or
is any other than that ("any other"). An attack succeeds if the image, rounded to 8 bits as a file holds it, is answered
with it. Norms are of pixels in [0, 1], means over the photos that succeed. Prints a markdown table; `--out FILE` keeps
each photo's numbers and goes on from them.
"""

import argparse
import json
import os
import platform
import time
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

import phosphene as ph
from phosphene.synthesis.adversarial.percentages import share

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
ATTACKS = {
    "lbfgs": {"method": "lbfgs"},
    "fgsm, L∞ 4/255": {"method": "fgsm", "epsilon": "4/255"},
    "pgd, L∞ 1/255": {"method": "pgd", "epsilon": "1/255"},
    "pgd, L∞ 4/255": {"method": "pgd", "epsilon": "4/255"},
    "pgd, L2 1": {"method": "pgd", "norm": "l2", "epsilon": 1.0},
    "fgsm, L∞ 1/255, any other": {"method": "fgsm", "epsilon": "1/255"},
    "fgsm, L∞ 4/255, any other": {"method": "fgsm", "epsilon": "4/255"},
    "pgd, L∞ 1/255, any other": {"method": "pgd", "epsilon": "1/255"},
}


def photos(network: ph.Network, wanted: int) -> Iterator[tuple[str, ph.Photo, int]]:
    """Photos that are answered right, spread over the archive, with their class."""
    with zipfile.ZipFile(DATA / "imagenet_photos_700.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        found = 0
        for start in range(len(names)):  # a walk that is spread evenly at every length
            name = names[start * 271 % len(names)]
            photo, label = ph.read(archive.read(name)), int(Path(name).name[:4])
            if network.classify(photo, 1)[0].index != label:
                continue
            yield name, photo, label
            found += 1
            if found == wanted:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--attacks", nargs="*", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--out", type=Path, help="a file of each photo's numbers, continued if it is there")
    given = parser.parse_args()
    network = ph.load()
    kept = json.loads(given.out.read_text()) if given.out and given.out.is_file() else {}
    generator = np.random.default_rng(given.seed)
    rows: dict[str, list[dict]] = {attack: [] for attack in given.attacks}
    for name, photo, label in photos(network, given.photos):
        other = int(generator.integers(len(network.labels) - 1))
        goal = other + (other >= label)
        for attack in given.attacks:
            key = f"{given.seed}/{name}/{attack}"
            if key not in kept:
                before = time.process_time()
                reached = None if attack.endswith("any other") else goal
                found = ph.adversarial(network, photo, reached, seed=given.seed, **ATTACKS[attack])
                kept[key] = {
                    "success": bool(found.success),
                    "unrounded": bool(found.success_unrounded),
                    "seconds": time.process_time() - before,
                    **{norm: float(values) for norm, values in found.norms.items()},
                }
                if given.out:
                    given.out.write_text(json.dumps(kept, indent=1))
            rows[attack].append(kept[key])
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("phosphene", "torch", "scipy"))
    print(
        f"{time.strftime('%Y-%m-%d')}, {platform.processor() or platform.machine()}, {versions}; {network.name}, ",
        end="",
    )
    print(f"{given.photos} photos answered right, targets by seed {given.seed}; {torch.get_num_threads()} threads\n")
    print(
        "| attack | reaches its target, saved as 8 bits | before rounding | mean L2 | largest L2 | mean L∞ × 255 | ",
        end="",
    )
    print("mean distortion | CPU seconds a photo |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for attack, numbers in rows.items():
        good = [each for each in numbers if each["success"]]
        mean = {k: np.mean([e[k] for e in good]) if good else np.nan for k in ("L2", "Linf", "distortion")}
        print(
            f"| {attack} | {share(len(good), len(numbers))} | {np.mean([e['unrounded'] for e in numbers]):.0%} | "
            f"{mean['L2']:.2f} | {max((e['L2'] for e in good), default=np.nan):.2f} | {255 * mean['Linf']:.2f} | "
            f"{mean['distortion']:.4f} | {np.mean([e['seconds'] for e in numbers]):.1f} |"
        )


if __name__ == "__main__":
    main()
