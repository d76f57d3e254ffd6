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

SCRIPT = """
import json, sys
sys.path.insert(0, {tests!r})
import ray, torch
torch.set_num_threads(1)
from atlas_helpers import build
import phosphene as ph
from phosphene.data.sources import folder
folder.FILES = 10
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
module = build()
module[0].weight.data[0, 0, 0, 0] *= {factor}
network = ph.Network(module, ph.Preprocessing((32, 32), resize=(36, 36)), list("abcde"))
work = {{"layers": ["0", "3", "6"], "features": "2", "ray": "auto", "retry": {retry}}}
steps = ph.Atlas.building(network, {source!r}, {path!r}, **work)
told = []
try:
    for progress in steps:
        told.append([progress.images, progress.unreadable])
        if len(told) == {stop}:
            break
    steps.close()
    if {compared}:
        study = ph.invariance(network, {source!r}, "flip-vertical", layers="0", ray="auto")
        alike = ph.similarity(network, network, {source!r}, layers=["0", "3"], batch=4, ray="auto")
        told.append([study.to_dict(), alike.to_dict()])
    print("told", json.dumps(told))
except Exception as error:
    print("told", json.dumps(f"{{type(error).__name__}}: {{error}}"))
"""


def on_ray(source, path, stop=0, factor="1", retry=False, compared=False):
    script = SCRIPT.format(
        tests=str(Path(__file__).parent), source=str(source), path=str(path), stop=stop, factor=factor, retry=retry,
        compared=compared,
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    (told,) = (line for line in done.stdout.splitlines() if line.startswith("told "))  # Ray writes there, too
    return json.loads(told.removeprefix("told "))


def rounded(tables):
    """Sums are equal up to the order of their addition."""
    for table in tables.values():
        for row in table:
            if "total" in row:
                row["total"] = float(f"{row['total']:.9g}")
    return tables


def alike(one, other) -> bool:
    """Whether two results say the same, with sums that were added in another order."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other if not isinstance(one, float) else one == pytest.approx(other, rel=1e-6, abs=1e-9)


def test_a_cluster_of_two_makes_what_one_machine_makes(network, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "FILES", 10)
    local = ph.Atlas.build(network, folder, tmp_path / "local", layers=["0", "3", "6"], features="2")
    *told, compared = on_ray(folder, tmp_path / "ray", compared=True)
    assert told[-1] == [39, 2]
    study = ph.invariance(network, folder, "flip-vertical", layers="0")
    same = ph.similarity(network, network, folder, layers=["0", "3"], batch=4)
    assert alike(compared, json.loads(json.dumps([study.to_dict(), same.to_dict()])))
    assert rounded(contents(Store(tmp_path / "ray"))) == rounded(contents(local.store))


def test_a_cluster_goes_on_where_it_was_stopped(network, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "FILES", 10)
    local = ph.Atlas.build(network, folder, tmp_path / "local", layers=["0", "3", "6"], features="2")
    first = on_ray(folder, tmp_path / "ray", stop=2)
    assert 0 < first[-1][0] < 39
    second = on_ray(folder, tmp_path / "ray")
    assert second[-1][0] == 39 - first[-1][0]
    assert rounded(contents(Store(tmp_path / "ray"))) == rounded(contents(local.store))


def test_a_cluster_tries_images_again(network, folder, tmp_path, monkeypatch):
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


def test_an_actors_error_is_the_sentence_of_one_machine(folder, tmp_path):
    told = on_ray(folder, tmp_path / "ray", factor="float('nan')")
    assert told.startswith("ValueError: 0 of Sequential gives values that are not finite")
