"""Reversed passes against autograd, as a markdown table: `python benchmarks/reversed.py [--rounds 9]`.

One image of 224 x 224 px, random weights. One unit: the score of a class, against autograd's own gradient of it on the
bare module. Many units of one image, guided backprop: the largest activations of the first channels of a layer, or
units at random places, together against four of them one by one; processor time of one thread (set OMP_NUM_THREADS=1).
"""

import argparse
import os
import platform
import random
import statistics
import time
from collections.abc import Callable

import torch
import torchvision.models as tv
from seam import alternating

import phosphene
from phosphene.network import Network

METHODS = {"gradient": phosphene.gradient, "deconvnet": phosphene.deconvnet, "guided backprop": phosphene.guided}
MANY = (  # network, layer, units, whether at random places
    ("vgg16", "features.15", 256, False),
    ("vgg16", "features.22", 128, False),
    ("vgg16", "features.29", 32, False),
    ("resnet18", "layer1", 64, False),
    ("resnet18", "layer2", 128, False),
    ("resnet50", "layer1", 256, False),
    ("resnet50", "layer2", 512, False),
    ("resnet50", "layer2", 512, True),
    ("resnet50", "layer3", 32, False),
    ("mobilenet_v2", "features.6", 32, False),
    ("mobilenet_v2", "features.6", 512, True),
    ("mobilenet_v2", "features.10", 64, False),
)


def spent(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def units(network: Network, layer: str, count: int, anywhere: bool) -> list[str]:
    channels, rows, columns = network.layer(layer, 224).maps_shape
    if not anywhere:
        return [f"{layer}:{channel}" for channel in range(count)]
    draw = random.Random(0)
    return [f"{layer}:{i % channels}@{draw.randrange(rows)},{draw.randrange(columns)}" for i in range(count)]


def many(image: torch.Tensor, rounds: int) -> None:
    print("\n| many units | together, each | alone, each | times faster |\n| --- | ---: | ---: | ---: |")
    for name, layer, count, anywhere in MANY:
        torch.manual_seed(0)
        network = Network(getattr(tv, name)().eval())
        targets = units(network, layer, count, anywhere)
        some = targets[:: count // 4]

        def together(network: Network = network, targets: list[str] = targets) -> object:
            return phosphene.guided(network, image, targets)

        def alone(network: Network = network, some: list[str] = some) -> object:
            return [phosphene.guided(network, image, target) for target in some]

        alone()
        pairs = []
        for index in range(rounds):
            first, second = (spent(work) for work in ((alone, together) if index % 2 else (together, alone)))
            a, t = (first, second) if index % 2 else (second, first)
            pairs.append((t / count * 1e3, a / len(some) * 1e3))
        each = " | ".join(f"{statistics.median(pair[i] for pair in pairs):.1f} ms" for i in (0, 1))
        ratio = statistics.median(a / t for t, a in pairs)
        where = "at random places" if anywhere else "at their largest"
        print(f"| {name}, {count} of {layer} {where} | {each} | {ratio:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--many", action="store_true", help="only many units")
    options = parser.parse_args()
    rounds = options.rounds
    where = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {where}, {rounds} rounds\n")
    image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    if not options.many:
        single(image, rounds)
    many(image, max(3, rounds // 3))


def single(image: torch.Tensor, rounds: int) -> None:
    print("| one unit | Phosphene | autograd | ratio |\n| --- | ---: | ---: | ---: |")
    for name in ("vgg16", "resnet50", "mobilenet_v2"):
        module = getattr(tv, name)().eval()
        network = Network(module)

        def plain(module: torch.nn.Module = module) -> object:
            x = image.clone().requires_grad_()
            return torch.autograd.grad(module(x)[0, 7], x)

        for method, function in METHODS.items():

            def ours(network: Network = network, function: object = function) -> object:
                return function(network, image, "logits:7")  # type: ignore[operator]

            one, other, ratio = alternating(ours, plain, rounds)
            print(f"| {name}, {method} | {one * 1e3:.0f} ms | {other * 1e3:.0f} ms | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
