"""The small atlas of pictures that packages bring along."""

import numpy as np
import pytest

import phosphene as ph
from phosphene.atlas import ready
from phosphene.atlas.ready import gather, pieces, shipped


def test_pieces_cover_the_photo_and_overlap():
    photo = ph.read(np.random.default_rng(0).integers(0, 256, (41, 60, 3), dtype=np.uint8))
    whole, *parts = pieces(photo)
    assert whole is photo
    assert len(parts) == 9
    assert {(part.height, part.width) for part in parts} == {(20, 30)}
    assert (parts[0].pixels == photo.pixels[:20, :30]).all()
    assert (parts[8].pixels == photo.pixels[21:, 30:]).all()
    assert (parts[4].pixels == photo.pixels[10:30, 15:45]).all()


def test_pictures_have_their_names_as_labels_and_none_is_there_twice(tmp_path):
    pytest.importorskip("skimage")
    files = shipped()
    names = [file.stem for file in files]
    assert {"cat", "coffee", "astronaut", "china", "flower"} <= set(names)
    assert "chelsea" not in names, "it is the cat"
    assert len(names) == len(set(names))
    count = gather(tmp_path / "pictures")
    found = sorted((tmp_path / "pictures").rglob("*.jpg"))
    assert len(found) == count >= 200
    assert ph.read(tmp_path / "pictures" / "cat" / "cat.jpg").width == ph.read(files[names.index("cat")]).width
    written = [file.stat().st_mtime_ns for file in found]
    assert gather(tmp_path / "pictures") == count
    assert [file.stat().st_mtime_ns for file in found] == written


def test_it_is_an_atlas_and_nothing_is_made_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ready, "shipped", lambda: [file for file in shipped() if file.stem == "cat"])
    ready.main([str(tmp_path / "ready.atlas")])
    assert "10, 1 label" in capsys.readouterr().out
    atlas = ph.Atlas(tmp_path / "ready.atlas")
    assert set(ready.LAYERS) == set(atlas.sweeps()[0].work.layers)
    assert atlas.patches("logits:tabby")[0].label == "cat"
    ready.main([str(tmp_path / "ready.atlas")])
    assert atlas.info().images == 10


def test_an_atlas_is_named_before_its_layer_on_the_command_line():
    import inspect

    from phosphene.atlas.units.naming import atlas_names
    from phosphene.commands.from_form.instrument_command import instrument_command

    words = list(inspect.signature(instrument_command(atlas_names)).parameters)
    assert words[:2] == ["atlas", "layer"]
