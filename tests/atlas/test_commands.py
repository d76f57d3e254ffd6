"""`phosphene atlas …`, in the process by Typer's own runner."""

import inspect
import json

import pytest
from atlas_helpers import build
from typer.testing import CliRunner

import phosphene.cli
from phosphene.commands.catalogue import entries, members

HEAD = "import torch\nfrom torch import nn\n\n\n"


@pytest.fixture
def run(tmp_path, monkeypatch, folder):
    """Runs the words after `phosphene` in a folder with the module `small`, which builds the network."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.py").write_text(inspect.getsource(build).replace("def build", HEAD + "def build"))
    runner = CliRunner()

    def words(line):
        return runner.invoke(phosphene.cli.app, line.split())

    return words


def test_an_atlas_is_built_asked_and_gone_on_with(run, folder, tmp_path):
    line = f"atlas build {folder} --to my.atlas -n small:build --layers 0 --layers 3 --features 2 --k 3 --batch 7"
    built = run(line)
    assert built.exit_code == 0, built.output
    assert built.stdout.strip() == "my.atlas"
    assert "39 images, 2 of them could not be read" in built.stderr
    again = run(line)
    assert again.exit_code == 0
    assert "nothing is new" in again.stderr
    told = run("atlas info my.atlas")
    assert told.exit_code == 0
    assert "07b.png" in told.stdout
    numbers = json.loads(run("atlas info my.atlas --json").stdout)
    assert numbers["images"] == 37
    drawn = run("atlas patches my.atlas 3:5 --out sheet.png")
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_an_atlas_is_indexed_and_exported(run, folder, tmp_path):
    import pyarrow.parquet

    assert run(f"atlas build {folder} --to my.atlas -n small:build --layers 3 --features 2").exit_code == 0
    indexed = run("atlas index my.atlas")
    assert indexed.exit_code in (0, 2), indexed.output  # too few images for one is said in a sentence
    assert "Traceback" not in indexed.output
    written = run("atlas export my.atlas images.parquet --map pca --features 2")
    assert written.exit_code == 0, written.output
    table = pyarrow.parquet.read_table(tmp_path / "images.parquet")
    assert table.num_rows == 37
    assert {"key", "label", "x", "y", "vector"} <= set(table.column_names)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("atlas info nothing.atlas", "there is no atlas at 'nothing.atlas'"),
        ("atlas build nothing --to my.atlas -n small:build", "nothing"),
        ("atlas build set --to my.atlas -n small:build --layers 99", "layer '99' is not in"),
        ("atlas build set --to my.atlas -n small:build --k 0", "k is a number above 0, not 0"),
        ("atlas build set --to my.atlas -n small:build --pool median", "pool 'median' is not known"),
        ("atlas nonsense", "nonsense"),
    ],
)
def test_what_is_refused_is_one_sentence(run, line, sentence, tmp_path):
    done = run(line)
    assert done.exit_code == 2, done.output
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "my.atlas").exists() or line.endswith("build")


def test_every_question_to_an_atlas_is_a_command_of_the_group():
    names = members()
    assert {"patches", "layer", "names", "statistics"} <= set(names)
    assert not any(name.startswith("atlas-") for name in entries())
    shown = CliRunner().invoke(phosphene.cli.app, ["atlas", "--help"])
    assert shown.exit_code == 0
    for name in (*names, "build"):
        assert f" {name} " in shown.stdout
