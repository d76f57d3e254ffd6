"""Collections give the same batches each time, whatever the source is cut into."""

import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

import phosphene as ph
from phosphene.data.collection import ImageCollection


@pytest.fixture(scope="module")
def networks():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Flatten(), torch.nn.LazyLinear(3)).eval()
    module(torch.zeros(1, 3, 8, 8))
    labels = ["ant", "bee", "cat"]
    return [ph.Network(module, ph.Preprocessing.plain(size=8), labels), ph.Network(module, ph.Preprocessing((8, 8), mean=(0.5,) * 3, std=(0.5,) * 3), labels)]  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for index in range(11):
        path = root / ("bee" if index % 2 else "ant") / f"{index:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 20 * index, np.uint8)).save(path)
    (root / "ant" / "05-broken.png").write_bytes(b"none")
    return root


def names(collection):
    return [[entry.name.rpartition("/")[2] for entry in read.entries] for read in collection]


def test_batches_are_the_same_each_time_and_stretches_with_what_is_broken(folder, networks):
    collection = ImageCollection(folder, networks, batch=4)
    first, second = list(collection), list(collection)
    assert [len(read) for read in first] == [3, 4, 4]  # the fourth is broken
    assert [(read.number, read.seen) for read in first] == [(0, 4), (1, 8), (2, 12)]
    assert len(collection.unreadable) == 1
    assert "05-broken.png" in collection.unreadable[0]
    for one, other in zip(first, second, strict=True):
        assert one.entries == other.entries
        assert all(torch.equal(a, b) for a, b in zip(one.inputs, other.inputs, strict=True))
    plain, centred = first[0].inputs
    torch.testing.assert_close(centred, (plain - 0.5) / 0.5)
    assert first[0].classes(networks[0]).tolist() == [0, 0, 0]
    assert first[2].classes(networks[0]).tolist() == [1, 1, 1, 1]


def test_small_shards_are_joined_to_whole_batches(folder, networks):
    collection = ImageCollection([str(folder / "ant"), str(folder / "bee")] * 2, networks[:1], batch=8)
    assert [len(read) for read in collection] == [7, 7, 8]


@pytest.mark.parametrize("options", [{}, {"limit": 7}, {"turn": (3, {0, 2})}, {"limit": 9, "turn": (2, {1})}])
@pytest.mark.parametrize("archive", [False, True])
def test_stretches_of_batches_are_those_of_the_whole(folder, networks, tmp_path, options, archive):
    source = folder
    if archive:
        source = tmp_path / "a.tar"
        with tarfile.open(source, "w") as file:
            file.add(folder, "photos")
    collection = ImageCollection(source, networks[:1], batch=2, **options)
    whole = list(collection.stretch())
    assert collection.batches in (None, len(whole))
    for first in range(len(whole)):
        parts = [*collection.stretch(0, first), *collection.stretch(first, first + 1), *collection.stretch(first + 1)]
        assert [(read.number, read.seen, read.entries, read.unreadable) for read in parts] == [
            (read.number, read.seen, read.entries, read.unreadable) for read in whole
        ]
        assert all(
            torch.equal(*pair)
            for one, other in zip(parts, whole, strict=True)
            for pair in zip(one.inputs, other.inputs, strict=True)
        )


def test_a_batch_of_broken_images_is_empty_and_told(tmp_path, networks):
    for index in range(6):
        if index in (2, 3):
            (tmp_path / f"{index}.png").write_bytes(b"none")
        else:
            Image.fromarray(np.full((8, 8, 3), 20 * index, np.uint8)).save(tmp_path / f"{index}.png")
    collection = ImageCollection(tmp_path, networks, batch=2)
    assert [(len(read), len(read.unreadable)) for read in collection.stretch()] == [(2, 0), (0, 2), (2, 0)]
    assert [len(read) for read in collection] == [2, 2]
    assert len(collection.unreadable) == 2


def test_an_identity_is_of_images_their_choice_and_their_batches(folder, networks):
    def identity(source=folder, **options):
        return ImageCollection(source, networks[:1], **options).identity

    assert identity() == identity(workers=3)
    others = [identity(batch=3), identity(limit=4), identity(turn=(2, {1})), identity(turn=(2, {0})), identity(folder / "ant")]  # fmt: skip  # noqa: E501
    x = torch.rand(5, 3, 8, 8)
    assert len({identity(), *others, identity(x), identity(x.flip(0))}) == 8
    assert identity(x) == identity(x.clone())


def test_a_limit_is_spread_and_turns_cover_every_image_once(folder, networks):
    limited = ImageCollection(folder, networks, limit=6, batch=3)
    taken = [name for batch in names(limited) for name in batch]
    assert limited.count == 6
    turns = [ImageCollection(folder, networks, limit=6, turn=(3, {at}), batch=3) for at in range(3)]
    assert [turn.count for turn in turns] == [2, 2, 2]
    parts = [[name for batch in names(turn) for name in batch] for turn in turns]
    assert sorted(name for part in parts for name in part) == sorted(taken)
    places = [[entry.place for read in turn for entry in read.entries] for turn in turns]
    assert all(place % 3 == at for at, some in enumerate(places) for place in some)


def test_a_tensor_and_photos_are_sources(networks):
    x = torch.rand(5, 3, 8, 8)
    read = list(ImageCollection(x, networks[:1], batch=2, turn=(2, {1})))
    assert torch.equal(torch.cat([each.inputs[0] for each in read]), x[[1, 3]])
    assert read[0].entries[0].name == "image 2"
    photos = [ph.read(np.full((8, 8, 3), value, np.uint8)) for value in (10, 200)]
    (batch,) = ImageCollection(photos, networks[:1])
    assert len(batch) == 2
    assert batch.entries[0].sha256 == photos[0].sha256


@pytest.mark.parametrize(
    ("options", "words"),
    [({"limit": 0}, "at least 1, not 0"), ({"source": "nowhere"}, "there is no 'nowhere'"), ({"source": []}, "empty")],
)
def test_what_is_no_source_is_refused(networks, folder, options, words):
    with pytest.raises((ValueError, FileNotFoundError, TypeError), match=words):
        ImageCollection(options.pop("source", folder), networks, **options)


def test_a_folder_of_broken_images_says_so(tmp_path, networks):
    (tmp_path / "a.png").write_bytes(b"none")
    with pytest.raises(ValueError, match="none of 1 image can be read; the first"):
        list(ImageCollection(tmp_path, networks))


def test_archives_are_read_as_folders_are(folder, networks, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(folder, "photos")
    whole = ImageCollection(tmp_path / "a.tar", networks, batch=4)
    assert sum(len(read) for read in whole) == 11
    part = ImageCollection(tmp_path / "a.tar", networks, batch=4, turn=(3, {0, 1}))
    assert 0 < sum(len(read) for read in part) < 11


def test_file_names_state_classes_of_imagenet_only(networks, tmp_path):
    path = tmp_path / "cat" / "0001_n01443537.png"
    path.parent.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    (read,) = ImageCollection(tmp_path, networks[:1])
    assert read.classes(networks[0]).tolist() == [2]  # of its folder
    many = ph.Network(networks[0].module, networks[0].preprocessing, ph.Labels(None, 100))
    assert read.classes(many).tolist() == [-1]


def test_tensors_of_sixteen_bits_have_hashes():
    module = torch.nn.Conv2d(3, 2, 3).bfloat16().eval()
    network = ph.Network(module, ph.Preprocessing.plain(size=8))
    (read,) = ImageCollection(torch.rand(2, 3, 8, 8).bfloat16(), [network])
    assert read.entries[0].sha256 != read.entries[1].sha256
