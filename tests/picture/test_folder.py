import pytest

from phosphene.picture import labelled, photos


def test_photos_are_found_below_a_folder_sorted_without_hidden_ones(tmp_path):
    for name in (
        "b.PNG",
        "a.jpg",
        "goose/2.jpg",
        "goose/deep/1.webp",
        "hen/x.tif",
        ".hidden/a.png",
        "._a.png",
        "n.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in photos(tmp_path)]
    assert found == ["a.jpg", "b.PNG", "goose/2.jpg", "goose/deep/1.webp", "hen/x.tif"]
    assert [label for _, label in labelled(tmp_path)] == [None, None, "goose", "goose", "hen"]


def test_a_folder_that_links_to_itself_ends(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert len(photos(tmp_path)) == 1


def test_folders_without_pictures_are_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match=r"holds no image: none of its files ends in \.jpg"):
        photos(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        photos(tmp_path / "none")
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="is a file, not a folder"):
        labelled(tmp_path / "a.png")
