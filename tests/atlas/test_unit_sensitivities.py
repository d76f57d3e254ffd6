"""Whether a unit of an atlas answers to colour or to form: over its stored patches, and what is not there any more."""

import numpy as np
import pytest
from PIL import Image

import phosphene as ph


@pytest.fixture
def atlas(network, folder, tmp_path):
    return ph.Atlas.build(network, folder, tmp_path / "atlas", layers=["3", "6"], k=5, each=2)


def test_it_is_that_of_the_photos_of_its_patches(atlas, network, unchanged):
    best = int(atlas.statistics("6").rows().index(max(atlas.statistics("6").rows(), key=lambda row: row["largest"])))
    for unit in ("3:2", f"6:{best}"):
        with unchanged(network.module):
            found = atlas.sensitivities(unit, seed=3)
        patches = atlas.patches(unit)
        photos = {patch.image: patch.photo() for patch in patches}
        plain = ph.sensitivities(network, list(photos.values()), unit, seed=3)
        assert found.images == tuple(photos)
        assert found.looked_at == 37
        assert np.allclose(found.original, plain.original, rtol=1e-4)
        for name in plain.responses:
            same = np.isclose(found.responses[name], plain.responses[name], rtol=1e-4, equal_nan=True)
            ties = [one != other for one, other in zip(found.places, plain.places, strict=True)]
            assert (same | ties).all(), name
        assert found.words.partition(":")[0] == plain.words.partition(":")[0]
    assert atlas.sensitivities("3:2", k=1).images == (atlas.patches("3:2")[0].image,)


def test_photos_that_are_gone_or_others_are_left_out_and_named(atlas, folder):
    names = list(dict.fromkeys(patch.image for patch in atlas.patches("3:2")))
    (folder / names[0]).unlink()
    Image.fromarray(np.full((40, 52, 3), 90, np.uint8)).save(folder / names[1])
    found = atlas.sensitivities("3:2")
    assert found.images == tuple(names[2:])
    assert names[0].split("/")[1] in found.notes[0]
    assert "as when the atlas was built: it is another picture" in found.notes[1]
    for name in names[2:]:
        (folder / name).unlink()
    with pytest.raises(ValueError, match=f"none of the {len(names)} photos can be asked again; the first: "):
        atlas.sensitivities("3:2")
    with pytest.raises(ValueError, match="is a whole layer; name one of its channels"):
        atlas.sensitivities("3")
    with pytest.raises(LookupError, match="holds no units of '9'"):
        atlas.sensitivities("9:1")
