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


def resnet50_third(module: torch.nn.Module) -> Callable[[], object]:
    """The part of torchvision's ResNet-50 up to layer2.0 (a third of its 16 blocks), written out."""
    parts = (module.conv1, module.bn1, module.relu, module.maxpool, module.layer1, module.layer2[0])

    def run() -> torch.Tensor:
        with torch.no_grad():
            x = IMAGE
            for part in parts:
                x = part(x)
            return x

    return run


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

    module = tv.resnet50().eval()
    network = Network(module)
    row(
        "resnet50, record layer2.0 / that part alone",
        *alternating(lambda: network.record(IMAGE, "layer2.0"), resnet50_third(module), rounds),
    )

    for name in ("resnet50", "mobilenet_v2", "densenet121"):
        module = getattr(tv, name)().eval()
        network = Network(module)

        def plain(module: torch.nn.Module = module) -> object:
            with torch.no_grad():
                return module(IMAGE)

        def record(network: Network = network) -> object:
            return network.record(IMAGE, "logits")

        row(f"{name}, record logits / plain forward", *alternating(record, plain, rounds))

    for name in ("resnet50", "mobilenet_v2", "densenet121"):
        module = getattr(tv, name)()

        def look(module: torch.nn.Module = module) -> object:
            return survey(module, (3, 224, 224), torch.float32, torch.device("cpu"))

        look()
        row(f"{name}, survey", statistics.median(seconds(look) for _ in range(rounds)))


if __name__ == "__main__":
    main()
