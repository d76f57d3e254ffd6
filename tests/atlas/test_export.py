import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

import phosphene as ph
from phosphene.atlas import export as exporting


@pytest.fixture
def atlas(network, folder, tmp_path):
    return ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features=["3", "6"], batch=5)


def on_a_map(atlas, leave=0):
    ids = atlas.store.features(atlas.sweeps()[0], "3")[0][leave:]
    return SimpleNamespace(ids=ids, positions=np.stack([ids * 0.5, -ids.astype(float)], 1))


def test_parquet_has_a_row_for_each_image_that_could_be_read(atlas, folder, tmp_path):
    path = atlas.export(tmp_path / "set.parquet")
    table = parquet.read_table(path)
    assert table.column_names == ["id", "key", "label", "path", "width", "height"]
    rows = table.to_pylist()
    assert [row["id"] for row in rows] == sorted(atlas.store.features(atlas.sweeps()[0], "3")[0].tolist())
    for row in rows:
        assert row["path"] == str(folder / row["key"])
        assert row["label"] == row["key"][0]
        photo = ph.read(row["path"])
        assert (photo.width, photo.height) == (row["width"], row["height"])


@pytest.mark.parametrize("layer", [True, "3", "6"])
def test_features_and_places_stand_beside_their_images(atlas, tmp_path, layer, monkeypatch):
    monkeypatch.setattr(exporting, "ROWS", 8)
    placed = on_a_map(atlas, leave=3)
    path = atlas.export(tmp_path / "set.parquet", features=layer, map=placed)
    rows = parquet.read_table(path).to_pylist()
    ids, vectors = atlas.store.features(atlas.sweeps()[0], "3" if layer is True else layer)
    assert [row["id"] for row in rows] == placed.ids.tolist()
    assert [row["vector"] for row in rows] == vectors[3:].tolist()
    assert [(row["x"], row["y"]) for row in rows] == [(0.5 * at, -at) for at in ids[3:].tolist()]


def test_features_of_16_bits_are_written_as_32(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", layers="0", features="3", half=True)
    table = parquet.read_table(atlas.export(tmp_path / "set.parquet", features=True))
    assert str(table.schema.field("vector").type) == "fixed_size_list<element: float>[12]"
    assert table.column("vector").to_pylist() == atlas.store.features(atlas.sweeps()[0], "3")[1].tolist()


def test_embedding_atlas_gets_small_pictures(atlas, folder, tmp_path):
    gone = folder / "c" / "02.png"
    gone.unlink()
    path = atlas.export(tmp_path / "set.parquet", "embedding-atlas", map=on_a_map(atlas))
    table = parquet.read_table(path)
    assert table.column_names == ["id", "key", "label", "path", "width", "height", "x", "y", "image"]
    assert str(table.schema.field("image").type) == "struct<bytes: binary, path: string>"
    for row in table.to_pylist():
        if row["key"] == "c/02.png":
            assert row["image"]["bytes"] is None
            continue
        small = Image.open(io.BytesIO(row["image"]["bytes"]))
        assert small.format == "JPEG"
        assert small.size == (52, 40)  # as large as they are: they are below 128 pixels
        photo = ph.read(row["path"]).pixels.astype(int)
        assert np.abs(np.asarray(small).astype(int) - photo).mean() < 25


def test_fiftyone_gets_samples_that_name_the_files(atlas, folder, tmp_path):
    path = atlas.export(tmp_path / "fo", "fiftyone", features="6", map=on_a_map(atlas))
    assert sorted(child.name for child in path.iterdir()) == ["metadata.json", "samples.json"]
    about = json.loads((path / "metadata.json").read_text())
    assert "version" not in about  # by which FiftyOne knows plain JSON
    assert about["media_type"] == "image"
    assert about["info"]["classes"] == ["a", "b", "c"]
    samples = json.loads((path / "samples.json").read_text())["samples"]
    ids, vectors = atlas.store.features(atlas.sweeps()[0], "6")
    assert [each["atlas_id"] for each in samples] == ids.tolist()
    np.testing.assert_array_equal(np.array([each["embedding"] for each in samples], np.float32), vectors)
    for each in samples:
        assert each["filepath"] == str(folder / each["atlas_key"])
        assert each["ground_truth"]["_cls"] == "Classification"
        assert each["ground_truth"]["label"] == each["atlas_key"][0]
        assert each["x"] == 0.5 * each["atlas_id"]


def test_images_that_are_no_files_are_written_for_fiftyone(network, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels)
    atlas = ph.Atlas.build(network, tmp_path / "set.npz", tmp_path / "atlas", layers="0", features="3")
    path = atlas.export(tmp_path / "fo", "fiftyone")
    samples = json.loads((path / "samples.json").read_text())["samples"]
    assert len(samples) == 4
    for each, wanted in zip(samples, pixels, strict=True):
        assert (ph.read(path / each["filepath"]).pixels == wanted).all()
        assert each["ground_truth"] is None
    assert parquet.read_table(atlas.export(tmp_path / "a.parquet")).column("path").to_pylist() == [None] * 4


@pytest.mark.parametrize("kind", ["parquet", "fiftyone"])
def test_nothing_is_left_half_written(atlas, tmp_path, kind, monkeypatch):
    target = tmp_path / ("out" if kind == "fiftyone" else "out.parquet")
    before = sorted(tmp_path.iterdir())
    batches = exporting.Rows.batches

    def full(self):
        yield from batches(self)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting.Rows, "batches", full)
    with pytest.raises(OSError, match=r"can't be written: No space left on device; nothing was left half-written"):
        atlas.export(target, kind)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_is_replaced_and_a_folder_is_not(atlas, tmp_path):
    file = tmp_path / "out.parquet"
    file.write_text("older")
    assert parquet.read_table(atlas.export(file)).num_rows == 37
    target = tmp_path / "out"
    atlas.export(target, "fiftyone")
    with pytest.raises(FileExistsError, match=r"a folder stands at .* already"):
        atlas.export(target, "fiftyone")


def test_what_can_not_be_exported_is_said(atlas, tmp_path):
    with pytest.raises(ValueError, match=r"as parquet, embedding-atlas, fiftyone, not as 'csv'"):
        atlas.export(tmp_path / "out", "csv")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .* make it first"):
        atlas.export(tmp_path / "none" / "out.parquet")
    with pytest.raises(LookupError, match=r"holds no features of '0'"):
        atlas.export(tmp_path / "out.parquet", features="0")
    nowhere = SimpleNamespace(ids=np.array([10**6]), positions=np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"there is no image to write"):
        atlas.export(tmp_path / "out.parquet", map=nowhere)
    for name, kind, said in (
        ("images.csv", "parquet", r"a Parquet file, whose name ends in .parquet, not .*images.csv"),
        ("images", "embedding-atlas", r"a Parquet file, whose name ends in .parquet"),
        ("images.parquet", "fiftyone", r"written as a folder, and .*images.parquet. is a file's name"),
    ):
        with pytest.raises(ValueError, match=said):
            atlas.export(tmp_path / name, kind)
    assert not list(tmp_path.glob("out*"))
    assert not list(tmp_path.glob("images*"))
