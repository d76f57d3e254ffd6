"""What Phosphene and TorchLens both do, side by side: `python benchmarks/beside_torchlens.py [--rounds 5]`.

One image of 224 x 224 px, random weights, evaluation mode, weights that want no gradient; processor time of one
thread, in turns in one process, who goes first alternates; the ratio is the median of the rounds' ratios. TorchLens has
its best of several settings: the one whose median time is least, named in the table. It wraps PyTorch's functions at
its first trace and leaves them so; they are unwrapped before ours is timed and wrapped before its own is, both outside
the timing.

- values: names and shapes of all values, of a network that was not seen before (ours gives the receptive fields too)
- fields: receptive fields of all values, likewise
- early: one early layer of one image, of a network that was seen before; stopping behind that layer
- guided: guided backprop of one class's score
- occlusion: 169 windows of 32 px, zeros; the network in channels-last memory for TorchLens

torchlens is not among the dependencies: `pip install torchlens`. Without it the script says so.
"""

import argparse
import copy
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata

import timm
import torch
import torchvision.models as tv

import phosphene as ph

EARLY = {  # a layer at a fifth to a third of the convolutions
    "resnet50": "layer1",
    "densenet121": "features.denseblock1",
    "tf_efficientnet_lite0": "blocks.1",
    "vgg16": "features.9",
}
TASKS = ("values", "fields", "early", "guided", "occlusion")
CLASS = 7
IMAGE = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
Work = Callable[[], object]


def built(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = timm.create_model(name) if name.startswith("tf_") else getattr(tv, name)()
    return module.eval().requires_grad_(False)


def ours(task: str, module: torch.nn.Module, layer: str) -> Work:
    network = ph.Network(module)
    return {
        "values": lambda: ph.Network(module).layers(size=224),
        "fields": lambda: ph.Network(module).layers(size=224),
        "early": lambda: network.record(IMAGE, layer),
        "guided": lambda: ph.guided(network, IMAGE, f"logits:{CLASS}"),
        "occlusion": lambda: ph.occlusion(network, IMAGE, f"logits:{CLASS}", window=32, stride=16, fill="zero"),
    }[task]


def theirs(task: str, module: torch.nn.Module, layer: str) -> dict[str, Work]:
    """TorchLens's ways to do the task, by what is set."""
    import torchlens as tl
    from torchlens.fastlog import Recorder

    lean = {"inference_only": True, "recurrence_detection": False, "compute_input_output_distances": False,
            "save_code_context": False}  # fmt: skip
    settings = {"nothing saved": {}, "nothing saved, extras off": lean}  # on meta tensors it takes longer than these

    def listed(setting: dict[str, bool], fields: bool) -> Work:
        def run() -> object:
            trace = tl.trace(module, IMAGE, capture=tl.options.CaptureOptions(layers_to_save="none", **setting))
            if fields:
                return trace, trace.receptive_fields()
            return [(op.label, op.shape) for op in trace.layer_list]

        return run

    def left(event: object) -> bool:
        return event.kind == "module_exit" and event.address == layer  # type: ignore[attr-defined]

    def stopped() -> Work:
        return lambda: tl.record(module, IMAGE, save=tl.module(layer), halt=left)

    def recorder() -> Work:
        def run() -> object:
            return opened.log(IMAGE)

        opened = Recorder(module, save=tl.module(layer), halt=left).__enter__()
        return run

    def traced() -> Work:
        options = tl.options.CaptureOptions(layers_to_save=[layer], stop_after=layer, **lean)
        return lambda: tl.trace(module, IMAGE, capture=options)

    if task in ("values", "fields"):
        return {name: listed(setting, task == "fields") for name, setting in settings.items()}
    if task == "early":
        return {"record, halted": stopped(), "Recorder, halted": recorder(), "trace, stop_after": traced()}
    if task == "guided":
        return {"guided_backprop": lambda: tl.attribution.guided_backprop(module, IMAGE, target=CLASS)}
    quick = copy.deepcopy(module).to(memory_format=torch.channels_last)
    geometry = {"window": (32, 32), "strides": (16, 16)}
    return {"occlusion_map": lambda: tl.attribution.occlusion_map(quick, IMAGE, target=CLASS, **geometry)}


def spent(work: Work, peers: bool) -> float:
    from torchlens.backends.torch.wrappers import unwrap_torch, wrap_torch

    (wrap_torch if peers else unwrap_torch)()
    try:
        start = time.process_time()
        work()
        return time.process_time() - start
    finally:
        unwrap_torch()


def measured(task: str, name: str, rounds: int) -> str:
    """A line of the table: our time, the peer's best time, the ratio, and with which setting that was."""
    module = built(name)
    mine, peers = ours(task, module, EARLY[name]), theirs(task, module, EARLY[name])
    refused = ""
    if task != "occlusion":  # a first call of each costs more than the later ones, and may refuse
        spent(mine, False)
        for setting, work in list(peers.items()):
            try:
                spent(work, True)
            except Exception as error:
                refused = f"{type(error).__name__}: {str(error).split('. ')[0].split(' (')[0]}"
                del peers[setting]
    own, other = [], {setting: [] for setting in peers}  # type: ignore[var-annotated]
    for index in range(rounds):
        turns = [("", mine), *peers.items()]
        for setting, work in turns if index % 2 == 0 else reversed(turns):
            (other[setting] if setting else own).append(spent(work, bool(setting)))
    middle = statistics.median(own)
    if not peers:
        return f"| {task} | {name} | {middle * 1e3:.0f} ms | refused | | {refused} |"
    best = min(other, key=lambda setting: statistics.median(other[setting]))
    ratios = sorted(b / a for a, b in zip(own, other[best], strict=True))
    spread = f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} … {ratios[-1]:.1f})"
    its = statistics.median(other[best])
    return f"| {task} | {name} | {middle * 1e3:.0f} ms | {its * 1e3:.0f} ms | {spread} | {best} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=list(EARLY))
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    try:
        version = metadata.version("torchlens")
    except metadata.PackageNotFoundError:
        sys.exit(f"{os.path.basename(__file__)} needs torchlens, which is not installed: pip install torchlens")
    torch.set_num_threads(1)
    print(f"TorchLens {version}, torch {torch.__version__}, torchvision {metadata.version('torchvision')}, "
          f"timm {timm.__version__}, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, "
          f"1 thread, {options.rounds} rounds\n")  # fmt: skip
    print("| task | network | Phosphene | TorchLens | × TorchLens (lowest … highest) | its best setting |")
    print("| --- | --- | ---: | ---: | ---: | --- |")
    for task in options.tasks.split(","):
        for name in options.networks:
            print(measured(task, name, options.rounds), flush=True)


if __name__ == "__main__":
    main()
