"""Names of units: the counts are right, and chance gets the share of names that it is said to."""

import csv
import io
import json
import math
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torch import nn

import phosphene as ph
from phosphene.atlas.units.naming import _tested_names, tied


def chance(every, labelled, drawn, shared):
    """The chance of so many or more, counted: ways to draw them over all ways to draw."""
    ways = sum(
        math.comb(labelled, x) * math.comb(every - labelled, drawn - x) for x in range(shared, min(drawn, labelled) + 1)
    )
    return ways / math.comb(every, drawn)


def colours(root, counts, seed=0):
    """Noise in one colour a class."""
    generator = np.random.default_rng(seed)
    for channel, (label, count) in enumerate(counts.items()):
        (root / label).mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(0, 60, (24, 24, 3), dtype=np.uint8)
            if channel < 3:
                pixels[..., channel] += 150
            Image.fromarray(pixels).save(root / label / f"{index:02}.png")


@pytest.fixture
def network():
    """Units for red, green and blue, each less the others; one for all alike, one that is dead."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 5, 1), nn.ReLU())
    weights = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1e-3, 1e-3, 1e-3], [0, 0, 0]])
    module[0].weight.data = weights[..., None, None]
    module[0].bias.data = torch.tensor([0.0, 0, 0, 0, -1])
    return ph.Network(module.eval(), ph.Preprocessing.plain(24))


@pytest.fixture
def atlas(network, tmp_path):
    colours(tmp_path / "set", {"red": 9, "green": 12, "blue": 8, "dark": 20})
    return ph.Atlas.build(network, tmp_path / "set", tmp_path / "atlas", layers="1", k=6)


def test_units_are_named_by_what_their_images_share(atlas):
    found = atlas.names("1")
    assert [found[channel].name for channel in range(3)] == ["red", "green", "blue"]
    assert found.units == {"red": [0], "green": [1], "blue": [2]}
    assert found.labels == {"red": 9, "green": 12, "blue": 8, "dark": 20}
    red = found[0]
    assert (red.shared, red.of, red.share) == (6, 6, 1.0)
    assert red.lift == pytest.approx(49 / 9)
    assert red.p == pytest.approx(4 * chance(49, 9, 6, 6))
    assert atlas.patches("1:1").name == found[1]
    assert "green" in " ".join(
        mark.string for mark in atlas.patches("1:1").picture().drawing.marks if hasattr(mark, "string")
    )


def test_p_is_counted_for_every_unit_and_label(atlas):
    found = atlas.names("1")
    images = {row["id"]: row["label"] for row in atlas.store.images().to_pylist()}
    for row, name in zip(atlas.store.units(atlas.sweeps()[0], "1").to_pylist(), found.names, strict=True):
        last = row["values"].count(row["values"][-1])
        labels = [images[number] for number in row["images"][: 6 - last if last > 1 else 6]]
        if not labels:
            assert name.p == 1
            continue
        shares = {label: labels.count(label) for label in set(labels)}
        assert name.shared == max(shares.values())
        assert shares[name.label] == name.shared
        p = min(1, 4 * chance(49, found.labels[name.label], len(labels), name.shared))
        assert name.p == pytest.approx(p, rel=1e-9)


def test_of_labels_that_are_shared_alike_the_rarer_one_counts():
    (found,) = _tested_names([np.array([0, 0, 1, 1])], np.array([50, 4]), ["often", "rare"], 0.05)
    assert found.label == "rare"


def test_q_is_the_least_level_at_which_the_rule_counts_a_unit():
    """Y. Benjamini and Y. Hochberg, 1995: of p in rising order the last with p <= level * rank / N, and all before."""
    generator = np.random.default_rng(0)
    own = [generator.choice(4, 9, p=generator.dirichlet([0.3] * 4)) for _ in range(40)]
    names = _tested_names(own, np.full(4, 50), list("abcd"), 0.05)
    p, q = np.array([name.p for name in names]), np.array([name.q for name in names])
    rising = np.sort(p)
    for level in np.linspace(0.001, 0.999, 57):
        passing = np.flatnonzero(rising <= level * np.arange(1, 41) / 40)
        limit = rising[passing[-1]] if len(passing) else -1.0
        np.testing.assert_array_equal(q <= level, p <= limit)
    assert len(set(q)) > 3


def test_chance_names_no_more_layers_than_it_may():
    """Where all images are drawn at random every name is false: a layer has one in at most a share `level` of cases."""
    generator = np.random.default_rng(1)
    totals = np.array([30, 60, 10, 20, 80])
    labels = np.repeat(np.arange(5), totals)
    layers = 400
    wrong = 0
    for _ in range(layers):
        own = [labels[generator.choice(200, 9, replace=False)] for _ in range(12)]
        wrong += any(each.name for each in _tested_names(own, totals, list("abcde"), 0.2))
    assert wrong <= stats.binom.ppf(0.999, layers, 0.2)
    assert wrong > 0, "nothing is ever named, so that nothing was tested"


def test_several_patches_of_one_image_count_once(network, tmp_path):
    colours(tmp_path / "set", {"red": 3, "green": 5, "blue": 2, "dark": 8})
    atlas = ph.Atlas.build(network, tmp_path / "set", tmp_path / "atlas", layers="1", k=6, each=6)
    for row, name in zip(
        atlas.store.units(atlas.sweeps()[0], "1").to_pylist()[:3], atlas.names("1").names, strict=False
    ):
        assert len(row["images"]) == 6
        assert name.of == len(set(row["images"])) < 6


def test_images_that_answer_alike_at_the_end_of_the_list_do_not_count(atlas):
    """To a dead unit all images answer with 0, and the first of the data set, all of one folder, are kept."""
    dead = atlas.names("1")[4]
    found = atlas.patches("1:4")
    assert {patch.label for patch in found} == {"blue"}
    assert (dead.name, dead.of, dead.p) == ("", 0, 1.0)
    assert found.tied == 6
    assert atlas.patches("1:4", k=2).tied == 2
    assert "The last 6 are alike in value" in found.picture().caption
    assert atlas.patches("1:0").tied == 0
    assert [tied(values, 4) for values in ([5, 4, 3, 3], [3, 3, 3, 3], [5, 4, 3, 2], [5, 3, 3])] == [2, 4, 0, 0]


def test_images_without_labels_give_no_names(network, tmp_path):
    colours(tmp_path / "set", {"red": 4})
    shutil.copytree(tmp_path / "set" / "red", tmp_path / "plain")
    atlas = ph.Atlas.build(network, tmp_path / "plain", tmp_path / "atlas", layers="1", k=2)
    with pytest.raises(ValueError, match=r"have no labels, so units can't be named; labels are the folders"):
        atlas.names("1")
    assert atlas.patches("1:0").name is None
    assert atlas.layer("1").units[0].name is None
    with pytest.raises(ValueError, match="have no labels"):
        atlas.layer("1", order="name")


def test_images_that_have_not_run_yet_do_not_count(network, tmp_path):
    colours(tmp_path / "set", {"red": 6, "green": 6, "blue": 6, "dark": 6})
    steps = ph.Atlas.building(network, tmp_path / "set", tmp_path / "atlas", layers="1", batch=4, k=3)
    for _ in range(3):
        next(steps)
    steps.close()
    atlas = ph.Atlas(tmp_path / "atlas", network)
    assert sum(atlas.names("1").labels.values()) == 12
    assert atlas.statistics("1").images == 12
    assert atlas.info().sweeps[0].progress == "12 of 24 images, 50 %"


def test_names_are_rows_for_a_table_and_a_picture(atlas):
    found = atlas.names("1")
    file = io.StringIO()
    writer = csv.DictWriter(file, found.rows()[0])
    writer.writeheader()
    writer.writerows(found.rows())
    assert file.getvalue().splitlines()[0] == "channel,name,label,shared,of,share,lift,p,q"
    assert json.loads(json.dumps(found.to_dict()))["units"][2]["name"] == "blue"
    words = [mark.string for mark in found.picture().drawing.marks if hasattr(mark, "string")]
    assert "3 of 5 units have a name" in " ".join(words)
    assert words.count("red") == 2  # in the table and at its bar
    with pytest.raises(ValueError, match="pages 1 to 1 of 5 units, not 2"):
        found.picture(page=2)
    with pytest.raises(ValueError, match="ordered by q or channel"):
        found.picture(order="size")
    with pytest.raises(ValueError, match="level is a share between 0 and 1"):
        atlas.names("1", level=1)
