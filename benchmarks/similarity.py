"""CKA of all pairs of layers of two networks beside pytorch-cka: `python benchmarks/similarity.py [--rounds 3]`.

ResNet-18 and ResNet-34 with random weights, the outputs of their blocks (8 and 16), images of 224 x 224 px that lie in
memory as the networks' input, batches of 64: the same work for all, in turns in one process, who goes first
alternates; the ratio is the median of the rounds' ratios. CPU time is of use where other work shares the machine.
pytorch-cka has its best of two settings: the weights and images in channels-last memory, or as they are. The last
column is the largest error of a value from one in double precision over the first batch: pytorch-cka takes Gram
matrices of values that it does not centre, in single precision. Its layers are hooked, and hooks of batch
normalisations would see what an in-place ReLU left of them; blocks' outputs are not changed in place.

`--memory N` streams N images through `ph.similarity` alone and prints the memory of the process on the way.

pytorch-cka is not among the dependencies: `pip install pytorch-cka`. Without it the script says so.
"""

import argparse
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import torchvision.models as tv

import phosphene as ph
from phosphene.comparison.similarity.hsic import alignment, hsic, own
from phosphene.network.blocks import distinct_blocks

BATCH = 64
Work = Callable[[], np.ndarray]


def networks() -> list[torch.nn.Module]:
    torch.manual_seed(0)
    return [getattr(tv, name)().eval().requires_grad_(False) for name in ("resnet18", "resnet34")]


def peer(modules: list[torch.nn.Module], layers: list[list[str]], images: torch.Tensor, channels_last: bool) -> Work:
    from cka import compute_cka

    if channels_last:
        modules = [module.to(memory_format=torch.channels_last) for module in modules]
        images = images.contiguous(memory_format=torch.channels_last)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=BATCH)

    def run() -> np.ndarray:
        with torch.no_grad():
            (values,) = compute_cka(
                *modules, loader, layers=layers[0], model2_layers=layers[1], device="cpu", progress=False
            )
        return values.numpy()

    return run


def reference(layers: list[list[str]], x: torch.Tensor) -> np.ndarray:
    """CKA of one batch, all of it in double precision."""
    grams = []
    for module, names in zip(networks(), layers, strict=True):
        values = ph.Network(module.double()).record(x.double(), *names)
        grams.append(np.stack([(rows @ rows.T).numpy() for rows in (values[name].flatten(1) for name in names)]))
    return alignment(hsic(*grams), own(grams[0]), own(grams[1]))


def main(rounds: int, images: int) -> None:
    try:
        version = metadata.version("pytorch-cka")
        from cka import CKA  # noqa: F401
    except ImportError:
        sys.exit("this benchmark needs pytorch-cka: pip install pytorch-cka")
    ours = [ph.Network(module) for module in networks()]
    layers = [distinct_blocks(network) for network in ours]
    coarse = torch.randn(images, 3, 7, 7, generator=torch.Generator().manual_seed(1))
    x = torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bicubic")  # images that differ as photos do
    works: dict[str, Work] = {
        "ours": lambda: ph.similarity(*ours, x, layers=layers[0], layers_b=layers[1], batch=BATCH).values,
        "pytorch-cka": peer(networks(), layers, x, channels_last=False),
        "pytorch-cka, channels last": peer(networks(), layers, x, channels_last=True),
    }
    ph.similarity(*ours, x[:8], layers=layers[0], layers_b=layers[1], batch=4)  # surveys, once a network
    seconds: dict[str, list[float]] = {name: [] for name in works}
    processor: dict[str, list[float]] = {name: [] for name in works}
    exact = reference(layers, x[:BATCH])
    errors = {
        "ours": ph.similarity(*ours, x[:BATCH], layers=layers[0], layers_b=layers[1], batch=BATCH).values - exact,
        "pytorch-cka": peer(networks(), layers, x[:BATCH], channels_last=False)() - exact,
        "pytorch-cka, channels last": peer(networks(), layers, x[:BATCH], channels_last=True)() - exact,
    }
    for turn in range(rounds):
        for name in list(works) if turn % 2 == 0 else list(works)[::-1]:
            start, began = time.perf_counter(), time.process_time()
            works[name]()
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - began)
    print(f"{time.strftime('%-d %B %Y')}; pytorch-cka {version}, torch {torch.__version__}, Python", end=" ")
    print(f"{platform.python_version()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {rounds} rounds\n")
    print("| what | images a second | times the time of ours | times its CPU time | largest error of a value |")
    print("|" + " --- |" * 5)
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times, seconds["ours"], strict=True))
        work = statistics.median(a / b for a, b in zip(processor[name], processor["ours"], strict=True))
        error = np.abs(errors[name]).max()
        print(f"| {name} | {images / statistics.median(times):.1f} | {ratio:.2f} | {work:.2f} | {error:.1e} |")


def memory(images: int) -> None:
    """Streams photos that are made on the way; the peak of the process after each tenth."""
    import tempfile

    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        for number in range(images):
            coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC).save(Path(folder, f"{number:05}.jpg"))
        a, b = (ph.Network(module) for module in networks())
        print("| images | memory at most, MB |\n| --- | --- |")
        for number, step in enumerate(ph.similarity.steps(a, b, folder, limit=None, batch=BATCH)):
            if number % max(1, images // BATCH // 10) == 0:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(f"| {step.progress} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.memory:
        memory(options.memory)
    else:
        main(options.rounds, options.images)
