"""How many class images are recognised, by the network and by a second one: `python benchmarks/class_images.py`.

For each recipe, one image of each of `--classes` classes, evenly spread over the thousand, made on the embedded
network, `--batch` at once. A class counts as recognised where the network gives it p > 0.99, and as transferred where
it is among the five likeliest of torchvision's mobilenet_v2, whose weights are in
PHOSPHENE_DATA/cnn_weights.safetensors; both see the images as they are. Nothing is timed. `--exchanged` makes the
images on mobilenet_v2 instead.
"""

import argparse
import os
import platform
from datetime import date
from pathlib import Path

import torch
import torchvision
from safetensors import safe_open

import phosphene as ph
from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.engine.recipes import RECIPES, followed, recipe_of
from phosphene.synthesis.engine.stepping import current_images

WEIGHTS = Path(os.environ.get("PHOSPHENE_DATA", "")) / "cnn_weights.safetensors"


def mobilenet() -> ph.Network:
    if not WEIGHTS.is_file():
        raise SystemExit(f"there is no {WEIGHTS}; PHOSPHENE_DATA names the folder that holds it")
    module = torchvision.models.mobilenet_v2()
    with safe_open(WEIGHTS, "pt") as file:
        module.load_state_dict(
            {
                key: file.get_tensor(f"mobilenet_v2/{key}").float() if f"mobilenet_v2/{key}" in file.keys() else value  # noqa: SIM118
                for key, value in module.state_dict().items()
            }
        )
    usual = ph.Preprocessing.from_torchvision(torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1)
    return ph.Network(module.eval(), usual, ph.load().labels)


def logits(network: ph.Network, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.record(network.normalise(images), "logits")["logits"].cpu()


def made(network: ph.Network, classes: list[int], recipe: str, size: int, steps: int | None, seed: int) -> torch.Tensor:
    """One image of each class (N, 3, size, size), in one ascent."""
    chosen = recipe_of(recipe)
    asked = unit(network, [f"logits:{index}" for index in classes], (size, size))
    _, image, moments = followed(
        network, asked, chosen, len(classes), (size, size), steps=steps or chosen.steps, seed=seed
    )
    for _ in moments:
        pass
    return current_images(image)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--steps", type=int, help="of each ascent; the recipe's own number if not given")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--recipes", default="fourier,maco,l2,yosinski-1,yosinski-3")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--exchanged", action="store_true", help="make them on mobilenet_v2, and ask the embedded one")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    first, second = ph.load(), mobilenet()
    if options.exchanged:
        first, second = second, first
    first, second = (
        ph.Network(each.module.to(options.device), each.preprocessing, each.labels) for each in (first, second)
    )
    classes = [round(i * 1000 / options.classes) for i in range(options.classes)]
    names = list(RECIPES) if options.recipes == "all" else options.recipes.split(",")
    print(
        f"{date.today()}, torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, "
        f"{options.device}; {len(classes)} classes, {options.size} px, steps {options.steps or 'of the recipe'}, "
        f"seed {options.seed}\n"
    )
    print(
        "| recipe | own p > 0.99 | own first | second's top 5 | second first | median p of the second | median score |"
    )
    print("| --- |" + " --- |" * 6, flush=True)
    for name in names:
        own, other = [], []
        for start in range(0, len(classes), options.batch):
            some = classes[start : start + options.batch]
            images = made(first, some, name, options.size, options.steps, options.seed + start)
            own.append(logits(first, images))
            other.append(logits(second, images))
        one, two, at = torch.cat(own), torch.cat(other), torch.tensor(classes)
        p, q = (scores.softmax(1)[torch.arange(len(at)), at] for scores in (one, two))
        ranks = [(s > s[torch.arange(len(at)), at][:, None]).sum(1) for s in (one, two)]
        cells = [(p > 0.99), ranks[0] == 0, ranks[1] < 5, ranks[1] == 0]
        shares = " | ".join(f"{100 * float(cell.float().mean()):.0f} %" for cell in cells)
        score = float(one[torch.arange(len(at)), at].median())
        print(f"| {name} | {shares} | {float(q.median()):.3f} | {score:.1f} |", flush=True)


if __name__ == "__main__":
    main()
