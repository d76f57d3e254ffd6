"""What the seam costs, as a markdown table: `python benchmarks/seam.py [--rounds 15]`.

Every pair is measured in alternating runs on the same input, so that a machine that slows down slows both; a ratio is
the median of the rounds' ratios. Networks have random weights and 224 x 224 px inputs, one image.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torchvision.models as tv

from phosphene.network import Network
from phosphene.network.survey import survey

IMAGE = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))


MANY = 1000
DOT = torch.rand(1, 3, 1, 1)


class Modules(torch.nn.Sequential):
    """Many modules and no function."""

    def __init__(self) -> None:
        super().__init__(*(torch.nn.Identity() for _ in range(MANY)))


class Functions(torch.nn.Module):
    """Many functions in one module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(MANY):
            x = torch.relu(x)
        return x


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternating(one: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of the rounds' ratios one / other; who goes first alternates."""
    one(), other()
    pairs = []
    for index in range(rounds):
        if index % 2:
            b = seconds(other)
            a = seconds(one)
        else:
            a = seconds(one)
            b = seconds(other)
        pairs.append((a, b))
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def row(what: str, one: float, other: float | None = None, ratio: float | None = None) -> None:
    against = "" if other is None else f"{other * 1e3:.1f} ms"
    print(f"| {what} | {one * 1e3:.1f} ms | {against} | {'' if ratio is None else f'{ratio:.3f}'} |", flush=True)


def importing(module: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)


def thirds() -> dict[str, tuple[torch.nn.Module, str, torch.nn.Module]]:
    """Networks, a layer at a third of their depth in convolutions, and the part up to there as a module of its own."""
    resnet50, mobilenet, vgg = tv.resnet50().eval(), tv.mobilenet_v2().eval(), tv.vgg16().eval()
    stem = (resnet50.conv1, resnet50.bn1, resnet50.relu, resnet50.maxpool, resnet50.layer1)
    return {
        "resnet50": (resnet50, "layer2.1", torch.nn.Sequential(*stem, *resnet50.layer2[:2])),  # 16 of 49
        "vgg16": (vgg, "features.10", vgg.features[:11]),  # 5 of 13
        "mobilenet_v2": (mobilenet, "features.6", mobilenet.features[:7]),  # 18 of 52
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, "
          f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {rounds} rounds\n")  # fmt: skip
    print("| what | Phosphene | against | ratio |\n| --- | --- | --- | --- |")

    row("import phosphene / import torch", *alternating(importing("phosphene"), importing("torch"), rounds))
    row(
        "import phosphene.network / import torch",
        *alternating(importing("phosphene.network"), importing("torch"), rounds),
    )

    for name, (module, layer, part) in thirds().items():
        network = Network(module)
        for count in (1, 16):
            images = torch.rand(count, 3, 224, 224)

            def stopped(network: Network = network, images: torch.Tensor = images, layer: str = layer) -> object:
                return network.record(images, layer)

            def alone(part: torch.nn.Module = part, images: torch.Tensor = images) -> object:
                with torch.no_grad():
                    return part(images)

            what = f"{name}, {count} image{'s' if count > 1 else ''}, record {layer} / that part alone"
            row(what, *alternating(stopped, alone, rounds))

    for name in ("resnet50", "mobilenet_v2", "densenet121"):
        module = getattr(tv, name)().eval()
        network = Network(module)

        def plain(module: torch.nn.Module = module) -> object:
            with torch.no_grad():
                return module(IMAGE)

        def record(network: Network = network) -> object:
            return network.record(IMAGE, "logits")

        row(f"{name}, record logits / plain forward", *alternating(record, plain, rounds))

    for what, module in {"module": Modules(), "function": Functions()}.items():
        network = Network(module)

        def bare(module: torch.nn.Module = module) -> object:
            with torch.no_grad():
                return module(DOT)

        names = ("logits",) if what == "module" else ("relu", "logits")  # functions are followed where one is asked for

        def named(network: Network = network, names: tuple[str, ...] = names) -> object:
            return network.record(DOT, *names)

        one, other, _ = alternating(named, bare, rounds)
        print(f"| each {what} of {MANY} that compute nothing | {(one - other) / MANY * 1e6:.1f} µs more | | |")

    for name in ("vgg16", "resnet50", "densenet121", "swin_t", "vit_b_16", "inception_v3"):
        options = {"init_weights": False} if name == "inception_v3" else {}
        module = getattr(tv, name)(**options)

        def look(module: torch.nn.Module = module) -> object:
            return survey(module, (3, 224, 224), torch.float32, torch.device("cpu"))

        look()
        row(f"{name}, survey", statistics.median(seconds(look) for _ in range(rounds)))


if __name__ == "__main__":
    main()
