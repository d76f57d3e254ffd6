"""Reversed passes against autograd, as a markdown table: `python benchmarks/reversed.py [--rounds 9]`.

One image of 224 x 224 px, random weights. One unit: the score of a class, against autograd's own gradient of it on the
bare module. Many units: the largest activations of the first channels of a layer, together against one by one.
"""

import argparse
import os
import platform

import torch
import torchvision.models as tv
from seam import alternating

import phosphene
from phosphene.network import Network

METHODS = {"gradient": phosphene.gradient, "deconvnet": phosphene.deconvnet, "guided backprop": phosphene.guided}
MANY = (
    ("resnet18", "layer1", 64),
    ("resnet18", "layer2", 64),
    ("resnet18", "layer3", 64),
    ("vgg16", "features.16", 32),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    where = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {where}, {rounds} rounds\n")
    print("| one unit | Phosphene | autograd | ratio |\n| --- | ---: | ---: | ---: |")
    image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
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

    print("\n| many units | together, each | alone, each | times faster |\n| --- | ---: | ---: | ---: |")
    for name, layer, count in MANY:
        torch.manual_seed(0)
        network = Network(getattr(tv, name)().eval())
        targets = [f"{layer}:{channel}" for channel in range(count)]

        def together(network: Network = network, targets: list[str] = targets) -> object:
            return phosphene.guided(network, image, targets)

        def alone(network: Network = network, targets: list[str] = targets) -> object:
            return [phosphene.guided(network, image, target) for target in targets]

        one, other, ratio = alternating(alone, together, max(1, rounds // 3))
        each = f"{other / count * 1e3:.1f} ms | {one / count * 1e3:.1f} ms"
        print(f"| {name}, {count} of {layer} | {each} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
