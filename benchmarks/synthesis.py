"""Synthesis against lucent and a loop with a hook, as markdown tables: `python benchmarks/synthesis.py [NETWORK ...]`.

One channel of an early, a middle and a late layer, a Fourier image of 224 x 224 px, Adam. lucent runs `render_vis` with
its own Fourier image, optimiser and transforms. The loop is what a careful user writes: a forward hook, our own image
and transform, gradients by `backward()`; once as networks come, and once with the weights' gradients switched off,
which lucent is given too ("at its best"). All take turns; times are of processor time with one thread, else of the
clock; a ratio is the median of the rounds' ratios. The second table runs 16 images of the middle channel in one batch
and one by one.
"""

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable

import timm
import torch
import torchvision.models as tv

from phosphene import Network, Preprocessing
from phosphene.synthesis.engine.ascent import adam, ascend
from phosphene.synthesis.engine.images.image import Fourier
from phosphene.synthesis.engine.objectives import unit
from phosphene.synthesis.engine.transforms import ROBUST

SIZE, CHANNEL = (224, 224), 7
LAYERS = {
    "tf_efficientnet_lite0": ("blocks.1.0", "blocks.3.1", "blocks.6.0"),
    "resnet50": ("layer1.0", "layer3.0", "layer4.2"),
    "vgg16": ("features.4", "features.14", "features.28"),
}
PREPROCESSING = Preprocessing(SIZE, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def built(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return (timm.create_model(name) if name.startswith("tf_") else getattr(tv, name)()).eval()


def seconds(work: Callable[[], object]) -> float:
    now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = now()
    work()
    return now() - start


def image(count: int) -> Fourier:
    return Fourier(count, SIZE, generator=torch.Generator().manual_seed(0))


def ours(network: Network, layer: str, steps: int, count: int = 1) -> Callable[[], object]:
    objective = unit(network, f"{layer}:{CHANNEL}", SIZE)
    return lambda: list(ascend(network, objective, image(count), steps=steps, transform=ROBUST, optimiser=adam(0.05)))


def hooked(network: Network, layer: str, steps: int) -> Callable[[], object]:
    def run() -> None:
        kept = {}
        handle = network.module.get_submodule(layer).register_forward_hook(lambda m, a, out: kept.update(out=out))
        what, generator = image(1), torch.Generator().manual_seed(0)
        optimiser = torch.optim.Adam(what.parameters(), lr=0.05)
        for _ in range(steps):
            optimiser.zero_grad()
            network.module(network.normalise(ROBUST(what(), generator)))
            (-kept["out"][:, CHANNEL].mean()).backward()
            optimiser.step()
        handle.remove()
        network.module.zero_grad(set_to_none=True)

    return run


def lucents(network: Network, layer: str, steps: int) -> Callable[[], object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lucent.optvis import objectives, param, render

    def run() -> None:
        render.render_vis(
            network.module, objectives.channel(layer.replace(".", "_"), CHANNEL), lambda: param.image(SIZE[0]),
            thresholds=(steps,), progress=False, show_image=False,
        )  # fmt: skip
        network.module.zero_grad(set_to_none=True)

    return run


def without_gradients(network: Network, work: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        network.module.requires_grad_(False)
        work()
        network.module.requires_grad_(True)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(LAYERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    where = f"{platform.machine()}, {os.cpu_count()} cores, {options.threads} threads, {options.rounds} rounds"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {where}, {options.steps} steps\n")
    print("| network | layer | Phosphene, a step | × lucent | × lucent's best | × loop | × loop's best |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name in options.networks:
        network = Network(built(name), PREPROCESSING)
        for layer in LAYERS[name]:
            mine, loop, theirs = (make(network, layer, options.steps) for make in (ours, hooked, lucents))
            works = [mine, theirs, without_gradients(network, theirs), loop, without_gradients(network, loop)]
            for work in works:
                work()
            timed = [[seconds(work) for work in works] for _ in range(options.rounds)]
            ratios = [statistics.median(row[i] / row[0] for row in timed) for i in range(1, len(works))]
            each = statistics.median(row[0] for row in timed) / options.steps
            print(f"| {name} | {layer} | {each:.3f} s | " + " | ".join(f"{r:.2f}" for r in ratios) + " |", flush=True)
    print("\n| network | layer | 16 in a batch | one by one | × |\n| --- | --- | ---: | ---: | ---: |")
    for name in options.networks:
        network, layer = Network(built(name), PREPROCESSING), LAYERS[name][1]
        batch, single = ours(network, layer, 1, 16), ours(network, layer, 16)
        timed = [[seconds(batch), seconds(single)] for _ in range(options.rounds)]
        ratio = statistics.median(b / a for a, b in timed)
        times = " | ".join(f"{statistics.median(column):.2f} s" for column in zip(*timed, strict=True))
        print(f"| {name} | {layer} | {times} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
