"""What measures and stitches say where the answer is known: `python benchmarks/truth.py FOLDER [PART ...]`.

FOLDER holds the networks and images that `small_networks.py` has trained and written: ResNet-14s of CIFAR-10, of
CIFAR-10 with a coloured corner that gave the class away, and of Fashion-MNIST, four seeds each. Parts:

    seeds     every similarity between all layers of two seeds
    measures  which similarity passes which test (after M. Klabunde and others, *ReSi: a comprehensive benchmark for
              representational similarity measures*, ICLR 2025)
    peers     the same values from TorchLens, pytorch-cka and rsatoolbox, where they are installed
    stitch    seed under seed and data set under data set, layer by layer, with the baselines

The tests. AUC is the chance that a pair of networks of one group is more alike than a pair of different groups:

    order     share of triples of layers i < j < k of a network with i more alike to j than to k, and k to j than to i
    layer     share of layers whose most alike layer in another seed is the same layer
    trained   AUC of trained pairs over pairs with an untrained copy
    data      AUC of pairs trained on the same data set over pairs trained on different ones
    shortcut  AUC of pairs that both have, or both lack, the shortcut over pairs of which one has it

A test is passed from 0.9 on. Chance is 0.5, 0.125 for `layer`. All values of a network are those of the functions that
`ph.similarity` uses, from Gram matrices that are taken once a network; the first matrix is held against it.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from small_networks import LAYERS, cornered, loaded, photos
from torch import Tensor

import phosphene as ph
from phosphene.comparison.similarity.grams import values_of, whole_of
from phosphene.comparison.similarity.hsic import alignment, hsic, own, rbf
from phosphene.comparison.similarity.measures import biased, cca, centred, components, correlation_distances, procrustes
from phosphene.comparison.similarity.measures import rank_correlations as ranked
from phosphene.comparison.stitching.untrained import untrained
from phosphene.data.collection import ImageCollection

PARTS = ("seeds", "measures", "peers", "stitch")
PASSED, SEEDS = 0.9, 4
Values = dict[str, np.ndarray | list]


@dataclass
class Seen:
    """What the measures need of a network: one entry a layer, each made once."""

    grams: np.ndarray = field(repr=False)
    centred: list[np.ndarray] = field(repr=False)
    gaussian: np.ndarray = field(repr=False)
    distances: list[np.ndarray] = field(repr=False)
    parts: list[np.ndarray] = field(repr=False)

    @classmethod
    def of(cls, network: ph.Network, x: Tensor) -> "Seen":
        asked = [network.layer(name) for name in LAYERS]
        with torch.no_grad():
            parts = [values_of(network, read.inputs[0], asked) for read in ImageCollection(x, [network])]
        layers = [whole_of(np.concatenate([part[name].cpu().numpy() for part in parts])) for name in LAYERS]
        plain, middle = np.stack([each.gram for each in layers]), [centred(each.gram) for each in layers]
        distances = [correlation_distances(each.correlated) for each in layers]
        return cls(plain, middle, rbf(plain, 0.5), distances, [components(each) for each in middle])


def _cka(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return alignment(hsic(one, other), own(one), own(other))


def _each(function: Callable, one: list, other: list) -> np.ndarray:
    return np.array([[function(x, y) for y in other] for x in one])


MEASURES: dict[str, Callable[[Seen, Seen], np.ndarray]] = {
    "CKA, linear": lambda a, b: _cka(a.grams, b.grams),
    "CKA, Gaussian": lambda a, b: _cka(a.gaussian, b.gaussian),
    "RSA": lambda a, b: ranked(a.distances, b.distances),
    "Procrustes": lambda a, b: _each(procrustes, a.centred, b.centred),
    "CCA": lambda a, b: _each(cca, a.parts, b.parts),
    "CKA, biased": lambda a, b: _each(biased, a.centred, b.centred),
}
SAME = {  # of the same layers only
    "Procrustes": lambda a, b: np.array([procrustes(x, y) for x, y in zip(a.centred, b.centred, strict=True)]),
    "CCA": lambda a, b: np.array([cca(x, y) for x, y in zip(a.parts, b.parts, strict=True)]),
}


def same(name: str, a: Seen, b: Seen) -> np.ndarray:
    """(layers,): the similarity of each layer with the same layer of another network."""
    return SAME[name](a, b) if name in SAME else MEASURES[name](a, b).diagonal()


def in_order(values: np.ndarray) -> float:
    """Of all triples of layers, the share in which the middle one is more alike to each end than the ends are."""
    triples = list(itertools.combinations(range(len(values)), 3))
    return float(np.mean([[values[i, j] > values[i, k], values[j, k] > values[i, k]] for i, j, k in triples]))


def auc(within: np.ndarray, between: np.ndarray) -> np.ndarray:
    """(layers,): the share of pairs of pairs (n, layers) and (m, layers) in which that within is more alike."""
    above, equal = within[:, None] > between[None], within[:, None] == between[None]
    return (above + 0.5 * equal).mean((0, 1))


def told_apart(name: str, one: Sequence[Seen], other: Sequence[Seen], *, only_one: bool = False) -> np.ndarray:
    """(layers,): AUC of pairs within the groups, or within the first one only, over pairs of both."""
    groups = [one] if only_one else [one, other]
    within = [same(name, a, b) for group in groups for a, b in itertools.combinations(group, 2)]
    between = [same(name, a, b) for a in one for b in other]
    return auc(np.stack(within), np.stack(between))


def seeds(folder: Path, images: int) -> None:
    x = photos("cifar10", "test")[0][:images].float() / 255
    networks = [loaded(folder, "cifar10", seed) for seed in (0, 1)]
    first, second = (Seen.of(network, x) for network in networks)
    result = ph.similarity(*networks, x, layers=list(LAYERS), batch=images)
    difference = float(np.abs(result.values - MEASURES["CKA, linear"](first, second)).max())
    print(f"\n`ph.similarity` gives the same CKA, to {difference:.0e}. Rows: seed 0; columns: seed 1.")
    for name, measure in MEASURES.items():
        values = measure(first, second)
        print(f"\n{name}\n\n| layer | " + " | ".join(LAYERS) + " |\n| --- |" + " --- |" * len(LAYERS))
        for layer, row in zip(LAYERS, values, strict=True):
            cells = [f"**{value:.2f}**" if value == row.max() else f"{value:.2f}" for value in row]
            print(f"| {layer} | " + " | ".join(cells) + " |", flush=True)


def measures(folder: Path, images: int) -> None:
    pictures = {task: photos(task, "test")[0][:images].float() / 255 for task in ("cifar10", "fashion")}
    any_class = torch.randint(0, 10, (images,), generator=torch.Generator().manual_seed(0))
    pictures["corner"] = cornered(pictures["cifar10"], any_class)
    trained = {
        task: [loaded(folder, task, seed) for seed in range(SEEDS)] for task in ("cifar10", "shortcut", "fashion")
    }
    blank = [untrained(network, seed) for seed, network in enumerate(trained["cifar10"])]

    def seen(networks: Sequence[ph.Network], task: str) -> list[Seen]:
        return [Seen.of(network, pictures[task]) for network in networks]

    plain = seen(trained["cifar10"], "cifar10")
    fresh = seen(blank, "cifar10")
    others = seen(trained["fashion"], "cifar10")
    on_fashion = seen(trained["cifar10"], "fashion"), seen(trained["fashion"], "fashion")
    corner = seen(trained["cifar10"], "corner"), seen(trained["shortcut"], "corner")
    tests: dict[str, dict[str, np.ndarray]] = {}
    summary = {}
    for name, measure in MEASURES.items():
        across = [measure(a, b) for a, b in itertools.combinations(plain, 2)]
        layer = np.mean([[values.argmax(1) == np.arange(8), values.argmax(0) == np.arange(8)] for values in across])
        tests[name] = {
            "trained": told_apart(name, plain, fresh, only_one=True),
            "data, on CIFAR-10": told_apart(name, plain, others),
            "data, on Fashion-MNIST": told_apart(name, *on_fashion),
            "shortcut": told_apart(name, *corner),
        }
        own_layers = float(np.mean([in_order(measure(each, each)) for each in plain]))
        summary[name] = {"order": own_layers, "layer": float(layer)}
        summary[name] |= {test: float(values.mean()) for test, values in tests[name].items()}
    names = list(next(iter(summary.values())))
    print("\nMeans over layers; what passes is bold.\n\n| measure | " + " | ".join(names) + " | passed |")
    print("| --- |" + " --- |" * (len(names) + 1))
    for name, row in summary.items():
        cells = [f"**{value:.2f}**" if value >= PASSED else f"{value:.2f}" for value in row.values()]
        passed = sum(value >= PASSED for value in row.values())
        print(f"| {name} | " + " | ".join(cells) + f" | {passed} of {len(names)} |")
    for test in next(iter(tests.values())):
        print(f"\n{test}, layer by layer\n\n| measure | " + " | ".join(LAYERS) + " |\n| --- |" + " --- |" * len(LAYERS))
        for name, by_test in tests.items():
            print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in by_test[test]) + " |", flush=True)


def peers(folder: Path, images: int) -> None:
    """The largest difference between values of `ph.similarity` and of other packages, of the same features."""
    x = photos("cifar10", "test")[0][:images].float() / 255
    networks = [loaded(folder, "cifar10", seed) for seed in (0, 1)]
    recorded = [network.record(x, *LAYERS) for network in networks]
    features = [[values[name].detach().flatten(1).double() for name in LAYERS] for values in recorded]
    works = {"torchlens": _torchlens, "pytorch-cka": _pytorch_cka, "rsatoolbox": _rsatoolbox}
    print("\n| package | what | largest difference over 64 pairs of layers |\n| --- | --- | --- |")
    for package, work in works.items():
        try:
            version = metadata.version(package)
            what, options, expected = work(*features)
        except ImportError:
            print(f"| {package} | not installed | |")
            continue
        values = ph.similarity(*networks, x, layers=list(LAYERS), batch=images, limit=None, **options).values
        print(f"| {package} {version} | {what} | {np.abs(values - expected).max():.0e} |", flush=True)


Peer = tuple[str, dict, np.ndarray]


def _torchlens(one: list[Tensor], other: list[Tensor]) -> Peer:
    from torchlens.stats import CKA

    def streamed(a: Tensor, b: Tensor) -> float:
        sums = CKA()
        for rows in torch.arange(len(a)).split(50):
            sums.update(a[rows], b[rows])
        return sums.result()

    # its covariances are as large as the square of a layer's values
    small = [index for index, each in enumerate(one) if each.shape[1] <= 1024]
    values = np.full((len(one), len(other)), np.nan)
    for i in small:
        for j in small:
            values[i, j] = streamed(one[i], other[j])
    whole = np.array([[_lens(a, b) for b in other] for a in one])
    assert np.nanmax(np.abs(values - whole)) < 1e-9
    return "CKA, biased, streamed where a layer has at most 1,024 values", {"estimate": "biased"}, whole


def _lens(a: Tensor, b: Tensor) -> float:
    from torchlens.stats import cka

    return cka(a, b)


def _pytorch_cka(one: list[Tensor], other: list[Tensor]) -> Peer:
    from cka import cka_from_features

    return "CKA, unbiased, one batch", {}, cka_from_features(one, other).numpy()


def _rsatoolbox(one: list[Tensor], other: list[Tensor]) -> Peer:
    from rsatoolbox import data, rdm

    distances = [
        [rdm.calc_rdm(data.Dataset(each.numpy()), method="correlation") for each in layers] for layers in (one, other)
    ]
    values = [[float(rdm.compare(a, b, method="spearman")[0, 0]) for b in distances[1]] for a in distances[0]]
    return "RSA, distances 1 - r, Spearman", {"kind": "rsa"}, np.array(values)


def stitch(folder: Path, images: int) -> None:
    pairs = [("cifar10", 0, "cifar10", 1), ("cifar10", 1, "cifar10", 0), ("fashion", 0, "fashion", 1),
             ("fashion", 0, "cifar10", 0), ("cifar10", 0, "fashion", 0), ("shortcut", 0, "cifar10", 0)]  # fmt: skip
    for task_a, seed_a, task_b, seed_b in pairs:
        a, b = loaded(folder, task_a, seed_a), loaded(folder, task_b, seed_b)
        print(f"\n{task_a} (seed {seed_a}) under {task_b} (seed {seed_b}), images of {task_b}\n")
        print("| layer | error | untrained | right | by regression | no layer | untrained | shuffled | as the top |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for layer in LAYERS[:-1]:
            result = ph.stitch(a, b, layer, layer, folder / "images" / task_b, limit=images)
            each = result.best
            best, share = each.right[each.best], each.agreement[each.best]
            shares = [each.right[way].mean for way in ("regression", "naive", "untrained", "shuffled")]
            print(
                f"| {layer} | {each.learned.mean:.2f} | {each.untrained.mean:.2f} | {best.mean:.1%} ({best.low:.0%} to "
                f"{best.high:.0%}) | " + " | ".join(f"{share:.1%}" for share in shares)
                + f" | {share.mean:.1%} ({share.low:.0%} to {share.high:.0%}) |", flush=True,
            )  # fmt: skip
        assert result.right_b is not None
        print(f"\nThe top by itself: {result.right_b.mean:.1%} right; {result.images} images measured.", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("parts", nargs="*", default=PARTS)
    parser.add_argument("--images", type=int, default=500, help="that the measures see")
    parser.add_argument("--stitched", type=int, default=1000, help="images of a stitch: three in five fit it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{time.strftime('%-d %B %Y')}; torch {torch.__version__}, {options.images} and {options.stitched} images")
    for part in options.parts:
        start = time.process_time()
        globals()[part](options.folder, options.stitched if part == "stitch" else options.images)
        print(f"\n({part}: {time.process_time() - start:.0f} CPU seconds)", flush=True)
