"""Relevance propagation beside zennit, as a markdown table: `OMP_NUM_THREADS=1 python benchmarks/lrp.py`.

ResNet-50 and VGG-16 of torchvision with random weights, one image of 224 px, one class, in float32 on one thread. The
same rules in both: epsilon on linear layers; on convolutions zplus (zennit's EpsilonPlus), or gamma 0.25, and zbox on
the first (EpsilonGammaBox). zennit's hooks are in place and its batch normalisations merged before the clock starts;
ours finds its layers and rules anew in every call. Calls alternate, and the clock counts the time that the process
worked, which other programs disturb least. A ratio is the median of those of the rounds.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata

import torch
import torchvision.models as tv

import phosphene as ph

RULES = {
    "EpsilonPlus": "convolution=zplus,linear=epsilon",
    "EpsilonGammaBox": "first=zbox,convolution=gamma:0.25,linear=epsilon",
}
CLASS = 7


@contextmanager
def zennits(module: torch.nn.Module, kind: str, x: torch.Tensor) -> Iterator[Callable[[], torch.Tensor]]:
    """A call that gives zennit's relevance of the class."""
    from zennit import composites
    from zennit.attribution import Gradient
    from zennit.torchvision import ResNetCanonizer, VGGCanonizer

    network = ph.Network(module)
    canonizers = [ResNetCanonizer() if isinstance(module, tv.ResNet) else VGGCanonizer()]
    low, high = (network.normalise(torch.full((1, 3, 1, 1), value)) for value in (0.0, 1.0))
    limits = {"low": low, "high": high} if kind == "EpsilonGammaBox" else {}
    composite = getattr(composites, kind)(canonizers=canonizers, **limits)
    seed = torch.eye(1000)[[CLASS]]
    with Gradient(model=module, composite=composite) as attributor:

        def call() -> torch.Tensor:
            return attributor(x, lambda scores: seed * scores)[1]

        yield call


def worked(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "torchvision", "zennit"))
    print(f"{versions}; Python {platform.python_version()}, {platform.machine()}; {given.rounds} rounds\n")
    print("| network | rules | ours, s | zennit, s | ours / zennit | lowest … highest | correlation of the maps |")
    print("| --- | --- | ---: | ---: | ---: | --- | ---: |")
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for name in ("resnet50", "vgg16"):
        torch.manual_seed(0)
        module = getattr(tv, name)().eval()
        copy = getattr(tv, name)().eval()
        copy.load_state_dict(module.state_dict())
        network = ph.Network(module)
        for kind, rule in RULES.items():

            def ours(network: ph.Network = network, rule: str = rule) -> torch.Tensor:
                return ph.lrp(network, x, f"logits:{CLASS}", rule=rule).values

            with zennits(copy, kind, x.clone().requires_grad_()) as theirs:
                alike = torch.corrcoef(torch.stack([ours().flatten(), theirs().flatten()]))[0, 1]
                pairs = [(worked(ours), worked(theirs)) for _ in range(given.rounds)]
            ratios = [one / other for one, other in pairs]
            own, other = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
            print(
                f"| {name} | {kind} | {own:.2f} | {other:.2f} | {statistics.median(ratios):.2f} | "
                f"{min(ratios):.2f} … {max(ratios):.2f} | {alike:.4f} |", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
