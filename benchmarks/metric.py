"""Learned distances on classes that were never seen: `python benchmarks/metric.py [drlim] [cylinder] [classes]`.

`classes` compares triplet, lifted structure and N-pair with three baselines (pixels, the same network untrained, the
features of a classifier) on held-out classes of three data sets, over three seeds. Dots are means, intervals are
Student's t at 95 % over the seeds. `drlim` is the siamese network on MNIST with and without shifted pairs; `cylinder`
is its map of one object's views. Needs the data sets in PHOSPHENE_DATA. Each run's numbers are appended to
`--log FILE` as a line of JSON, and runs that are there already are not run again.
"""

import argparse
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student

from phosphene.learning import make
from phosphene.learning.sets.own import data_set
from phosphene.picture import DrawingBlock, Picture, Row, Sheet
from phosphene.picture.chart import Axis, Chart, Dots

SEEDS = (0, 1, 2)
SYSTEMS = ("triplet", "lifted", "n-pair", "softmax")
DATA = {
    "omniglot-small": {"steps": 200, "batch": 128},
    "orl-faces": {"steps": 100, "batch": 64},
    "fashion-mnist": {"steps": 120, "batch": 128},
}
NUMBERS = ("recall@1", "MAP@R", "NMI")
ROWS = ("pixels", "untrained", "softmax", "triplet", "lifted", "n-pair")
SIAMESE = {
    "classes": ({"pairs": "classes"}, 1000),
    "classes, shifted": ({"pairs": "classes", "shifts": True}, 1000),
}


class Log:
    """Numbers by a key, in a file of lines."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, {}
        if path.exists():
            self.rows = {row["key"]: row for row in map(json.loads, path.read_text().splitlines())}

    def once(self, key: str, work) -> dict:
        if key not in self.rows:
            begun = time.process_time()
            self.rows[key] = {"key": key, **work(), "cpu seconds": round(time.process_time() - begun, 1)}
            with self.path.open("a") as file:
                file.write(json.dumps(self.rows[key]) + "\n")
            print(self.rows[key], flush=True)
        return self.rows[key]


def classes(log: Log) -> dict[str, dict[str, np.ndarray]]:
    """Data set -> row -> numbers (seeds, 3)."""
    results = {}
    for data, recipe in DATA.items():
        whole = data_set(data)
        rows: dict[str, list] = {row: [] for row in ROWS}
        for seed in SEEDS:
            for name in SYSTEMS:
                system = make(name)
                divided = system.divided(whole)

                def learned(system=system, divided=divided, recipe=recipe, seed=seed) -> dict:
                    return system.fit(divided.train, seed=seed, **recipe).evaluate(divided.test)

                rows[name].append(log.once(f"{data}/{name}/{seed}/{recipe['steps']}", learned))

            def untrained(seed=seed, divided=divided) -> dict:
                return make("triplet").shaped(divided.shape, seed).eval().evaluate(divided.test)

            rows["untrained"].append(log.once(f"{data}/untrained/{seed}", untrained))
        rows["pixels"] = [log.once(f"{data}/pixels", lambda divided=divided: of_pixels(divided.test))] * len(SEEDS)
        results[data] = {
            row: np.array([[each[n] for n in NUMBERS] for each in numbers]) for row, numbers in rows.items()
        }
    return results


def of_pixels(examples) -> dict:
    from torch.nn.functional import normalize

    from phosphene.learning.checkpoints.held_out import some_places
    from phosphene.learning.systems.metric.embedding import MEASURED
    from phosphene.learning.systems.metric.retrieval import map_at_r, nmi, recall_at_1

    some = examples.some(some_places(len(examples), MEASURED))
    x = normalize(some.batch(torch.arange(len(some))).x.flatten(1))
    return dict(zip(NUMBERS, (recall_at_1(x, some.labels), map_at_r(x, some.labels), nmi(x, some.labels)), strict=True))


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half of the 95 % interval over seeds (the first axis)."""
    count = len(values)
    return values.mean(0), student.ppf(0.975, count - 1) * values.std(0, ddof=1) / np.sqrt(count)


def table(results: dict[str, dict[str, np.ndarray]]) -> str:
    lines = ["| data | codes | " + " | ".join(NUMBERS) + " |", "| --- | --- |" + " --- |" * 3]
    for data, rows in results.items():
        for row in ROWS:
            mean, half = interval(rows[row])
            fixed = row == "pixels"
            cells = [f"{100 * m:.1f}" + ("" if fixed else f" ± {100 * h:.1f}") for m, h in zip(mean, half, strict=True)]
            lines.append(f"| {data} | {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figure(results: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    blocks = []
    for number, name in enumerate(NUMBERS):
        charts = []
        for data, rows in results.items():
            means, halves = zip(*(interval(rows[row][:, number]) for row in ROWS), strict=True)
            m, h = 100 * np.array(means), 100 * np.array(halves)
            dots = Dots(m, m - h, m + h, numbers=[f"{each:.1f}" for each in m])
            highest = 100.0 if (m + h).max() > 95 else None
            chart = Chart([dots], Axis(f"{name}, %", high=highest), Axis(names=ROWS), width=350, height=190)
            charts.append(DrawingBlock(chart.drawing(), data if number == 0 else ""))
        blocks.append(Row(charts))
    caption = (
        "Codes of 64 numbers compared by their angle; half of the classes were never seen in training. Means and 95 % "
        f"intervals (Student's t) over {len(SEEDS)} seeds; pixels have no seed."
    )
    title = "Learned distances on classes that were never seen"
    sheet = Sheet(title, "", blocks, caption=caption, description=title)
    Picture(sheet.drawing(), title).save(path)


def siamese(log: Log) -> str:
    whole = data_set("mnist")
    lines = []
    for name, (settings, steps) in SIAMESE.items():

        def learned(settings=settings, steps=steps) -> dict:
            return make("drlim", **settings).fit(whole.train, steps=steps, batch=64).evaluate(whole.test)

        numbers = log.once(f"mnist/drlim/{name}/{steps}", learned)
        lines.append(f"| {name} | " + " | ".join(f"{v:.3f}" for k, v in numbers.items() if k != "key") + " |")
    names = [k for k in numbers if k != "key"]
    return "\n".join(["| pairs | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names), *lines])


def cylinder(log: Log) -> str:
    whole = data_set("object-views")

    def learned() -> dict:
        system = make("drlim", codes=3, pairs="views").fit(whole.train, steps=500, batch=32)
        return system.evaluate(whole.test)

    numbers = log.once("object-views/drlim/500", learned)
    return "\n".join(["| number | obtained |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in numbers.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["classes", "drlim", "cylinder"])
    parser.add_argument("--log", type=Path, default=Path("metric.jsonl"))
    parser.add_argument("--figure", type=Path, default=Path("metric.png"))
    options = parser.parse_args()
    log = Log(options.log)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "pytorch-metric-learning"))
    print(
        f"{time.strftime('%-d %B %Y')}; {versions}, Python {platform.python_version()}, {os.cpu_count()} cores,", end=""
    )
    print(f" {torch.get_num_threads()} threads\n")
    if "drlim" in options.parts:
        print(siamese(log), end="\n\n")
    if "cylinder" in options.parts:
        print(cylinder(log), end="\n\n")
    if "classes" in options.parts:
        results = classes(log)
        print(table(results))
        figure(results, options.figure)


if __name__ == "__main__":
    main()
