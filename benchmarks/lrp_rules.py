"""Which rule relevance takes where none is named: `PHOSPHENE_DATA=folder python benchmarks/lrp_rules.py held 4`.

`held`: how much of the score the pixels hold under each rule, medians over photos of ImageNet for the embedded network
and weights of `cnn_weights.safetensors`, and over an image of noise for networks of torchvision with random weights.
`judged`: insertion, deletion and sensitivity-n of `ph.judge` for the rules on the same photos, beside the gradient.

Photos and weights are those of the folder that PHOSPHENE_DATA names; without it the script ends in a sentence.
"""

from __future__ import annotations

import platform
import statistics
import sys

import torch
import torchvision.models as tv
from judge import DATA, imagenet, network

import phosphene as ph

RULES = ("rule=composite-share", "rule=composite", "rule=composite,bias=share")
TRAINED = ("embedded", "squeezenet1_1", "mobilenet_v2")
JUDGED = ("embedded",)
RANDOM = ("vgg11_bn", "resnet18", "vit_b_16")


def options(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(","))


def held(net: ph.Network, images: list, rule: str) -> str:
    """The median share of the score that the pixels hold; how many were refused."""
    shares, refused = [], 0
    for image in images:
        try:
            found = ph.lrp(net, image, None if not isinstance(image, torch.Tensor) else "logits:3", **options(rule))
        except ValueError:
            refused += 1
            continue
        shares.append(float(found.values.double().sum() / found.scores[0]))
    if not shares:
        return "refused"
    told = f"{100 * statistics.median(shares):.3g} %".replace("-", "−")
    return told if not refused else f"{told}, {refused} of {len(images)} refused"


def print_held(photos: list) -> None:
    columns: dict[str, list[str]] = {}
    for name in TRAINED:
        columns[name] = [held(network(name), photos, rule) for rule in RULES]
    for name in RANDOM:
        torch.manual_seed(0)
        module = tv.get_model(name, weights=None)
        for parameter in module.parameters():
            if parameter.ndim == 1 or not parameter.any():
                parameter.data.add_(torch.randn_like(parameter) * 0.1)
        noise = [torch.randn(1, 3, 224, 224)]
        columns[f"{name}, random"] = [held(ph.Network(module.eval()), noise, rule) for rule in RULES]
    print(f"| rule | {' | '.join(columns)} |\n| --- |" + " ---: |" * len(columns))
    for row, rule in enumerate(RULES):
        print(f"| `{rule}` | {' | '.join(column[row] for column in columns.values())} |", flush=True)


def print_judged(photos: list) -> None:
    for name in JUDGED:
        methods = [*(f"lrp:{rule}" for rule in RULES), "gradient"]
        found = ph.judge(network(name), photos, methods=methods, tests="insertion,deletion,sensitivity_n", steps=16)
        print(f"\n### {name}\n\n| method | insertion ↑ | deletion ↓ | sensitivity-n ↑ |\n| --- |" + " ---: |" * 3)
        for method in found.names:
            cells = []
            for test in ("insertion", "deletion", "sensitivity_n"):
                score = found.score(method, test)
                told = f"{score.mean:.2f} [{score.low:.2f}, {score.high:.2f}]" if score.count else "–"
                cells.append(told.replace("-", "−"))
            print(f"| {method} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    part, count = sys.argv[1], int(sys.argv[2])
    if not (DATA / "imagenet_photos_700.zip").is_file():
        print(f"skipped: there is no {DATA / 'imagenet_photos_700.zip'}; PHOSPHENE_DATA names the folder that holds it")
        return
    photos = [photo for _, photo in zip(range(count), imagenet(), strict=False)]
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {count} photos\n", flush=True)
    print_held(photos) if part == "held" else print_judged(photos)


if __name__ == "__main__":
    main()
