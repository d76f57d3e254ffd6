"""What an atlas from elsewhere names is never run unasked: its network's code, its sources', LanceDB's functions."""

import inspect
import json
import pickle
import sys

import numpy as np
import pytest
from atlas_helpers import build, draw
from PIL import Image
from torch import nn
from typer.testing import CliRunner

import phosphene as ph
import phosphene.cli
from phosphene.data.sources import Shard, photo_of
from phosphene.data.sources.tables import datasets_set
from phosphene.instrument.command_list import members

CODE = "import pathlib\nimport torch\nfrom torch import nn\n\npathlib.Path({!r}).touch()\n\n\n"
REFUSED = r"the atlas .* names Python code as its network, '.*own\.py:build', and .* --trust, or trust=True"


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A folder with the file own.py, which notes that it ran, four photos, and an atlas built by that file."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.py").write_text(CODE.format(str(folder / "ran")) + inspect.getsource(build))
    (folder / "set").mkdir()
    for index in range(6):
        Image.fromarray(draw(index)).save(folder / "set" / f"{index}.png")
    network = ph.load(f"{folder}/own.py:build")
    ph.Atlas.build(network, folder / "set", folder / "my.atlas", layers="0", features="2")
    (folder / "ran").unlink()
    return folder


@pytest.fixture
def ran(there):
    """Whether the code has run; and that it has not, when a test begins."""
    (there / "ran").unlink(missing_ok=True)
    return lambda: (there / "ran").exists()


@pytest.fixture
def photo():
    return ph.read(draw(77))


ASKS = {
    "projection": lambda atlas, photo: atlas.patches("0:1", projection=True),
    "synthesis": lambda atlas, photo: atlas.patches("0:1", synthesis=True, steps=1),
    "neighbours": lambda atlas, photo: atlas.neighbours(photo),
    "place": lambda atlas, photo: atlas.map("2", method="pca").place([photo]),
    "activations": lambda atlas, photo: atlas.activations("2", method="pca", cells=2, fewest=1, steps=1, size=32),
}
NEEDS_NONE = {
    "info": lambda atlas: atlas.info(),
    "patches": lambda atlas: atlas.patches("0:1").picture(),
    "layer": lambda atlas: atlas.layer("0").picture(),
    "statistics": lambda atlas: atlas.statistics("0"),
    "neighbours": lambda atlas: atlas.neighbours("1.png", k=2),
    "map": lambda atlas: atlas.map("2", method="pca"),
    "mosaic": lambda atlas: atlas.mosaic("2", method="pca"),
    "photo": lambda atlas: atlas.photo(int(atlas.store.images().column("id")[0].as_py())),
}


@pytest.mark.parametrize("ask", ASKS)
def test_code_that_an_atlas_names_runs_only_on_trust(ask, there, ran, photo):
    with pytest.raises(ValueError, match=REFUSED):
        ASKS[ask](ph.Atlas(there / "my.atlas"), photo)
    assert not ran()
    ASKS[ask](ph.Atlas(there / "my.atlas", trust=True), photo)
    assert ran()


@pytest.mark.parametrize("ask", NEEDS_NONE)
def test_what_needs_no_network_opens_none(ask, there, ran):
    NEEDS_NONE[ask](ph.Atlas(there / "my.atlas"))
    assert not ran()


@pytest.mark.parametrize("ask", ASKS)
def test_the_network_that_was_given_is_taken_without_running_what_the_atlas_names(ask, there, ran, photo):
    ASKS[ask](ph.Atlas(there / "my.atlas", ph.Network(build())), photo)
    assert not ran()


def _sweep(there):
    return ph.Atlas(there / "my.atlas").sweeps()[0]


def test_another_network_than_the_atlas_holds_is_refused_and_runs_nothing(there, ran):
    with pytest.raises(ValueError, match=r"holds nothing of Sequential with these weights, only of .*own\.py:build"):
        ph.Atlas(there / "my.atlas", ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5))))
    assert not ran()


def test_a_report_beside_an_atlas_runs_no_code_of_the_atlas(there, ran, photo, tmp_path):
    ph.report(ph.Network(build()), photo, tmp_path / "page.html", there / "my.atlas")
    assert not ran()


def test_a_picture_that_names_an_atlas_hands_its_trust_on(there, ran, tmp_path):
    atlas = ph.Atlas(there / "my.atlas", trust=True)
    saved = atlas.patches("0:1", k=2, projection=True).save(tmp_path / "patches.png")
    (there / "ran").unlink()
    with pytest.raises(ValueError, match=REFUSED):
        ph.again(saved)
    assert not ran()
    again = ph.again(saved, trust=True).save(tmp_path / "again.png")
    assert np.array_equal(np.asarray(Image.open(saved)), np.asarray(Image.open(again)))
    assert ran()


def test_the_command_line_runs_it_on_trust_or_where_it_is_named(there, ran, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def run(*more):
        words = ["atlas", "patches", str(there / "my.atlas"), "0:1", "--projection", "--json", *more]
        return runner.invoke(phosphene.cli.app, words)

    refused = run()
    assert refused.exit_code == 2
    assert "own.py:build" in refused.stderr
    assert "--trust" in refused.stderr
    assert not ran()
    trusted, named = run("--trust"), run("--network", f"{there}/own.py:build")
    assert trusted.exit_code == named.exit_code == 0
    assert json.loads(trusted.stdout)["patches"] == json.loads(named.stdout)["patches"]
    other = run("--network", "torchvision:squeezenet1_1@none")
    assert other.exit_code == 2
    assert "holds nothing of torchvision:squeezenet1_1@none" in other.stderr
    assert "--weights is for the network; name it with --network" in run("--weights", "none").stderr


def test_every_command_of_an_atlas_takes_trust():
    runner = CliRunner()
    without = [
        name
        for name in members()
        if name != "info"  # which opens no network
        and "--trust" not in runner.invoke(phosphene.cli.app, ["atlas", name, "--help"], color=False).stdout
    ]
    assert not without


@pytest.mark.parametrize(
    "opening",
    [
        {"spec": "efficientnet_lite0", "device": "cpu"},
        {"spec": 7},
        {"architecture": "timm:resnet18"},
        {"spec": "timm:resnet18", "seed": "0"},
        {"spec": "own.pth", "labels": "x"},
    ],
)
def test_an_opening_of_another_shape_is_refused_in_a_sentence(opening, there, tmp_path):
    from phosphene.network.opening.reopening import reopened

    preprocessing = _sweep(there).preprocessing
    with pytest.raises(ValueError, match="how its network is opened can't be read"):
        reopened(opening, preprocessing, by="it", how="", trust=True)
    with pytest.raises(ValueError, match="preprocessing can't be read"):
        reopened({"spec": "torchvision:resnet18@none"}, {"colour": 3}, by="it", how="", trust=True)


class Touching:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_data_set_that_an_atlas_names_is_neither_unpickled_nor_run(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install datasets")
    ran = tmp_path / "ran"
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Touching(str(ran))))
    (tmp_path / "evil.py").write_text(f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    part = {"image": None, "label": None, "start": 0, "stop": 1, "name": "x"}
    data = {"data_files": str(tmp_path / "evil.pkl"), "cache_dir": str(tmp_path / "cache"), "split": "train"}
    pickled = Shard("datasets", "pandas", {**part, "options": data})
    script = Shard("datasets", str(tmp_path / "evil.py"), {**part, "options": {}})
    asked = Shard("datasets", str(tmp_path / "evil.py"), {**part, "options": {"trust_remote_code": "1"}})
    for shard, sentence in (
        (pickled, "unpickles nothing"),
        (script, "can't be opened"),
        (asked, "named with an option 'trust_remote_code'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            photo_of(shard, 0, "x")
    assert not ran.exists()


def test_versions_of_datasets_that_run_scripts_are_told_not_to(monkeypatch):
    given = {}

    class Older:
        Image = type(None)

        @staticmethod
        def load_dataset(path, name=None, split=None, trust_remote_code=None):
            given.update(path=path, trust_remote_code=trust_remote_code)
            return "the split"

    monkeypatch.setitem(sys.modules, "datasets", Older)
    datasets_set._opened.cache_clear()
    assert datasets_set._opened("someone/set", ()) == "the split"
    assert given == {"path": "someone/set", "trust_remote_code": False}
    datasets_set._opened.cache_clear()


@pytest.mark.parametrize("name", ["LSUN", "LSUNClass"])
def test_a_torchvision_data_set_that_unpickles_is_refused(name, tmp_path):
    shard = Shard("torchvision", f"{name}@{tmp_path}", {"start": 0, "stop": 1, "options": {}})
    with pytest.raises(ValueError, match="unpickles nothing"):
        photo_of(shard, 0, "x")


def test_a_table_that_names_an_embedding_function_is_refused(tmp_path, folder, network):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features=[])
    rows = atlas.store.table("images").to_arrow()
    metadata = {"embedding_functions": json.dumps([{"name": "x", "model": {}, "vector_column": "v"}])}
    atlas.store.db.create_table("images", rows.replace_schema_metadata(metadata), mode="overwrite")
    with pytest.raises(ValueError, match="names an embedding function"):
        ph.Atlas(tmp_path / "atlas").info()
