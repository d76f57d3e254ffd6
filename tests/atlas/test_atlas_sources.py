"""Every kind of source gives the atlas that the folder of its pictures gives, grows, and is refused in a sentence."""

import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from atlas_helpers import draw, errors
from PIL import Image

import phosphene as ph
from phosphene.data.sources import Shard, news, reader, shards_of
from phosphene.data.sources.file_patterns import braces

CLASSES = ("goose", "hen", "owl")
BROKEN = b"\x89PNG\r\n\x1a\n broken"
OPTIONS = {"layers": ["0", "3"], "features": "3", "k": 4, "batch": 4}


def png(seed, size=(40, 52)):
    file = io.BytesIO()
    Image.fromarray(draw(seed, size)).save(file, "PNG")
    return file.getvalue()


def named(count=14):
    """Names, classes and bytes of pictures, one of them broken, in the order of their names."""
    some = [(f"{CLASSES[i % 3]}/{i:02}.png", CLASSES[i % 3], BROKEN if i == 5 else png(i)) for i in range(count)]
    return sorted(some)


def as_folder(root, pictures):
    for name, _, data in pictures:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def as_list(root, pictures):
    as_folder(root, pictures)
    lines = [f"{name}\t{label}" for name, label, _ in pictures]
    (root / "files.txt").write_text("\n".join(lines) + "\n")
    return root / "files.txt"


def as_pairs(root, pictures):
    as_folder(root, pictures)
    return [(root / name, label) for name, label, _ in pictures]


def as_zip(root, pictures, below="set/"):
    with zipfile.ZipFile(root / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, _, data in pictures:
            archive.writestr(below + name, data)
        archive.writestr("__MACOSX/._00.png", b"what macOS adds")
        archive.writestr(below + ".hidden.png", b"hidden")
        archive.writestr(below + "readme.md", b"no picture")
    return root / "set.zip"


def add(archive, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def as_tar(root, pictures, mode="w", name="set.tar", form=tarfile.PAX_FORMAT):
    with tarfile.open(root / name, mode, format=form) as archive:
        for name_, _, data in pictures:
            add(archive, f"./set/{name_}", data)
    return root / name


def as_tar_gz(root, pictures):
    return as_tar(root, pictures, "w:gz", "set.tar.gz")


def as_gnu_tar(root, pictures):
    return as_tar(root, pictures, form=tarfile.GNU_FORMAT)


def as_samples(root, pictures):
    """WebDataset's shards: a third of the pictures each, with a class as .cls, .json or .txt."""
    third = -(-len(pictures) // 3)
    for shard in range(3):
        with tarfile.open(root / f"part-{shard:03}.tar", "w") as archive:
            for at, (_, label, data) in enumerate(pictures[third * shard : third * (shard + 1)]):
                told = {"cls": label, "json": json.dumps({"label": 3, "class_name": label}), "txt": label}
                ending = ("cls", "json", "txt")[shard]
                add(archive, f"{at:05}.{ending}", told[ending].encode())
                add(archive, f"{at:05}.png", data)
                add(archive, f"{at:05}.mask.png", png(1000))
                add(archive, f"{at:05}.npy", b"an array")
    return str(root / "part-{000..002}.tar")


def table(pictures, form):
    labels = [label for _, label, _ in pictures]
    data = [data for *_, data in pictures]
    if form == "struct":
        numbers = pa.array([CLASSES.index(label) for label in labels])
        features = {"image": {"_type": "Image"}, "label": {"names": list(CLASSES), "_type": "ClassLabel"}}
        rows = [{"bytes": one, "path": None} for one in data]
        found = pa.table({"image": rows, "label": numbers, "other": [b"x"] * len(rows)})
        return found.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    return pa.table({"number": range(len(data)), "jpg": data, "label": labels})


def as_parquet(root, pictures, form="bytes"):
    pq.write_table(table(pictures, form), root / "set.parquet", row_group_size=3)
    return root / "set.parquet"


def as_datasets_parquet(root, pictures):
    return as_parquet(root, pictures, "struct")


def as_parquet_folder(root, pictures):
    (root / "data").mkdir()
    for part, some in enumerate((pictures[:6], pictures[6:])):
        pq.write_table(table(some, "struct"), root / "data" / f"train-{part}.parquet")
    return root


def as_lance(root, pictures):
    import lancedb

    lancedb.connect(root / "db").create_table("birds", table(pictures, "bytes"))
    return f"lance:{root / 'db'}#birds"


def dataset(pictures):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(CLASSES))})
    rows = {
        "image": [{"bytes": data, "path": None} for *_, data in pictures],
        "label": [label for _, label, _ in pictures],
    }
    return datasets.Dataset.from_dict(rows, features=features)


def as_saved(root, pictures):
    dataset(pictures).save_to_disk(str(root / "saved"))
    return f"datasets:{root / 'saved'}"


def as_splits(root, pictures):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install datasets")
    datasets.DatasetDict(train=dataset(pictures), test=dataset(pictures[:2])).save_to_disk(str(root / "saved"))
    return f"datasets:{root / 'saved'}?split=train"


def as_loaded(root, pictures):
    pytest.importorskip("datasets", reason="datasets is not installed: pip install datasets")
    path = as_parquet(root, pictures, "struct")
    return f"datasets:parquet?data_files={path}&split=train&cache_dir={root / 'cache'}"


def as_dataset(root, pictures):
    return dataset(pictures)


def as_torchvision(root, pictures):
    as_folder(root / "set", pictures)
    return f"torchvision:ImageFolder@{root / 'set'}"


class Pairs:
    """A map-style data set of pictures and the numbers of their classes; the broken one raises."""

    classes = CLASSES

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        _, label, data = self.pictures[index]
        return Image.open(io.BytesIO(data)), np.int64(CLASSES.index(label))


def as_mapped(root, pictures):
    return Pairs(pictures)


def as_memory(root, pictures):
    return [
        (data if data == BROKEN else np.asarray(Image.open(io.BytesIO(data))), label) for _, label, data in pictures
    ]


KINDS = [
    as_list, as_pairs, as_zip, as_tar, as_gnu_tar, as_tar_gz, as_samples, as_parquet, as_datasets_parquet,
    as_parquet_folder, as_lance, as_saved, as_splits, as_loaded, as_dataset, as_torchvision, as_mapped, as_memory,
]  # fmt: skip


def held(atlas):
    """What does not hang on keys: each image's label and size, or that it is broken, and units' patches, by value."""
    rows = atlas.store.images().to_pylist()
    images = [(row["label"], row["width"], row["height"]) if row["width"] else "broken" for row in rows]
    several = {f"{layer}:{channel}": atlas.patches(f"{layer}:{channel}") for layer in ("0", "3") for channel in (0, 5)}
    patches = {
        unit: [(p.label, p.row, p.column, p.box.left, p.box.top, p.photo().pixels.tobytes()) for p in some]
        for unit, some in several.items()
    }
    return images, patches, np.array([p.value for some in several.values() for p in some])


def same(one, other):
    assert one[0] == other[0]
    assert one[1] == other[1]
    np.testing.assert_allclose(one[2], other[2], rtol=1e-5)


@pytest.fixture(scope="module")
def pictures():
    return named()


@pytest.fixture(scope="module")
def wanted(network, pictures, tmp_path_factory):
    """What the folder of the pictures comes to."""
    root = tmp_path_factory.mktemp("plain")
    return held(ph.Atlas.build(network, as_folder(root / "set", pictures), root / "atlas", **OPTIONS))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_gives_the_atlas_of_the_folder(kind, network, pictures, wanted, tmp_path):
    (tmp_path / "source").mkdir()
    source = kind(tmp_path / "source", pictures)
    atlas = ph.Atlas.build(network, source, tmp_path / "atlas", **OPTIONS)
    same(held(atlas), wanted)
    keys = [row["key"] for row in atlas.store.images().to_pylist()]
    assert len(set(keys)) == len(pictures)
    assert list(ph.Atlas.building(network, source, tmp_path / "atlas", **OPTIONS)) == []


def listed(source, known=()):
    return news(shards_of(source), list(known))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_items_are_the_same_from_any_start_alone_and_after_json(kind, pictures, tmp_path):
    source = kind(tmp_path, pictures)
    shards = listed(source)
    assert listed(source) == shards
    assert listed(source, shards) == []
    for shard in shards:
        again = Shard(shard.kind, shard.where, json.loads(json.dumps(shard.part)))
        assert again == shard
        whole = list(reader(shard).items(shard))
        assert [item.index for item in whole] == list(range(shard.images))
        for start in (1, 2, len(whole)):
            rest = list(reader(shard).items(again, start))
            assert [(i.index, i.key, i.label) for i in rest] == [(i.index, i.key, i.label) for i in whole[start:]]
        for item in (whole[0], whole[-1]):
            one = reader(shard).item(again, item.index, item.key)
            assert (one.index, one.key, one.label) == (item.index, item.key, item.label)
            assert pixels(one) == pixels(item)


def pixels(item):
    try:
        return item.photo().pixels.tobytes()
    except ValueError as error:
        return str(error)


def items(source, known=()):
    return [item for shard in listed(source, known) for item in reader(shard).items(shard)]


def told(source):
    """Labels and keys of all items of a source."""
    return [(item.key, item.label) for item in items(source)]


GROWING = [as_folder, as_list, as_pairs, as_zip, as_tar, as_gnu_tar, as_tar_gz, as_parquet, as_memory]


@pytest.mark.parametrize("kind", GROWING, ids=lambda kind: kind.__name__)
def test_a_source_that_grew_gives_only_what_is_new(kind, tmp_path):
    few = [(f"{label}/{i:02}.png", label, png(i, (8, 8))) for i, label in enumerate("aabbc")]
    known = listed(kind(tmp_path, few[:3]))
    new = listed(kind(tmp_path, few), known)
    found = [item for shard in new for item in reader(shard).items(shard)]
    assert [pixels(item) for item in found] == [ph.read(data).pixels.tobytes() for *_, data in few[3:]]
    assert [item.label for item in found] == ["b", "c"]
    assert listed(kind(tmp_path, few), known + new) == []


def test_a_table_of_lance_that_grew_gives_only_what_is_new(tmp_path):
    import lancedb

    few = [("", label, png(i, (8, 8))) for i, label in enumerate("aabbc")]
    source = as_lance(tmp_path, few[:3])
    known = listed(source)
    lancedb.connect(tmp_path / "db").open_table("birds").add(table(few[3:], "bytes"))
    assert [(i.key, i.label) for i in items(source, known)] == [("birds/3", "b"), ("birds/4", "c")]


def test_new_archives_of_a_pattern_are_added_and_the_others_not_opened_again(tmp_path, monkeypatch):
    for name in ("a", "b"):
        as_tar(tmp_path, [("1.png", None, png(0, (8, 8)))], name=f"{name}.tar")
    source = str(tmp_path / "*.tar")
    known = listed(source)
    as_tar(tmp_path, [("1.png", None, png(0, (8, 8)))], name="c.tar")
    from phosphene.data.sources import tar_archive

    opened = []
    real = tar_archive._listed
    monkeypatch.setattr(tar_archive, "_listed", lambda shard: opened.append(shard.where) or real(shard))
    assert [item.key for item in items(source, known)] == ["c.tar/./set/1.png"]
    assert opened == [str(tmp_path / "c.tar")]


def arrays(root, save):
    pixels = np.stack([draw(seed, (12, 10)) for seed in range(5)])
    save(
        root / "set.npz",
        x_train=pixels,
        y_train=np.arange(5) % 2,
        x_test=pixels[:2, :, :, 0],
        y_test=np.array(["a", "b"]),
    )
    return pixels


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_an_npz_file_are_read_with_their_classes(save, tmp_path):
    pixels_ = arrays(tmp_path, save)
    found = items(tmp_path / "set.npz")
    assert [(i.key, i.label) for i in found[3:]] == [
        ("set.npz/x_train/3", "1"), ("set.npz/x_train/4", "0"), ("set.npz/x_test/0", "a"), ("set.npz/x_test/1", "b"),
    ]  # fmt: skip
    for item, wanted in zip(found, [*pixels_, *pixels_[:2, :, :, 0]], strict=True):
        np.testing.assert_array_equal(item.photo().pixels, ph.read(wanted).pixels)
    (shard,) = listed(f"npz:{tmp_path / 'set.npz'}#x_test")
    np.testing.assert_array_equal(reader(shard).item(shard, 1, "").photo().pixels[:, :, 0], pixels_[1, :, :, 0])
    assert [item.index for item in reader(shard).items(shard, 1)] == [1]


def test_numbers_of_classes_have_the_names_that_the_file_holds(tmp_path):
    pixels_ = np.stack([draw(seed, (6, 6)) for seed in range(4)])
    np.savez(tmp_path / "a.npz", images=pixels_, labels=np.array([2, 0, 1, 7]), classes=np.array(CLASSES))
    assert [item.label for item in items(tmp_path / "a.npz")] == ["owl", "goose", "hen", None]


def test_arrays_and_tensors_are_rows_of_pictures(network, tmp_path):
    from sklearn.datasets import load_digits

    digits = load_digits()
    source = [(image / 16, label) for image, label in zip(digits.images[:20], digits.target, strict=False)]
    atlas = ph.Atlas.build(network, source, tmp_path / "atlas", layers="0", batch=8)
    assert [row["label"] for row in atlas.store.images().to_pylist()] == [str(label) for label in digits.target[:20]]
    assert atlas.patches("0:1")[0].photo().width == 8
    assert len(items((digits.images[:5] * 15).astype(np.uint8))) == 5
    import torch

    assert items(torch.rand(4, 3, 8, 9))[2].photo().pixels.shape == (8, 9, 3)


def test_idx_files_of_mnist_are_opened_by_torchvision(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels_ = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, 6, 28, 28) + pixels_.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 6) + bytes(range(6)))
    found = items(f"torchvision:MNIST@{tmp_path}?train=false")
    assert [(item.key, item.label) for item in found][3] == ("MNIST/3", "3 - three")
    np.testing.assert_array_equal(found[5].photo().pixels[:, :, 1], pixels_[5])


def test_a_shard_is_read_in_a_process_that_did_not_list_it(pictures, tmp_path):
    shards = [listed(one)[0] for one in (as_tar(tmp_path, pictures), as_memory(tmp_path, pictures))]
    script = (
        "import json, sys\nfrom phosphene.data.sources import Shard, reader\n"
        "for line in json.loads(sys.argv[1]):\n    shard = Shard(*line)\n"
        "    try:\n        print(reader(shard).item(shard, 1, '').photo().pixels.sum())\n"
        "    except LookupError as error:\n        print(error)\n"
    )
    lines = json.dumps([[shard.kind, shard.where, shard.part] for shard in shards])
    done = subprocess.run([sys.executable, "-c", script, lines], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    total = int(ph.read(pictures[1][2]).pixels.sum())
    first, second = done.stdout.splitlines()
    assert int(first) == total
    assert "was given in Python and is not in this process" in second


def test_a_data_set_is_opened_again_by_its_name(pictures, tmp_path):
    from phosphene.data.sources import torchvision_set
    from phosphene.data.sources.tables import datasets_set

    for kind in (as_splits, as_loaded, as_torchvision):
        (tmp_path / kind.__name__).mkdir()
        (shard,) = listed(kind(tmp_path / kind.__name__, pictures))
        datasets_set._opened.cache_clear()
        torchvision_set._opened.cache_clear()
        assert pixels(reader(shard).item(shard, 1, "")) == ph.read(pictures[1][2]).pixels.tobytes()


# ---- classes, names and order


def test_the_class_is_the_first_folder_below_those_that_all_pictures_lie_in(tmp_path):
    for names, labels in (
        (["goose/1.png", "hen/1.png"], ["goose", "hen"]),
        (["set/goose/1.png", "set/hen/a/1.png"], ["goose", "hen"]),
        (["./set/all/goose/1.png", "set/all/hen/1.png", "set/all/2.png"], ["goose", "hen", None]),
        (["goose/1.png", "goose/2.png"], ["goose", "goose"]),
        (["1.png", "2.png"], [None, None]),
        (["../../etc/1.png", "/etc/hen/2.png"], [None, "hen"]),
    ):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in names:
                archive.writestr(name, png(1, (4, 4)))
        assert [label for _, label in told(tmp_path / "a.zip")] == labels, names
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            for name in names:
                add(archive, name, png(1, (4, 4)))
        assert [label for _, label in told(tmp_path / "a.tar")] == labels, names


def test_a_sample_is_one_picture_and_pictures_without_more_are_each_one(tmp_path):
    picture = png(1, (4, 4))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, data in (
            ("x/01.seg.png", picture), ("x/01.jpg", picture), ("x/01.cls", b" 7\n"),
            ("x/02.png", picture), ("x/02.seg.png", picture), ("x/02.json", b'{"label": 3, "class_name": "hen"}'),
            ("x/03.png", picture), ("x/03.txt", b"a very long caption " * 20),
            ("x/04.png", picture), ("x/04.json", b"{not json"), ("x/04.cls", b"owl"),
            ("x/05.png", picture), ("x/05.json", b'{"label": 3}'),
            ("x/06.a.png", picture), ("x/06.b.png", picture),
            ("x/.hidden.png", picture), ("x/._07.png", picture), ("x/08.bin", b"data"),
        ):  # fmt: skip
            add(archive, name, data)
    assert told(tmp_path / "a.tar") == [
        ("x/01.jpg", "7"), ("x/02.png", "hen"), ("x/03.png", None), ("x/04.png", "owl"), ("x/05.png", "3"),
        ("x/06.a.png", None), ("x/06.b.png", None),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves the file open
def test_samples_are_those_of_webdataset(pictures, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed: pip install webdataset")
    with webdataset.TarWriter(str(tmp_path / "a.tar")) as writer:
        for at, (_, label, data) in enumerate(pictures):
            writer.write({"__key__": f"{at:06}", "png": data, "cls": CLASSES.index(label)})
    theirs = [(sample["png"], sample["cls"].decode()) for sample in webdataset.WebDataset(
        str(tmp_path / "a.tar"), shardshuffle=False)]  # fmt: skip
    assert [(item.data, item.label) for item in items(tmp_path / "a.tar")] == theirs


def test_long_names_and_links_of_tars_are_read(tmp_path):
    long = "a" * 90 + "/" + "ü" * 60 + ".png"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=form) as archive:
            add(archive, long, png(3, (4, 4)))
            for kind, name in ((tarfile.LNKTYPE, "b/hard.png"), (tarfile.SYMTYPE, "b/soft.png")):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, long if kind == tarfile.LNKTYPE else "../nothing.png"
                archive.addfile(member)
        first, second, third = items(tmp_path / "a.tar")
        assert first.key == long
        assert pixels(first) == pixels(second) == ph.read(png(3, (4, 4))).pixels.tobytes()
        assert "link to '../nothing.png'" in pixels(third)


def test_braces_are_those_of_a_shell():
    assert list(braces("a-{08..11}.tar")) == ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]
    assert list(braces("{x,y}/{1..2}")) == ["x/1", "x/2", "y/1", "y/2"]
    assert list(braces("plain")) == ["plain"]
    with pytest.raises(ValueError, match="more than 100,000"):
        list(braces("{0..999999999}"))


def test_pictures_of_a_pattern_and_folders_of_a_list(pictures, tmp_path):
    as_folder(tmp_path / "set", pictures)
    wanted = [(name, label) for name, label, _ in pictures]
    assert told(str(tmp_path / "set" / "*" / "*.png")) == wanted
    assert told([tmp_path / "set", as_zip(tmp_path, pictures)]) == wanted + [(f"set/{n}", c) for n, c in wanted]
    assert [label for _, label in told([tmp_path / "set" / name for name, *_ in pictures])] == [None] * len(pictures)
    assert told(str(tmp_path / "set" / "*")) == wanted
    as_tar(tmp_path, pictures[:1], name="a.tar")
    as_tar(tmp_path, pictures[:1], name="b.tar")
    name, label, _ = pictures[0]
    both = [(f"{archive}.tar/./set/{name}", label) for archive in "ab"]
    assert told([tmp_path / "a.tar", tmp_path / "b.tar"]) == both
    os.symlink(tmp_path / "set", tmp_path / "set" / "goose" / "loop")
    os.symlink(tmp_path / "set" / "self.png", tmp_path / "set" / "self.png")
    found = items(tmp_path / "set")
    assert [(item.key, item.label) for item in found[:-1]] == wanted
    with pytest.raises(ValueError, match=r"self.png.*(symbolic links|levels)"):
        found[-1].photo()


def test_the_columns_of_a_table_are_named_where_they_are_not_found(pictures, tmp_path):
    odd = pa.table({"one": [png(1, (4, 4))], "two": [png(2, (4, 4))], "kind": ["hen"], "level": [0.5]})
    pq.write_table(odd, tmp_path / "odd.parquet")
    with pytest.raises(ValueError, match="several columns that may hold images, one, two"):
        listed(tmp_path / "odd.parquet")
    (item,) = items(f"parquet:{tmp_path / 'odd.parquet'}?image=two&label=kind")
    assert (item.data, item.label, item.key) == (png(2, (4, 4)), "hen", "odd.parquet/0")
    with pytest.raises(LookupError, match="has no column 'three'; it has one, two"):
        listed(f"parquet:{tmp_path / 'odd.parquet'}?image=three")
    as_folder(tmp_path, pictures[:1])
    name = pictures[0][0]
    pq.write_table(pa.table({"image": [name, None, "letter.txt"], "y": [1, 2, 3]}), tmp_path / "paths.parquet")
    first, second, third = items(tmp_path / "paths.parquet")
    assert pixels(first) == ph.read(pictures[0][2]).pixels.tobytes()
    assert "its cell is empty" in pixels(second)
    assert "no image's" in pixels(third)


# ---- memory and speed


def test_memory_does_not_grow_with_an_archive_or_a_table(tmp_path):
    """40 pictures of half a megabyte: never more than a few of them are held at once."""
    noise = np.random.default_rng(0)
    pictures = [(f"{i}.bmp", "a", b"BM" + noise.bytes(1 << 19)) for i in range(40)]
    for kind in (as_zip, as_tar, as_tar_gz):
        source = kind(tmp_path, pictures)
        tracemalloc.start()
        shards = listed(source)
        for shard in shards:
            assert sum(1 for _ in reader(shard).items(shard)) == 40
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 << 20, kind.__name__
    for options in (
        {"row_group_size": 4},
        {"write_batch_size": 1, "data_page_size": 1},
    ):  # small groups, or small pages
        pq.write_table(table(pictures, "bytes"), tmp_path / "a.parquet", use_dictionary=False, **options)
        before, most = pa.total_allocated_bytes(), 0
        for shard in listed(tmp_path / "a.parquet"):
            for _ in reader(shard).items(shard):
                most = max(most, pa.total_allocated_bytes() - before)
        assert most < 16 << 20, options


def test_one_photo_of_a_large_tar_is_read_at_once(tmp_path):
    """A sparse tar of 20 GB with a picture at each end: what is not asked for is not read."""
    path = tmp_path / "large.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        add(archive, "first.png", png(1, (8, 8)))
        at = archive.offset
    gap = tarfile.TarInfo("gap.bin")
    gap.size = 20 << 30
    last = tarfile.TarInfo("last.png")
    last.size = len(png(2, (8, 8)))
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(gap.tobuf(tarfile.GNU_FORMAT))
        file.seek(gap.size, os.SEEK_CUR)
        file.write(last.tobuf(tarfile.GNU_FORMAT) + png(2, (8, 8)))
        file.write(bytes(-file.tell() % 512 + 1024))
    (shard,) = listed(path)
    assert pixels(reader(shard).item(shard, 1, "last.png")) == ph.read(png(2, (8, 8))).pixels.tobytes()


# ---- what is wrong


def one_sentence(error):
    text = str(error)
    assert "\n" not in text
    assert 10 < len(text) < 600
    assert "Traceback" not in text
    return text


def refused(source):
    with pytest.raises((ValueError, LookupError, OSError, TypeError)) as caught:
        listed(source)
    return one_sentence(caught.value)


def test_what_is_no_source_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("letter.doc").write_text("dear")
    Path("empty").mkdir()
    Path("no.zip").write_bytes(b"no archive")
    Path("no.tar").write_bytes(b"no archive" * 200)
    Path("no.tar.gz").write_bytes(gzip.compress(b"no archive" * 200))
    Path("no.parquet").write_bytes(b"PAR1no archivePAR1")
    Path("no.npz").write_bytes(b"no archive")
    Path("no.txt").write_bytes(b"\n\n")
    Path("zero.zip").touch()
    Path("zero.tar").touch()
    Path("zero.parquet").touch()
    zipfile.ZipFile("empty.zip", "w").close()
    tarfile.open("empty.tar", "w").close()
    with zipfile.ZipFile("letters.zip", "w") as archive:
        archive.writestr("letter.txt", "dear")
    with tarfile.open("letters.tar", "w") as archive:
        add(archive, "letter.txt", b"dear")
    pq.write_table(pa.table({"a": [1.5], "b": ["x"]}), "numbers.parquet")
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), "rows.parquet")
    np.savez("numbers.npz", a=np.arange(5), b=np.array([{}], object))
    os.symlink("nowhere", "link")
    os.symlink("loop", "loop")
    Path("loops").mkdir()
    os.symlink("../loops", "loops/loops")
    for source, words in {
        "nothing": "there is no 'nothing'", "": "there is no ''", "no/thing.zip": "there is no",
        "empty": "holds no image", "letter.doc": "its ending", "no.zip": "is no zip archive", "zero.zip": "no zip",
        "no.tar": "is no tar archive", "zero.tar": "is no tar archive", "no.tar.gz": "is no tar archive",
        "no.parquet": "is no Parquet file", "zero.parquet": "is no Parquet file", "no.npz": "is no .npz file",
        "no.txt": "is empty", "empty.zip": "no image among its 0", "empty.tar": "no image", "letters.tar":
        "no image", "letters.zip": "no image among its 1", "numbers.parquet": "no column of images",
        "rows.parquet": "has no rows", "numbers.npz": "no array of images", "link": "leads nowhere",
        "loop": "leads nowhere", "loops": "holds no image", "*.jpg": "no file is meant", "x{0..2}.tar": "no file is",
        "no*.tar": "is no tar archive", "https://example.org/set.zip": "web address", "s3://set/a.tar": "web address",
        "webdataset:set": "kind in front", "lance:nothing": "there is no database", "lance:empty": "it holds none",
        "lance:empty#birds": "no table 'birds'", "parquet:none.parquet": "no file", "parquet:empty": "no Parquet file",
        "npz:none.npz": "there is no file", "npz:numbers.npz#c": "no array 'c'", "datasets:": "does not say which",
        "torchvision:CIFAR11@.": "near it: CIFAR10", "torchvision:CIFAR10@.": "can't be opened",
        "torchvision:CIFAR10@.?trains=1": "no option 'trains'", "torchvision:transforms@.": "no data set",
        "parquet:numbers.parquet?colour=a": "no option 'colour'", "a\0b": "there is no", "{0..9999999}": "more than",
    }.items():  # fmt: skip
        assert words in refused(source), source
        if source:
            refused(Path(source))


def test_values_that_are_no_source_are_refused_in_a_sentence():
    photo = ph.read(draw(1))
    for source, words in (
        (None, "not NoneType"), (5, "not int"), ([], "is empty"), ((), "is empty"), ([5], "item 0"), ([None], "item 0"),
        (photo, "into a list"), (Image.new("RGB", (3, 3)), "into a list"), (b"bytes", "into a list"), ({}, "not dict"),
        (draw(1), "into a list"), (np.zeros((3, 3)), "no row of images"), (iter([photo]), "not list_iterator"),
        ([photo, "a.jpg"], "a.jpg"), (["nothing.zip"], "there is no"), (["nothing.png"], "there is no file"),
        (Pairs([]), "has no items"), (np.zeros((0, 8, 8), np.uint8), "is empty"),
    ):  # fmt: skip
        assert words in refused(source), source


def test_data_sets_that_cannot_be_opened_are_refused_in_a_sentence(pictures, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install datasets")
    import huggingface_hub

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    as_splits(tmp_path, pictures)
    saved = f"datasets:{tmp_path / 'saved'}"
    (tmp_path / "one").mkdir()
    for source, words in {
        "datasets:nobody/no-such-set": "'nobody/no-such-set' can't be opened",
        "datasets:parquet?data_files=nothing.parquet": "can't be opened",
        "datasets:beans?colour=red": "no option 'colour'",
        saved: "has the splits train, test", f"{saved}?split=trian": "near it: train",
        f"{saved}?split=train&image=label": "holds int64, no images",
        f"{as_saved(tmp_path / 'one', pictures)}?split=train": "saved as one split",
    }.items():  # fmt: skip
        assert words in refused(source), source


def test_a_picture_that_cannot_be_read_is_an_item_and_the_others_are_swept(network, tmp_path):
    good = png(1)
    zeros = b"BM" + bytes(5 << 20)
    for packed in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", packed) as archive:
            for name, data in (("1.png", good), ("2.png", good), ("3.png", b""), ("4.png", b"text"), ("5.bmp", zeros),
                               ("6.png", good), ("7.png", good)):  # fmt: skip
                archive.writestr(name, data)
            places = {info.filename: info for info in archive.infolist()}
        data = bytearray((tmp_path / "a.zip").read_bytes())
        data[places["2.png"].header_offset + 30 + 5 + 40] ^= 0xFF  # its bytes do not fit its checksum
        central = data.rindex(b"6.png") - 46
        data[central + 8] |= 1  # is encrypted
        central = data.rindex(b"7.png") - 46
        data[central + 24 : central + 28] = struct.pack("<I", (1 << 31) - 1)  # says that it is 2 GB
        (tmp_path / "b.zip").write_bytes(data)
        atlas = ph.Atlas.build(network, tmp_path / "b.zip", tmp_path / f"atlas{packed}", layers="0")
        told = errors(atlas)
        assert [key for key, error in told.items() if not error] == ["1.png"]
        assert "is encrypted" in told["6.png"]
        assert "too large" in told["7.png"]
        assert "is empty" in told["3.png"]
        assert "no image" in told["4.png"]
        for error in filter(None, told.values()):
            one_sentence(error)


def test_a_header_that_says_it_is_huge_is_not_read(pictures, tmp_path):
    """An extended header of 20 GB, which the archive even has, as a sparse file."""
    path = as_tar(tmp_path, pictures[:2], form=tarfile.USTAR_FORMAT)
    with tarfile.open(path) as archive:
        archive.getmembers()
        at = archive.offset
    huge = tarfile.TarInfo("header")
    huge.type, huge.size = tarfile.GNUTYPE_LONGNAME, 20 << 30
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(huge.tobuf(tarfile.GNU_FORMAT))
        file.truncate(at + 512 + huge.size + 1024)
    tracemalloc.start()
    found = items(path)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()
    assert [item.label for item in found] == ["goose", "goose", None]
    assert "21,474,836,480 bytes" in pixels(found[2])


def test_an_encrypted_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.png", png(1))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1
    data[data.rindex(b"1.png") - 46 + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "is encrypted; unpack it" in refused(tmp_path / "a.zip")


def test_a_tar_that_is_cut_off_gives_what_is_before_and_then_the_reason(network, pictures, tmp_path):
    for path in (as_tar(tmp_path, pictures), as_tar_gz(tmp_path, pictures)):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        atlas = ph.Atlas.build(network, path, tmp_path / f"{path.name}.atlas", layers="0")
        told = list(errors(atlas).values())
        assert len(pictures) / 3 < told.count(None) < len(pictures)
        assert "cut off or broken after" in told[-1]
        path.write_bytes(whole)
        atlas = ph.Atlas.build(network, path, tmp_path / f"{path.name}.atlas", layers="0")
        rows = [row for row in atlas.store.images().to_pylist() if row["width"]]
        assert {row["key"] for row in rows} == {f"./set/{name}" for name, _, data in pictures if data != BROKEN}


def test_a_header_that_is_broken_ends_a_tar_with_the_reason(pictures, tmp_path):
    path = as_gnu_tar(tmp_path, pictures)
    data = bytearray(path.read_bytes())
    (shard,) = listed(path)
    fourth = shard.part["files"][4][2] - 512
    data[fourth : fourth + 512] = b"\xff" * 512
    path.write_bytes(data)
    found = items(path)
    assert [item.key for item in found[:4]] == [f"./set/{name}" for name, *_ in pictures[:4]]
    assert len(found) == 5
    assert "broken after" in pixels(found[4])


def test_archives_that_cannot_be_opened_do_not_keep_the_others_from_being_swept(network, pictures, tmp_path):
    as_tar(tmp_path, pictures[:3], name="a.tar")
    (tmp_path / "b.tar").write_bytes(b"no archive" * 100)
    (tmp_path / "c.zip").write_bytes(b"no archive")
    (tmp_path / "readme.txt").write_text("what these are\n")
    atlas = ph.Atlas.build(network, str(tmp_path / "*.*"), tmp_path / "atlas", layers="0")
    told = errors(atlas)
    assert len(told) == 5
    assert "is no tar archive" in told["b.tar"]
    assert "is no zip archive" in told["c.zip"]
    assert atlas.patches("0:0")[0].image.startswith("a.tar/./set/")


def test_archives_that_changed_or_went_are_told(pictures, tmp_path):
    for kind in (as_zip, as_tar, as_parquet, as_lance):
        (shard, *_) = listed(kind(tmp_path, pictures))
        if kind is as_lance:
            import shutil

            shutil.rmtree(tmp_path / "db")
        else:
            Path(shard.where).unlink()
        with pytest.raises(FileNotFoundError) as caught:
            list(reader(shard).items(shard))
        one_sentence(caught.value)
    (shard,) = listed(as_tar(tmp_path, pictures))
    as_tar(tmp_path, pictures[5:])
    assert any("another than when it was listed" in pixels(item) for item in reader(shard).items(shard))


def as_npz(root, pictures, save=np.savez):
    save(
        root / "set.npz",
        x=np.stack([np.asarray(Image.open(io.BytesIO(data))) for *_, data in pictures]),
        y=np.arange(3),
    )
    return root / "set.npz"


def as_packed_npz(root, pictures):
    return as_npz(root, pictures, np.savez_compressed)


FUZZED = [as_zip, as_tar, as_gnu_tar, as_tar_gz, as_samples, as_parquet, as_list, as_npz, as_packed_npz]


@pytest.mark.parametrize("kind", FUZZED, ids=lambda kind: kind.__name__)
def test_bytes_that_are_changed_or_lost_end_in_sentences_only(kind, tmp_path):
    """Files with bytes turned over, cut out, or cut off: what can be read is read, and all else said, with its name."""
    few = [(f"{label}/{i:02}.png", label, png(i, (6, 6))) for i, label in enumerate("abc")]
    source = kind(tmp_path, few)
    path = tmp_path / "part-001.tar" if kind is as_samples else Path(source)
    whole = path.read_bytes()
    generator = np.random.default_rng(1)
    read = refused = 0
    for trial in range(40):
        data = bytearray(whole)
        at, length = (int(number) for number in generator.integers(0, len(data), 2))
        if trial % 3 == 0:
            del data[at:]
        elif trial % 3 == 1:
            del data[at : at + length // 8]
        else:
            for place in generator.integers(0, len(data), 1 + trial // 4):
                data[place] ^= int(generator.integers(1, 256))
        path.write_bytes(data)
        os.utime(path, ns=(trial, trial))
        for key, found in outcomes(source):
            if isinstance(found, Exception):
                refused += 1
                assert type(found) in (ValueError, LookupError, OSError, FileNotFoundError), repr(found)
                name = re.split("[/ ]", key)[-1]
                assert path.stem in one_sentence(found) or escaped(name) in escaped(str(found)), (key, found)
            else:
                read += 1
                assert found.pixels.shape[2] == 3
    assert read or path.suffix == ".npz"  # all of an array is read to tell one image
    assert refused


def escaped(text):
    """In ASCII, as errors write it."""
    return text.encode("ascii", "backslashreplace").decode()


def outcomes(source):
    """The key and the photo of all that a source gives, or the error instead; of what can't be listed, no key."""
    try:
        shards = listed(source)
    except (ValueError, LookupError, OSError) as error:
        yield "", error
        return
    for shard in shards:
        json.dumps(shard.part)
        try:
            found = list(reader(shard).items(shard))
        except (ValueError, LookupError, OSError) as error:
            yield str(shard.where), error
            continue
        for item in found:
            try:
                yield item.key, item.photo()
            except (ValueError, LookupError, OSError) as error:
                yield item.key, error
