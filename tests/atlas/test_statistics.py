"""Statistics of units and what an atlas says of itself, beside all values taken together."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.atlas.info import sized
from phosphene.atlas.sweep import sketch
from phosphene.atlas.units.statistics import SHARES, Measured
from phosphene.picture import Rect


def readable(folder):
    found = []
    for path in sorted(folder.rglob("*.png")):
        try:
            found.append(ph.read(path))
        except ValueError:
            continue
    return found


def slow_quantiles(counts, shares):
    """Channel by channel, by search in the sums."""
    borders = sketch.edges()
    found = np.full((len(counts), len(shares)), np.nan)
    for row, own in enumerate(counts):
        below = np.concatenate([[0], own.cumsum()])
        for column, share in enumerate(shares):
            if below[-1]:
                wanted = share * below[-1]
                at = min(max(np.searchsorted(below, wanted, "left") - 1, 0), sketch.BINS - 1)
                inside = (wanted - below[at]) / max(below[at + 1] - below[at], 1)
                value = borders[at] + inside * (borders[at + 1] - borders[at])
                found[row, column] = 0.0 if at == sketch.HALF else value
    return found


def test_quantiles_of_all_channels_at_once_are_those_of_each():
    generator = torch.Generator().manual_seed(0)
    counts = sketch.empty(20)
    values = torch.randn(10, 20, 30, generator=generator) * torch.arange(20)[None, :, None]
    sketch.add(counts, values.relu() - values[:, :1].abs() * (torch.arange(20) % 2)[None, :, None])
    counts[3] = 0
    shares = (0.0, *SHARES, 1.0)
    np.testing.assert_array_equal(sketch.quantiles(counts.numpy(), shares), slow_quantiles(counts.numpy(), shares))


def test_shares_between_borders_add_up_and_are_those_of_the_values():
    counts = sketch.empty(2)
    values = torch.rand(50, 2, 400, generator=torch.Generator().manual_seed(2)) * 8
    values[:, 1] = (values[:, 1] - 4).relu()
    sketch.add(counts, values)
    borders = np.linspace(0, 8, 9)
    found = sketch.heights(counts.numpy(), borders)
    wanted = np.stack([np.histogram(values[:, channel], borders)[0] / (50 * 400) for channel in range(2)])
    assert found.sum(1) == pytest.approx(1)
    np.testing.assert_allclose(found, wanted, atol=0.012)
    assert found[1, 0] == pytest.approx(wanted[1, 0], abs=0.005)  # the zeros stand above 0


def test_statistics_are_those_of_all_values(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers=["3", "6"], batch=5)
    for layer in ("3", "6"):
        found = atlas.statistics(layer)
        maps = torch.cat([network.maps(photo, layer) for photo in readable(folder)]).double().numpy()
        values = maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1)
        assert found.images == 37
        assert found.places == maps[0, 0].size
        np.testing.assert_allclose(found.mean, values.mean(1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.active, (values > 0).mean(1))
        np.testing.assert_allclose(found.largest, values.max(1), rtol=1e-5)
        assert found.dead == tuple(np.flatnonzero((values <= 0).all(1)))
        assert (found.quantiles <= found.largest[:, None]).all()
        assert (np.diff(found.quantiles, axis=1) >= 0).all()
    wanted = np.quantile(values, SHARES, axis=1).T  # the last layer has one place, so that the sketch saw all of it
    near = np.sort(values, 1)
    for channel, share in np.ndindex(found.quantiles.shape):
        at = SHARES[share] * 36
        low, high = near[channel, max(int(at) - 1, 0)], near[channel, min(int(at) + 2, 36)]
        assert low - abs(low) / 8 <= found.quantiles[channel, share] <= high + abs(high) / 8, wanted[channel, share]


def test_units_that_are_never_above_0_are_listed(folder, tmp_path):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()).eval()
    module[0].weight.data[[1, 4]] = 0
    module[0].bias.data[[1, 4]] = torch.tensor([-1.0, 0.0])
    network = ph.Network(module, ph.Preprocessing((32, 32), resize=(36, 36)))
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers=["0", "1"])
    before, after = atlas.statistics("0"), atlas.statistics("1")
    assert after.dead == before.dead
    assert set(after.dead) >= {1, 4}
    assert f"{len(after.dead)} are never above 0, and dead where a rectifier follows: 1" in after.told
    for order in ("largest", "active", "mean", "channel"):
        words = [mark.string for mark in after.picture(order=order).drawing.marks if hasattr(mark, "string")]
        assert any("never above 0" in text for text in words)
    with pytest.raises(ValueError, match="ordered by largest, active, mean, channel, not 'size'"):
        after.picture(order="size")


def test_a_unit_stands_at_one_place_in_both_charts(network, folder, tmp_path):
    found = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3").statistics("3")
    panels = [mark for mark in found.picture().drawing.marks if isinstance(mark, Rect) and mark.fill == "panel"]
    assert len(panels) == 2
    assert panels[0].left == panels[1].left
    assert panels[0].width == panels[1].width


def test_statistics_are_rows_for_a_table(network, folder, tmp_path):
    found = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="3").statistics("3")
    rows = found.rows()
    assert len(rows) == 12
    assert list(rows[0])[:4] == ["channel", "mean", "active", "largest"]
    assert rows[4]["99.9 %"] == found.quantiles[4, -1]
    assert json.loads(json.dumps(found.to_dict()))["units"][7]["channel"] == 7


def test_a_layer_that_has_not_run_is_told_of_in_a_sentence(network, folder, tmp_path):
    next(steps := ph.Atlas.building(network, folder, tmp_path / "atlas", layers="3", batch=4))
    atlas = ph.Atlas(tmp_path / "atlas", network)
    with pytest.raises(ValueError, match="no image has run through Sequential yet; go on building"):
        atlas.statistics("3")
    assert "0 of 39 images, 0 %" in str(atlas.info())
    steps.close()


def test_a_sketch_is_read_from_the_table_as_it_was(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="6")
    units = atlas.store.units(atlas.sweeps()[0], "6")
    measured = Measured.of(units)
    assert (measured.counts.sum(1) == 37).all()
    for row, own in zip(units.to_pylist(), measured.counts, strict=True):
        assert own[row["bins"]].tolist() == row["counts"]


def test_an_atlas_says_what_it_holds(network, folder, tmp_path):
    path = tmp_path / "atlas"
    atlas = ph.Atlas.build(network, folder, path, layers=["3", "6"], features="5", k=4)
    found = atlas.info()
    assert (found.images, dict(found.labels)) == (37, {"a": 13, "b": 12, "c": 12})
    assert {key for key, _ in found.unreadable} == {"b/07b.png", "c/11c.png"}
    (swept,) = found.sweeps
    assert (dict(swept.layers), dict(swept.features), swept.k) == ({"3": 12, "6": 5}, {"5": 12}, 4)
    assert swept.finished
    assert found.bytes == sum(file.stat().st_size for file in path.glob("*.lance/**/*") if file.is_file())
    text = str(found)
    for part in (
        "37, 3 labels",
        "unreadable  2",
        "17 of 2 layers, 4 patches each",
        "5, the mean of each map, 12 values an image",
        "2 of them could not be used",
        "32 × 32 px",
        "b/07b.png",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 200
    assert json.loads(json.dumps(found.to_dict()))["sweeps"][0]["finished"] is True
    torch.manual_seed(3)
    other = ph.Network(nn.Sequential(nn.Conv2d(3, 4, 5)).eval(), network.preprocessing)
    ph.Atlas.build(other, folder, path, layers="0")
    assert [swept.name for swept in ph.Atlas(path).info().sweeps] == ["Sequential", "Sequential-2"]
    assert "Sequential (Sequential-2)" in str(ph.Atlas(path).info())


def test_bytes_are_told_as_people_read_them():
    assert [sized(count) for count in (12, 3_400, 5_620_000, 7_100_000_000)] == [
        "12 bytes",
        "3.4 kB",
        "5.62 MB",
        "7.1 GB",
    ]
