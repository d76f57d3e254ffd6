"""`phosphene atlas …`, in the process by Typer's own runner."""

import inspect
import json

import pytest
from atlas_helpers import build, draw
from PIL import Image
from typer.testing import CliRunner

import phosphene.cli
from phosphene.instrument.command_list import entries, members

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
    drawn = run("atlas patches my.atlas 3:5 --trust --out sheet.png")
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "sheet.png").stat().st_size > 1000


def test_images_are_tried_again_and_a_source_that_moved_is_told(run, folder, tmp_path):
    words = "--to my.atlas -n small:build --layers 3 --features 2"
    assert run(f"atlas build {folder} {words}").exit_code == 0
    Image.fromarray(draw(7)).save(folder / "b" / "07b.png")
    again = run(f"atlas build {folder} {words} --retry")
    assert again.exit_code == 0, again.output
    assert "2 images, 1 of them could not be read" in again.stderr
    assert json.loads(run("atlas info my.atlas --json").stdout)["images"] == 38
    folder.rename(tmp_path / "moved")
    lost = run(f"atlas build small.py {words}")
    assert f"{folder} is not there any more; if it has moved, tell the atlas" in " ".join(lost.stderr.split())
    refused = run("atlas relocate my.atlas set small.py")
    assert refused.exit_code == 2
    assert "so that nothing was moved" in " ".join(refused.stderr.split())
    told = run("atlas relocate my.atlas set moved")
    assert told.exit_code == 0, told.output
    assert told.stdout.strip() == "my.atlas"
    assert "39 images are read from moved now" in told.stderr
    assert "nothing is new" in run(f"atlas build moved {words}").stderr


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
    wrong = run("atlas export my.atlas images.csv")
    assert wrong.exit_code == 2
    assert "a Parquet file, whose name ends in .parquet, not 'images.csv'" in " ".join(wrong.stderr.split())
    (sweep,) = json.loads(run("atlas info my.atlas --json").stdout)["sweeps"]
    assert run(f"atlas export my.atlas swept.parquet --features 2 --sweep {sweep['name']}").exit_code == 0
    for command in ("index my.atlas", "export my.atlas x.parquet --map pca"):
        refused = run(f"atlas {command} --sweep b")
        assert refused.exit_code == 2
        assert "has no sweep 'b'" in " ".join(refused.stderr.split())


def test_a_mosaic_is_a_picture_or_a_page_as_its_name_says(run, folder, tmp_path):
    assert run(f"atlas build {folder} --to my.atlas -n small:build --layers 3 --features 2").exit_code == 0
    line = "atlas mosaic my.atlas --method pca --grid --tile 8 --out"
    page = tmp_path / "zoom" / "index.html"
    for _ in range(2):  # the second time it is written anew
        written = run(f"{line} zoom")
        assert written.exit_code == 0, written.output
        assert written.stdout.strip() == "zoom/index.html"
        assert page.is_file()
    before = page.stat().st_mtime_ns
    told = run(f"{line} zoom --json")
    assert json.loads(told.stdout)["shown"] == 37
    assert page.stat().st_mtime_ns > before
    (tmp_path / "pictures").mkdir()
    assert run(f"{line} pictures").stdout.strip() == "pictures/atlas_mosaic-my-pca.png"
    for wrong, sentence in (
        ("zoom.gif", "must end in .png"),
        ("none/zoom", "there is no folder 'none' to make 'zoom'"),
    ):
        refused = run(f"{line} {wrong}")
        assert refused.exit_code == 2
        assert sentence in " ".join(refused.stderr.split())
    assert "FILE|FOLDER" in run("atlas mosaic --help").stdout
    assert "must end in .png" in run("atlas map my.atlas --out zoomable").stderr


def test_a_pictures_name_says_which_unit_or_photo_it_shows(run, folder):
    assert run(f"atlas build {folder} --to my.atlas -n small:build --layers 3 --features 2").exit_code == 0
    for line, name in (
        ("patches my.atlas 3:5", "atlas_patches-my-3_5.png"),
        ("layer my.atlas 3", "atlas_layer-my-3.png"),
        ("neighbours my.atlas a/00.png b/01.png --k 2", "atlas_neighbours-my-a_00-b_01.png"),
        (f"neighbours my.atlas {folder}/c/02.png --k 2", "atlas_neighbours-my-02.png"),
        ("map my.atlas --method pca", "atlas_map-my-pca.png"),
        (f"place my.atlas {folder}/c/02.png {folder}/a --method pca", "atlas_place-my-02-a-pca.png"),
    ):
        written = run(f"atlas {line} --trust")
        assert written.exit_code == 0, written.output
        assert written.stdout.strip() == name
    unit = run("atlas names my.atlas 3:5")
    assert "'3:5' is one unit; name its layer, '3'" in " ".join(unit.stderr.split())


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("atlas info nothing.atlas", "there is no atlas at 'nothing.atlas'"),
        ("atlas build nothing --to my.atlas -n small:build", "nothing"),
        ("atlas build set --to my.atlas -n small:build --layers 99", "layer '99' is not in"),
        ("atlas build set --to my.atlas -n small:build --k 0", "k is a number above 0, not 0"),
        ("atlas build set --to my.atlas -n small:build --pool median", "pool 'median' is not known"),
        ("atlas neighbour", "no such command neighbour; did you mean neighbours?"),
        ("atlas patches set 3:5", "there is no atlas at 'set', a folder with other things in it"),
        ("atlas build small.py --to my.atlas -n small:build", "small.py"),
        (
            "atlas build list.txt --to my.atlas -n small:build",
            "list.txt' was read as a list of files, one a line, and there is no file",
        ),
    ],
)
def test_what_is_refused_is_one_sentence(run, line, sentence, tmp_path):
    (tmp_path / "list.txt").write_text("buy milk\n")
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
