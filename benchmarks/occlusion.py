"""Occlusion against running every covered image, as a markdown table: `python benchmarks/occlusion.py [NETWORK ...]`.

224 x 224 px, window 32, stride 16: 169 places, filled with zeros, one image, random weights. `--stride 32` makes it 49
places and a quarter of the time, for a first look. The loop is that of a careful user: batches of 16 in channels-last
memory, no gradients, the network converted beforehand. With `--captum` its `Occlusion` is run as it comes and with the
best of 1, 8, 16 and 64 perturbations at once, on the converted network. All are run in turn, in every second round the
other way round; seconds are of processor time where there is one thread, else of the clock, for a quiet machine. A
ratio is the median of the rounds' ratios. The limit is by counted operations, with the rectangles that were computed.
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

import phosphene
from phosphene.network import Network
from phosphene.network.partial import plan

NETWORKS = ("vgg16", "resnet50", "resnet18", "mobilenet_v2", "densenet121", "tf_efficientnet_lite0", "squeezenet1_1",
            "googlenet", "convnext_tiny", "swin_t", "vit_b_16")  # fmt: skip
WINDOW, CLASS = 32, 7


def built(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(tv, name)() if hasattr(tv, name) else timm.create_model(name)


def seconds(work: Callable[[], object]) -> float:
    now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = now()
    work()
    return now() - start


def loop(module: torch.nn.Module, image: torch.Tensor, stride: int, batch: int = 16) -> torch.Tensor:
    places = [(i, j) for i in range(0, 225 - WINDOW, stride) for j in range(0, 225 - WINDOW, stride)]
    drops = []
    with torch.inference_mode():
        clean = module(image)[0, CLASS]
        for start in range(0, len(places), batch):
            some = places[start : start + batch]
            images = image.repeat(len(some), 1, 1, 1).contiguous(memory_format=torch.channels_last)
            for row, (i, j) in enumerate(some):
                images[row, :, i : i + WINDOW, j : j + WINDOW] = 0
            drops.append(clean - module(images)[:, CLASS])
    return torch.cat(drops)


def captums(module: torch.nn.Module, image: torch.Tensor, stride: int, at_once: int) -> Callable[[], object] | None:
    try:
        from captum.attr import Occlusion
    except ImportError:
        return None

    def run() -> object:
        with torch.no_grad():
            return Occlusion(module).attribute(
                image, (3, WINDOW, WINDOW), (3, stride, stride), 0, CLASS, perturbations_per_eval=at_once
            )

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stride", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--captum", action="store_true", help="compare with captum, too")
    parser.add_argument("--full-from", type=float, default=plan.FULL_FROM)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan.FULL_FROM = options.full_from
    where = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {where}, {options.rounds} rounds\n")
    print("| network | Phosphene | loop | × loop | from – to | limit | × captum | × captum's best | difference |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in options.networks:
        module = built(name).eval()
        quick = built(name).eval().to(memory_format=torch.channels_last)
        image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) - 0.5
        network = Network(module)
        peers = [captums(quick, image, options.stride, count) for count in (1, 8, 16, 64)] if options.captum else []
        timed: list[list[float]] = []
        network.survey((224, 224))  # these two are what the first question about a network costs once
        network.steadiness((224, 224))
        for round_ in range(options.rounds):
            found = None

            def ours(network: Network = network, image: torch.Tensor = image) -> None:
                nonlocal found
                found = phosphene.occlusion(
                    network, image, f"logits:{CLASS}", window=WINDOW, stride=options.stride, fill="zero"
                )

            works = [ours, lambda quick=quick, image=image: loop(quick, image, options.stride)]
            works += [peer for peer in peers if peer]
            turns = range(len(works)) if round_ % 2 == 0 else reversed(range(len(works)))
            took = {at: seconds(works[at]) for at in turns}
            timed.append([took[at] for at in range(len(works))])
        assert found is not None
        expected = loop(quick, image, options.stride)
        score = float(found.scores.abs().max()) or 1.0  # a ViT's head begins at zero
        difference = float((found.drops.flatten() - expected).abs().max()) / score
        middle = [statistics.median(column) for column in zip(*timed, strict=True)]
        ratios = [statistics.median(row[i] / row[0] for row in timed) for i in range(1, len(middle))]
        every = sorted(row[1] / row[0] for row in timed)
        captum = [f"{ratios[1]:.1f}", f"{min(ratios[1:]):.1f}"] if len(ratios) > 1 else ["", ""]
        limit = 1 / (1 - found.saved) if found.saved < 1 else float("inf")
        cells = [f"{middle[0]:.2f} s", f"{middle[1]:.2f} s", f"{ratios[0]:.2f}", f"{every[0]:.2f} – {every[-1]:.2f}"]
        cells += [f"{limit:.2f}", *captum]
        print(f"| {name} | {' | '.join(cells)} | {difference:.0e} |", flush=True)


if __name__ == "__main__":
    main()
