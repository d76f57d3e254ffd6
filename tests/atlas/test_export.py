import base64
import io
import json
import zlib
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


def array(told):
    """An array out of FiftyOne's JSON."""
    return np.load(io.BytesIO(zlib.decompress(base64.b64decode(told["$binary"]["base64"]))))


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
    np.testing.assert_array_equal(np.stack([array(each["embedding"]) for each in samples]), vectors)
    for each in samples:
        assert each["filepath"] == str(folder / each["atlas_key"])
        assert each["ground_truth"]["_cls"] == "Classification"
        assert each["ground_truth"]["label"] == each["atlas_key"][0]
        assert each["x"] == 0.5 * each["atlas_id"]


@pytest.mark.filterwarnings("ignore")  # theirs
def test_embedding_atlas_opens_the_file(atlas, folder, tmp_path):
    """Its program reads the file, and writes the page with the data that it would serve."""
    program = pytest.importorskip("embedding_atlas.cli", reason="embedding-atlas is not installed").main
    placed = on_a_map(atlas, leave=3)
    (folder / "c" / "05.png").unlink()
    path = atlas.export(tmp_path / "set.parquet", "embedding-atlas", map=placed, features="6")
    words = [str(path), "--x", "x", "--y", "y", "--image", "image", "--export-application", str(tmp_path / "page")]
    program(words, standalone_mode=False)
    told = json.loads((tmp_path / "page" / "data" / "metadata.json").read_text())["props"]["data"]
    assert (told["projection"], told["image"]) == ({"x": "x", "y": "y"}, "image")
    rows = parquet.read_table(tmp_path / "page" / "data" / "dataset.parquet").to_pylist()
    assert [row["id"] for row in rows] == placed.ids.tolist()
    assert [[row["x"], row["y"]] for row in rows] == placed.positions.tolist()
    _, vectors = atlas.store.features(atlas.sweeps()[0], "6")
    assert [row["vector"] for row in rows] == vectors[3:].tolist()
    for row in rows:
        assert row["label"] == row["key"][0]
        if row["key"] == "c/05.png":
            assert row["image"]["bytes"] is None
        else:
            assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (52, 40)


@pytest.mark.filterwarnings("ignore")  # theirs
def test_fiftyone_reads_the_samples(atlas, folder, tmp_path, monkeypatch):
    """Its importer alone, which needs no database."""
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
    data = pytest.importorskip("fiftyone.utils.data", reason="FiftyOne is not installed")
    path = atlas.export(tmp_path / "fo", "fiftyone", features="6", map=on_a_map(atlas))
    importer = data.LegacyFiftyOneDatasetImporter(str(path))  # of a folder without a version
    with importer:
        samples = list(importer)
        assert importer.get_dataset_info()["classes"] == ["a", "b", "c"]
    ids, vectors = atlas.store.features(atlas.sweeps()[0], "6")
    np.testing.assert_array_equal(np.stack([each.embedding for each in samples]), vectors)
    for each, id in zip(samples, ids.tolist(), strict=True):
        assert each.media_type == "image"
        assert (each.atlas_id, each.x, each.y) == (id, 0.5 * id, -id)
        assert each.filepath == str(folder / each.atlas_key)
        assert each.ground_truth.label == each.atlas_key[0]


@pytest.mark.filterwarnings("ignore")  # theirs
def test_fiftyone_finds_the_images_that_are_no_files(network, tmp_path, monkeypatch):
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
    data = pytest.importorskip("fiftyone.utils.data", reason="FiftyOne is not installed")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels)
    atlas = ph.Atlas.build(network, tmp_path / "set.npz", tmp_path / "atlas", layers="0", features="3")
    importer = data.LegacyFiftyOneDatasetImporter(str(atlas.export(tmp_path / "fo", "fiftyone")))
    with importer:
        for each, wanted in zip(importer, pixels, strict=True):
            assert (ph.read(each.filepath).pixels == wanted).all()
            assert each.ground_truth is None


@pytest.mark.filterwarnings("ignore")  # theirs
def test_fiftyone_opens_the_folder_and_finds_neighbours(atlas, tmp_path, monkeypatch):
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
    fiftyone = pytest.importorskip("fiftyone", reason="FiftyOne is not installed")
    brain = pytest.importorskip("fiftyone.brain", reason="FiftyOne's brain is not installed")
    path = atlas.export(tmp_path / "fo", "fiftyone", features="6", map=on_a_map(atlas))
    try:
        found = fiftyone.Dataset.from_dir(str(path), dataset_type=fiftyone.types.FiftyOneDataset, progress=False)
    except fiftyone.core.config.FiftyOneConfigError as error:
        pytest.skip(f"FiftyOne's database does not start: {error}")
    try:
        assert found.default_classes == ["a", "b", "c"]
        assert found.count_values("ground_truth.label") == {"a": 13, "b": 12, "c": 12}
        ids, vectors = atlas.store.features(atlas.sweeps()[0], "6")
        brain.compute_similarity(found, embeddings="embedding", brain_key="near", backend="sklearn", metric="euclidean")
        nearest = found.sort_by_similarity(found.first().id, k=5, brain_key="near")
        away = np.linalg.norm(vectors - vectors[0], axis=1)
        chosen = away[np.searchsorted(ids, nearest.values("atlas_id"))]
        np.testing.assert_allclose(chosen, np.sort(away)[:5], rtol=1e-3, atol=1e-6)
        places = np.stack([found.values("x"), found.values("y")], 1)
        brain.compute_visualization(found, points=places, method="manual", brain_key="map")
        np.testing.assert_array_equal(found.load_brain_results("map").points, on_a_map(atlas).positions)
    finally:
        found.delete()


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
