"""A real cluster on this machine, in a process of its own: two actors, and the same atlas as without them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from atlas_helpers import contents, draw
from PIL import Image

import phosphene as ph
from phosphene.atlas.store.store import Store
from phosphene.data.sources import folder as folders

pytest.importorskip("ray.data", reason="Ray is not installed: pip install 'phosphene[ray]'")

SERVER = """
import json, sys
sys.path.insert(0, {tests!r})
import ray, torch
torch.set_num_threads(1)
from atlas_helpers import build
import phosphene as ph
from phosphene.data.sources import folder
folder.FILES = 10
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)

def built(source, path, stop, factor, retry):
    module = build()
    module[0].weight.data[0, 0, 0, 0] *= factor
    network = ph.Network(module, ph.Preprocessing((32, 32), resize=(36, 36)), list("abcde"))
    steps = ph.Atlas.building(network, source, path, layers=["0", "3", "6"], features="2", ray="auto", retry=retry)
    told = []
    for progress in steps:
        told.append([progress.images, progress.unreadable])
        if len(told) == stop:
            break
    steps.close()
    return told

for line in sys.stdin:
    try:
        told = built(**json.loads(line))
    except Exception as error:
        told = f"{{type(error).__name__}}: {{error}}"
    print("told", json.dumps(told), flush=True)
"""


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory):
    """Builds an atlas on a cluster, which is started once, and gives what its steps said."""
    script = SERVER.format(tests=str(Path(__file__).parent))
    errors = tmp_path_factory.mktemp("ray") / "errors"
    with (
        errors.open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):

        def run(source, path, stop=0, factor=1.0, retry=False):
            asked = {"source": str(source), "path": str(path), "stop": stop, "factor": factor, "retry": retry}
            server.stdin.write(json.dumps(asked) + "\n")
            server.stdin.flush()
            for line in server.stdout:  # Ray writes there, too
                if line.startswith("told "):
                    return json.loads(line.removeprefix("told "))
            raise AssertionError(errors.read_text()[-3000:])

        yield run
        server.stdin.close()


def rounded(tables):
    """Sums are equal up to the order of their addition."""
    for table in tables.values():
        for row in table:
            if "total" in row:
                row["total"] = float(f"{row['total']:.9g}")
    return tables


def test_a_cluster_of_two_makes_the_atlas_that_one_machine_makes(network, folder, tmp_path, monkeypatch, on_ray):
    monkeypatch.setattr(folders, "FILES", 10)
    local = ph.Atlas.build(network, folder, tmp_path / "local", layers=["0", "3", "6"], features="2")
    told = on_ray(folder, tmp_path / "ray")
    assert told[-1] == [39, 2]
    assert rounded(contents(Store(tmp_path / "ray"))) == rounded(contents(local.store))


def test_a_cluster_goes_on_where_it_was_stopped(network, folder, tmp_path, monkeypatch, on_ray):
    monkeypatch.setattr(folders, "FILES", 10)
    local = ph.Atlas.build(network, folder, tmp_path / "local", layers=["0", "3", "6"], features="2")
    first = on_ray(folder, tmp_path / "ray", stop=2)
    assert 0 < first[-1][0] < 39
    second = on_ray(folder, tmp_path / "ray")
    assert second[-1][0] == 39 - first[-1][0]
    assert rounded(contents(Store(tmp_path / "ray"))) == rounded(contents(local.store))


def test_a_cluster_tries_images_again(network, folder, tmp_path, monkeypatch, on_ray):
    monkeypatch.setattr(folders, "FILES", 10)
    ph.Atlas.build(network, folder, tmp_path / "ray", layers=["0", "3", "6"], features="2")
    Image.fromarray(draw(70)).save(folder / "b" / "07b.png")
    assert on_ray(folder, tmp_path / "ray", retry=True)[-1] == [2, 1]
    local = ph.Atlas.build(network, folder, tmp_path / "local", layers=["0", "3", "6"], features="2")
    one, other = contents(Store(tmp_path / "ray")), contents(local.store)
    assert one.keys() == other.keys()
    for name in ("images", "Sequential.unreadable"):
        assert one[name] == other[name]
    for mine, its in zip(one["Sequential.units"], other["Sequential.units"], strict=True):
        assert (mine["count"], mine["images"], mine["places"]) == (its["count"], its["images"], its["places"])
    assert [row["id"] for row in one["Sequential.features.2"]] == [row["id"] for row in other["Sequential.features.2"]]


def test_an_actors_error_is_the_sentence_of_one_machine(folder, tmp_path, on_ray):
    told = on_ray(folder, tmp_path / "ray", factor=float("nan"))
    assert told.startswith("ValueError: 0 of Sequential gives values that are not finite")
