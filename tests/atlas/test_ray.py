"""A real cluster on this machine, in a process of its own: two actors, and the same atlas as without them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from atlas_helpers import contents, draw, draw_folder
from PIL import Image

import phosphene as ph
from phosphene.atlas.store.store import Store
from phosphene.data.sources import folder as folders

pytest.importorskip("ray.data", reason="Ray is not installed: pip install 'phosphene[ray]'")

SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import ray, torch
torch.set_num_threads(1)
from atlas_helpers import build
import phosphene as ph
from phosphene.data.sources import folder
folder.FILES = 10
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
network = ph.Network(build(), ph.Preprocessing((32, 32), resize=(36, 36)), list("abcde"))
module = build()
module[0].weight.data[0, 0, 0, 0] = float("nan")
broken = ph.Network(module, network.preprocessing, network.labels)
root = Path({root!r})
left = []  # generators and errors that are still there while other sweeps run

def run(name, path, network=network, stop=0, retry=False):
    told = []
    steps = ph.Atlas.building(network, root / "set", root / path, layers=LAYERS, features="2", ray="auto", retry=retry)
    try:
        for progress in steps:
            told.append([progress.images, progress.unreadable])
            if len(told) == stop:
                steps.close()
    except ValueError as error:
        left.append(error)
        told = f"{{type(error).__name__}}: {{error}}"
    left.append(steps)
    print(f"told {{name}}", json.dumps(told))

LAYERS = {layers!r}
run("refused", "refused", network=broken)
run("stopped", "parts", stop=2)
run("whole", "whole")
run("rest", "parts")
(root / "new.png").rename(root / "set" / "b" / "07b.png")
run("again", "parts", retry=True)
"""
LAYERS = ["0", "3", "6"]


@pytest.fixture(scope="module")
def cluster(network, tmp_path_factory):
    """One cluster, and one process that runs its sweeps one after another: what they said, and the atlases."""
    root = tmp_path_factory.mktemp("ray")
    draw_folder(root / "set")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "FILES", 10)
        local = ph.Atlas.build(network, root / "set", root / "local", layers=LAYERS, features="2")
        before = rounded(contents(local.store))
        Image.fromarray(draw(70)).save(root / "new.png")
        script = SCRIPT.format(tests=str(Path(__file__).parent), root=str(root), layers=LAYERS)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        ph.Atlas.build(network, root / "set", root / "local", layers=LAYERS, features="2", retry=True)
    lines = (line.split(" ", 2) for line in done.stdout.splitlines())  # Ray writes there, too
    return {name: json.loads(told) for word, name, told in (line for line in lines if line[0] == "told")}, root, before


def rounded(tables):
    """Sums are equal up to the order of their addition."""
    for table in tables.values():
        for row in table:
            if "total" in row:
                row["total"] = float(f"{row['total']:.9g}")
    return tables


def test_a_cluster_of_two_makes_the_atlas_that_one_machine_makes(cluster):
    told, root, before = cluster
    assert told["whole"][-1] == [39, 2]
    assert rounded(contents(Store(root / "whole"))) == before


def test_a_cluster_goes_on_where_it_was_stopped_and_tries_images_again(cluster):
    told, root, _ = cluster
    assert 0 < told["stopped"][-1][0] < 39
    assert told["rest"][-1][0] == 39 - told["stopped"][-1][0]
    assert told["again"][-1] == [2, 1]
    one, other = (rounded(contents(Store(root / name))) for name in ("parts", "local"))
    assert one.keys() == other.keys()
    assert one == other


def test_an_actors_error_is_the_sentence_of_one_machine(cluster):
    assert cluster[0]["refused"].startswith("ValueError: 0 of Sequential gives values that are not finite")
