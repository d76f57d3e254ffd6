"""What a chart costs, ours and Matplotlib's: import, time, bytes, and whether a second file is the same.

    python benchmarks/charts.py

Needs Matplotlib, which Phosphene doesn't. Each side runs in a process of its own, which has NumPy and Pillow already.
"""

from __future__ import annotations

import importlib.metadata
import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

RUNS = 5
NEEDED = ("matplotlib", "contourpy", "cycler", "fonttools", "kiwisolver", "pyparsing")
LINES = np.cumsum(np.random.default_rng(0).normal(size=(3, 512)), 1)
NAMES = ("one", "two", "three")


def of_matplotlib() -> dict[str, Callable[[], bytes]]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    def drawn(kind: str) -> bytes:
        figure, axes = plt.subplots(figsize=(4.6, 2.3), dpi=200)  # 920 × 460 pixels, as ours at twice the size
        for line, name in zip(LINES, NAMES, strict=True):
            axes.plot(np.arange(1, 513), line, label=name)
        axes.legend()
        file = io.BytesIO()
        figure.savefig(file, format=kind)
        plt.close(figure)
        return file.getvalue()

    return {"PNG": lambda: drawn("png"), "SVG": lambda: drawn("svg")}


def of_phosphene() -> dict[str, Callable[[], bytes]]:
    from phosphene.picture import rasterise, to_svg
    from phosphene.picture.chart import over_steps

    def png() -> bytes:
        file = io.BytesIO()
        rasterise(over_steps(LINES, NAMES, up="score"), "light", 2).save(file, "PNG")
        return file.getvalue()

    return {"PNG": png, "SVG": lambda: to_svg(over_steps(LINES, NAMES, up="score")).encode()}


def measure(name: str) -> None:
    start, modules = time.perf_counter(), len(sys.modules)
    kinds = {"Matplotlib": of_matplotlib, "Phosphene": of_phosphene}[name]()
    row = [name, f"{time.perf_counter() - start:.2f} s", f"{len(sys.modules) - modules}"]
    for draw in kinds.values():
        first, times = draw(), []
        for _ in range(RUNS):
            began = time.perf_counter()
            again = draw()
            times.append(time.perf_counter() - began)
        same = "the same" if again == first else "others"
        row += [f"{1000 * min(times):.0f} ms", f"{len(first) / 1000:.0f} kB, {same}"]
    print("| " + " | ".join(row) + " |")


def size(distribution: str) -> int:
    """The bytes of an installed distribution's files."""
    files = importlib.metadata.files(distribution) or []
    return sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file())


def main() -> None:
    print(
        "| | import | modules | PNG | bytes, and again | SVG | bytes, and again |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    for name in ("Phosphene", "Matplotlib"):
        subprocess.run([sys.executable, __file__, name], check=True)
    needed = sum(size(distribution) for distribution in NEEDED)
    own = Path(__file__).parents[1] / "src" / "phosphene" / "picture" / "chart"
    kit = sum(file.stat().st_size for file in own.glob("*.py"))
    version = importlib.metadata.version("matplotlib")
    print(
        f"\nOn disk: Matplotlib {version} with what it needs beyond Pillow and NumPy {needed / 1e6:.0f} MB, our charts"
    )
    print(f"{kit / 1e3:.0f} kB.")


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
