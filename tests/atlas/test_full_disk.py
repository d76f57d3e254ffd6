"""A file system of three megabytes that fills up: the build ends in a sentence, and goes on when there is room."""

import os
import subprocess
import sys

import pytest
from atlas_helpers import contents

import phosphene as ph
from phosphene.atlas.store.store import Store
from phosphene.atlas.store.sweep_rows import images_of
from phosphene.atlas.sweep import sweep


@pytest.fixture
def small_disk(tmp_path):
    """A mounted folder, and a way to make it larger."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system, on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,size=100m", folder], check=True)
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_in_a_sentence_and_leaves_a_whole_atlas(network, folder, tmp_path, small_disk, monkeypatch):
    disk, enlarge = small_disk
    monkeypatch.setattr(sweep, "EVERY_S", 0)
    how = {"layers": ["0", "3"], "features": "0", "pool": "none", "batch": 3}
    whole = contents(ph.Atlas.build(network, folder, tmp_path / "whole", **how).store)
    last, sentence = None, ""
    try:
        for progress in ph.Atlas.building(network, folder, disk / "atlas", **how):
            last = progress
    except OSError as error:
        sentence = str(error)
    assert last is not None
    assert f"is full; it holds the first {last.images} images of this run, whole" in sentence
    atlas = ph.Atlas(disk / "atlas", network)
    ids, _ = atlas.store.features(atlas.sweeps()[0], "0")
    covered = images_of(atlas.store, atlas.sweeps()[0]).column("id").to_pylist()
    broken = atlas.store.unreadable(atlas.sweeps()[0])
    assert len(covered) == last.images - sum(number < last.images for number in broken)
    assert set(covered) <= set(ids.tolist()), "of what was begun after them there may be more"
    enlarge()
    ph.Atlas.build(network, folder, disk / "atlas", **how)
    assert contents(Store(disk / "atlas")) == whole
