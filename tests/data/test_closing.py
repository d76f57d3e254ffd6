import gc
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torch import nn

import phosphene as ph
from phosphene.atlas.store.store import Store
from phosphene.data import closing, cluster

SCRIPT = """
import sys
import phosphene as ph
from torch import nn
network = ph.Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), ph.Preprocessing((8, 8)))
steps = ph.Atlas.building(network, sys.argv[1], sys.argv[2], layers="0", batch=2)
print(next(steps).images)
"""


def test_a_build_that_is_left_in_the_middle_is_written_when_python_ends(tmp_path):
    (tmp_path / "set").mkdir()
    for index in range(6):
        Image.fromarray(np.full((8, 8, 3), 40 * index, np.uint8)).save(tmp_path / "set" / f"{index}.png")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "set"), str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("2\n", "", 0)
    assert Store(tmp_path / "a").images().num_rows == 2


def test_generators_that_are_gone_or_running_are_no_trouble():
    ended = []

    @closing.closed_at_exit
    def counting(name):
        try:
            closing._close_all()  # while it runs
            yield
        finally:
            ended.append(name)

    first = counting("first")
    next(first)
    del first
    gc.collect()
    assert ended == ["first"]
    second = counting("second")
    next(second)
    closing._close_all()
    assert ended == ["first", "second"]


class Cluster(SimpleNamespace):
    """What of Ray a run needs: its answers come from here, and it says when its actors ended."""

    def __init__(self, answers, free):
        super().__init__(answers=answers, free=list(free), ended=False)
        context = SimpleNamespace(execution_options=SimpleNamespace(preserve_order=False))
        self.data = SimpleNamespace(
            from_items=lambda items, **_: self,
            ActorPoolStrategy=lambda size: size,
            DataContext=SimpleNamespace(get_current=lambda: context),
        )

    def cluster_resources(self):
        return {"CPU": 2}

    def available_resources(self):
        return self.free.pop(0) if len(self.free) > 1 else self.free[0]

    def put(self, value):
        return value

    def map_batches(self, *_, **__):
        return self

    def iter_batches(self, **_):
        try:
            for answer in self.answers:
                yield {"answer": [cluster.pickle.dumps(answer)]}
        finally:
            self.ended = True


@pytest.fixture
def spread(monkeypatch):
    def run(answers, free=({"CPU": 2},)):
        ray = Cluster(answers, free)
        monkeypatch.setattr(cluster, "_started", lambda address: ray)
        return ray, cluster.spread(None, [ph.Network(nn.Identity())], print, [(0, None, 0)] * len(answers), None)

    return run


def test_actors_end_when_a_run_is_closed_or_an_error_is_raised_and_still_held(spread):
    ray, steps = spread([1, 2])
    assert next(steps) == 1
    assert not ray.ended
    steps.close()
    assert ray.ended
    ray, steps = spread([1, ValueError("no")])
    with pytest.raises(ValueError, match="no"):
        list(steps)
    assert ray.ended


def test_a_run_waits_for_processors_and_says_after_a_while_that_others_hold_them(spread, monkeypatch):
    _, steps = spread([1, 2], free=[{}, {"CPU": 0.0}, {"CPU": 1.0}])
    assert list(steps) == [1, 2]
    monkeypatch.setattr(cluster, "FREE_S", 0.1)
    _, steps = spread([1, 2], free=[{}])
    with pytest.raises(TimeoutError, match=r"had no room for 1 processor in 0.1 s: other work holds them"):
        list(steps)
