"""What editors and type checkers know of `ph`: every name, what it takes and what it gives."""

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import phosphene as ph

SOURCE = Path(ph.__file__)

USES = """
import phosphene as ph

network = ph.load()
photo = ph.read("photo.jpg")
atlas = ph.Atlas("atlas")

reveal_type(network)  # is Network
reveal_type(network.classify(photo)[0].label)  # is str
reveal_type(ph.occlusion(network, photo))  # is Occlusion
reveal_type(ph.occlusion(network, [photo, photo], "logits:3", window=16).picture())  # is Picture
reveal_type(ph.occlusion.steps(network, photo))  # is Iterator[Occlusion]
reveal_type(atlas.sensitivities("layer3:17", k=3))  # is Sensitivities
reveal_type(ph.invert(network, photo, "blocks.3"))  # is Inversion
reveal_type(ph.invert.steps(network, photo, "blocks.3"))  # is Iterator[Inversion]
reveal_type(atlas.patches("layer3:17", k=3))  # is Patches
reveal_type(atlas.activations(cells=8))  # is ActivationAtlas
reveal_type(ph.report(network, photo, "report.html", atlas=atlas))  # is Path
ph.judge(network, ["one.jpg", photo])
ph.occlusion(network, photo).save("occlusion.png", theme="dark", range="each")

ph.oclusion  # refused: no attribute "oclusion"
ph.occlusion(network, photo, windw=16)  # refused: "windw"
ph.occlusion(network, "photo.jpg")  # refused: incompatible type "str"
ph.occlusion(photo, photo)  # refused: incompatible type "Photo"
network.scores("photo.jpg")  # refused: incompatible type "str"
atlas.patches("layer3:17", j=3)  # refused: "j"
atlas.patches(3)  # refused: incompatible type "int"
atlas.activations(3)  # refused: incompatible type "int"
ph.report(network, photo, "report.html", atlas=3)  # refused: incompatible type "int"
"""

# libraries are left out, which makes it quick; of torch only the names that are told apart
TORCH = "from typing import Any\nclass Tensor: ...\nclass device: ...\ndef __getattr__(name: str) -> Any: ...\n"
NN = "from typing import Any\nclass Module: ...\ndef __getattr__(name: str) -> Any: ...\n"
CONFIG = f"""
[mypy]
mypy_path = stubs:{SOURCE.parents[1]}
ignore_missing_imports = True
[mypy-phosphene.*]
ignore_errors = True
[mypy-torchvision.*,numpy.*,PIL.*,scipy.*,sklearn.*,timm.*,pyarrow.*,lancedb.*,typer.*,rich.*,jinja2.*,click.*,av.*]
follow_imports = skip
"""


def test_names_for_editors_are_those_of_python():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    written = {(part.module, name.name) for part in block.body for name in part.names}
    packages = {(None, name) for name in ph._PACKAGES}
    assert written == {(home, name) for name, home in ph._WHERE.items()} | packages
    assert all(name.asname == name.name for part in block.body for name in part.names)  # which exports them
    assert all(getattr(ph, name) is not None for name in ph.__all__)


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_knows_what_each_call_gives_and_refuses_wrong_ones(tmp_path):
    (tmp_path / "stubs/torch/nn").mkdir(parents=True)
    (tmp_path / "stubs/torch/__init__.pyi").write_text(TORCH)
    (tmp_path / "stubs/torch/nn/__init__.pyi").write_text(NN)
    (tmp_path / "mypy.ini").write_text(CONFIG)
    (tmp_path / "uses.py").write_text(USES)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", "cache", "uses.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not said.stderr, said.stderr
    found: dict[int, list[str]] = {}
    for number, kind, text in re.findall(r"^uses\.py:(\d+): (error|note): (.*)$", said.stdout, re.MULTILINE):
        found.setdefault(int(number), []).append(text if kind == "error" or text.startswith("Revealed") else "")
    for number, line in enumerate(USES.splitlines(), 1):
        texts = [text for text in found.get(number, []) if text]
        _, _, expected = line.partition("  # is ")
        _, _, refused = line.partition("  # refused: ")
        if expected:
            (text,) = texts
            given = re.sub(r"\b(?:\w+\.)+(?=\w)", "", re.fullmatch('Revealed type is "(.*)"', text)[1])
            assert given == expected, line
        elif refused:
            (text,) = texts
            assert refused in text, line
        else:
            assert not texts, f"{line}: {texts}"
