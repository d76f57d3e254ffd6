"""A small network, and a folder of small pictures in class folders."""

import pytest
from atlas_helpers import build, draw_folder

import phosphene as ph
from phosphene.atlas.sweep import measuring


@pytest.fixture(scope="session")
def network():
    return ph.Network(build(), ph.Preprocessing((32, 32), resize=(36, 36)), ["a", "b", "c", "d", "e"])


@pytest.fixture
def folder(tmp_path):
    """37 pictures of three classes, one of them broken and one empty."""
    return draw_folder(tmp_path / "set")


@pytest.fixture(params=["once", "separately"])
def reading(request, monkeypatch):
    """Maps are read by machine code, and as where numba is not installed."""
    if request.param == "separately":
        monkeypatch.setattr(measuring, "_loop", lambda: None)
    else:
        pytest.importorskip("numba")
