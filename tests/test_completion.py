"""Completion of layers: what is offered, and what is remembered so that TAB does not wait for torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from phosphene.commands.completion import remembered
from phosphene.commands.completion.remembered import cache_file, recall, remember


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def completed(line: str) -> tuple[list[str], bool]:
    """What bash is offered at the end of the line, and whether torch was imported for it."""
    script = """
import sys, phosphene.cli
try:
    phosphene.cli.main()
finally:
    print('torch' in sys.modules, file=sys.stderr)
"""
    asked = {"_PHOSPHENE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **asked}, capture_output=True, text=True, timeout=120
    )
    return done.stdout.split(), done.stderr.split()[-1] == "True"


def test_layers_are_remembered_and_completed_the_second_time_without_torch() -> None:
    first, with_torch = completed("phosphene activations blocks.6")
    assert with_torch
    assert "blocks.6" in first
    assert all(name.startswith("blocks.6") for name in first)
    for line in ("phosphene activations blocks.6", "phosphene look photo.jpg blocks.6",
                 "phosphene filters -n efficientnet_lite0 blocks.6"):  # fmt: skip
        assert completed(line) == (first, False), line


def test_the_network_that_the_line_names_is_the_one_whose_layers_are_offered() -> None:
    remember("timm:some", ["stem", "head"])
    assert completed("phosphene anatomy -n timm:some st") == (["stem"], False)
    assert completed("phosphene anatomy --network timm:some stem ")[0] == []  # a photo: the shell offers files


def test_an_instruments_own_options_are_completed_too() -> None:
    assert completed("phosphene activations --ma")[0] == ["--map"]
    assert completed("phosphene activations stem --map seq")[0] == ["sequential"]


def test_networks_can_be_compared_by_the_word_behind_networks() -> None:
    offered, with_torch = completed("phosphene networks c")
    assert offered == ["compare"]
    assert not with_torch
    assert "--images" in completed("phosphene networks compare a b --im")[0]


def test_a_file_or_code_is_neither_opened_nor_remembered(cache: Path) -> None:
    for spec in ("weights.pth", "module:build"):
        assert completed(f"phosphene filters -n {spec} ")[0] == []
    assert not cache_file().exists()


def test_names_are_kept_by_spec_in_the_users_cache(cache: Path) -> None:
    remember("a", ["x"])
    remember("b", ["y", "z"])
    assert (recall("a"), recall("b"), recall("c")) == (["x"], ["y", "z"], None)
    assert [file.relative_to(cache).as_posix() for file in cache.rglob("*.*")] == ["phosphene/layers.json"]


def test_other_versions_forget_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    remember("a", ["x"])
    monkeypatch.setattr(remembered, "__version__", "0")
    assert recall("a") is None
    remember("b", ["y"])
    assert list(json.loads(cache_file().read_text())["layers"]) == ["b"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"versions": 1}', '{"versions": {}, "layers": 3}'])
def test_a_broken_cache_is_none_and_is_replaced(text: str) -> None:
    cache_file().parent.mkdir()
    cache_file().write_text(text)
    assert recall("a") is None
    remember("a", ["x"])
    assert recall("a") == ["x"]


def test_a_cache_that_can_not_be_written_is_no_error(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    remember("a", ["x"])
    assert recall("a") is None
