"""Sources that have moved: an atlas is told where they are now, and everything is as it was."""

import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from atlas_helpers import contents, draw
from PIL import Image

import phosphene as ph
from phosphene.atlas.store.store import Store
from phosphene.atlas.zoom.thumbnails import thumbnails
from phosphene.data.sources import folder as folders
from phosphene.data.sources.item import Item
from phosphene.data.sources.tables import datasets_set

WORK = {"layers": "3", "features": "2", "batch": 8}
COUNT = 12


def png(seed):
    file = io.BytesIO()
    Image.fromarray(draw(seed)).save(file, "png")
    return file.getvalue()


NAMES = {f"{'ab'[index % 2]}/{index:02}.png": png(index) for index in range(COUNT)}


def as_folder(root):
    for name, data in NAMES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def as_list(root):
    as_folder(root / "pictures")
    (root / "files.txt").write_text("".join(f"pictures/{name}\t{name[0]}\n" for name in NAMES))
    return root / "files.txt"


def as_zip(root):
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        for name, data in NAMES.items():
            archive.writestr(name, data)
    return root / "set.zip"


def as_tar(root, form="w"):
    path = root / ("set.tar.gz" if form == "w:gz" else "set.tar")
    with tarfile.open(path, form) as archive:
        for name, data in NAMES.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return path


def as_tar_gz(root):
    return as_tar(root, "w:gz")


def as_archives(root):
    """A folder of two archives, one of which is broken."""
    as_zip(root)
    (root / "broken.zip").write_bytes(b"no archive")
    return str(root / "*.zip")


def table():
    return pa.table({"image": list(NAMES.values()), "label": [name[0] for name in NAMES]})


def as_parquet(root):
    parquet.write_table(table(), root / "set.parquet")
    return root / "set.parquet"


def as_lance(root):
    import lancedb

    lancedb.connect(root).create_table("birds", table())
    return f"lance:{root}#birds"


def as_npz(root):
    np.savez(root / "set.npz", x=np.stack([draw(index) for index in range(COUNT)]), y=np.arange(COUNT))
    return root / "set.npz"


def as_torchvision(root):
    as_folder(root)
    return f"torchvision:ImageFolder@{root}"


def as_datasets(root):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset(table()).save_to_disk(root / "saved")
    return root / "saved"


KINDS = [as_folder, as_list, as_zip, as_tar, as_tar_gz, as_archives, as_parquet, as_lance, as_npz, as_torchvision,
         as_datasets]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_source_that_moved_is_read_where_it_is_now_and_adds_nothing(kind, network, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "FILES", 5)
    old, new = tmp_path / "old", tmp_path / "disk" / "new"
    old.mkdir()
    source = kind(old)
    path = tmp_path / "atlas"
    atlas = ph.Atlas.build(network, source, path, **WORK)
    before, pixels = contents(atlas.store), atlas.patches("3:1")[0].pixels().pixels
    new.parent.mkdir()
    shutil.copytree(old, new)  # as another disk has it: files are new
    shutil.rmtree(old)
    datasets_set._opened.cache_clear()  # which holds what was deleted open
    one = atlas.patches("3:1")[0]
    for error in (one.photo, lambda: atlas.photo(one.number)):
        with pytest.raises(FileNotFoundError, match=r"'phosphene atlas relocate' tells .*there is no .*/old"):
            error()
    assert atlas.relocate(str(old), str(new)) >= COUNT
    assert np.array_equal(atlas.patches("3:1")[0].pixels().pixels, pixels)
    after = contents(atlas.store)
    assert {**after, "shards": []} == {**before, "shards": []}
    assert len(after["shards"]) == len(before["shards"])
    assert not any(row["where"].endswith("old") or "/old/" in row["where"] for row in after["shards"])
    again = str(source).replace(str(old), str(new))
    assert list(ph.Atlas.building(network, again, path, **WORK)) == []
    assert contents(atlas.store) == after
    assert not thumbnails(atlas, [one.number], [one.image], 8).missing


def test_a_tar_that_moved_is_not_listed_again(network, tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    atlas = ph.Atlas.build(network, as_tar(tmp_path / "old"), tmp_path / "atlas", **WORK)
    shutil.copy(tmp_path / "old" / "set.tar", tmp_path / "renamed.tar")
    os.utime(tmp_path / "renamed.tar", ns=(1, 1))
    atlas.relocate(tmp_path / "old" / "set.tar", tmp_path / "renamed.tar")

    def listed(shard):
        raise AssertionError(f"{shard.where} is listed")

    monkeypatch.setattr("phosphene.data.sources.tar_archive._listed", listed)
    assert list(ph.Atlas.building(network, tmp_path / "renamed.tar", tmp_path / "atlas", **WORK)) == []


def test_a_link_to_the_new_place_is_that_place(network, tmp_path):
    atlas = ph.Atlas.build(network, as_folder(tmp_path / "old"), tmp_path / "atlas", **WORK)
    (tmp_path / "old").rename(tmp_path / "new")
    (tmp_path / "link").symlink_to(tmp_path / "new")
    atlas.relocate(tmp_path / "old", tmp_path / "link")
    for place in ("link", "new"):
        assert list(ph.Atlas.building(network, tmp_path / place, tmp_path / "atlas", **WORK)) == []
    assert atlas.neighbours(str(tmp_path / "link" / "a" / "00.png"), k=1).queries[0].number == 0


@pytest.fixture
def built(network, tmp_path):
    atlas = ph.Atlas.build(network, as_folder(tmp_path / "old"), tmp_path / "atlas", **WORK)
    (tmp_path / "old").rename(tmp_path / "new")
    return atlas


def test_only_what_lay_below_the_old_place_moves(network, tmp_path):
    sources = [as_folder(tmp_path / "sets" / "one"), as_folder(tmp_path / "sets-two")]
    for source in sources:
        atlas = ph.Atlas.build(network, source, tmp_path / "atlas", **WORK)
    (tmp_path / "sets").rename(tmp_path / "moved")
    assert atlas.relocate(tmp_path / "sets", tmp_path / "moved") == COUNT
    assert atlas.info().sources == (str(tmp_path / "moved" / "one"), str(tmp_path / "sets-two"))


def test_what_is_not_there_as_it_was_read_is_refused_and_nothing_changes(network, tmp_path, built):
    before = contents(built.store)
    (tmp_path / "new" / "b" / "03.png").unlink()
    with pytest.raises(
        ValueError,
        match=r"of 12 images that were looked for at '.*/new', 1 are not there as they were "
        r"read, so that nothing was moved; the first: there is no file .*03.png",
    ):
        built.relocate(tmp_path / "old", tmp_path / "new")
    Image.fromarray(draw(3, (30, 30))).save(tmp_path / "new" / "b" / "03.png")
    with pytest.raises(ValueError, match=r"b/03.png is 30 × 30 px there, not 52 × 40"):
        built.relocate(tmp_path / "old", tmp_path / "new")
    with pytest.raises(FileNotFoundError, match=r"/nowhere' is not there, so that nothing was moved"):
        built.relocate(tmp_path / "old", tmp_path / "nowhere")
    with pytest.raises(LookupError, match=r"no source of the atlas .* lies at '.*/od'; near it: .*/old"):
        built.relocate(tmp_path / "od", tmp_path / "new")
    with pytest.raises(ValueError, match="name two places"):
        built.relocate(tmp_path / "old", tmp_path / "old")
    assert contents(built.store) == before


def test_an_image_that_could_never_be_read_need_not_be_there(network, folder, tmp_path):
    atlas = ph.Atlas.build(network, folder, tmp_path / "atlas", **WORK)
    folder.rename(tmp_path / "new")
    (tmp_path / "new" / "b" / "07b.png").unlink()
    assert atlas.relocate(folder, tmp_path / "new") == 39


def test_an_atlas_that_has_both_places_is_not_told_that_one_is_the_other(network, tmp_path, built):
    ph.Atlas.build(network, tmp_path / "new", built.path, **WORK)
    with pytest.raises(ValueError, match="it would have 12 of these 12 images twice"):
        built.relocate(tmp_path / "old", tmp_path / "new")


def test_a_source_that_is_gone_ends_a_build_before_all_its_images_are_noted(network, tmp_path, built):
    with pytest.raises(FileNotFoundError, match=r"'phosphene atlas relocate' tells the atlas where it is now"):
        ph.Atlas.build(network, tmp_path / "new", built.path, layers="0", features=[])
    assert (len(built.sweeps()), len(built.store.shards())) == (1, 1)
    built.relocate(tmp_path / "old", tmp_path / "new")
    atlas = ph.Atlas.build(network, None, built.path, layers="0", features=[])
    assert atlas.statistics("0").images == COUNT


def test_without_a_source_that_is_gone_for_good_the_atlas_grows_on(network, tmp_path, built):
    for name in ("a", "b"):
        shutil.rmtree(tmp_path / "new" / name)
    more = tmp_path / "more"
    more.mkdir()
    for index in range(3):
        Image.fromarray(draw(90 + index)).save(more / f"{index}.png")
    work = {"layers": "0", "features": []}
    with pytest.raises(FileNotFoundError, match="if it is gone for good, build with missing"):
        ph.Atlas.build(network, more, built.path, **work)
    assert len(built.store.shards()) == 1
    atlas = ph.Atlas.build(network, more, built.path, **work, missing=True)
    assert atlas.statistics("0").images == 3
    assert len(atlas.store.unreadable(atlas.sweep("0"))) == COUNT
    assert atlas.statistics("3").images == COUNT  # what ran before stands


def test_one_error_for_many_images_does_not_grow_with_them():
    why = ValueError("broken off")
    for index in range(50):
        with pytest.raises(ValueError, match="broken off"):
            Item(index, "x", None, why).photo()
    assert why.__traceback__ is None


def test_sheets_say_that_the_source_is_gone(network, built):
    for drawn in (built.patches("3:1"), built.neighbours("a/00.png", k=2)):
        said = " ".join(mark.string for mark in drawn.picture().drawing.marks if hasattr(mark, "string"))
        assert "'phosphene atlas relocate'" in said


def test_a_writer_at_work_keeps_it_out(network, tmp_path, built):
    with Store(built.path).locked(), pytest.raises(ValueError, match="another process is writing"):
        built.relocate(tmp_path / "old", tmp_path / "new")
    assert Path(built.info().sources[0]) == tmp_path / "old"
