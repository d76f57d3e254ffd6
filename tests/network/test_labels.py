"""A name means one class or is an error that says which."""

import pytest

from phosphene.network.labels import Labels, imagenet

DOUBLE = Labels(("tench, Tinca tinca", "crane", "maillot", "crane", "owl, bird", "bat, bird"))


def test_imagenet_has_a_thousand_names():
    assert len(imagenet()) == 1000
    assert (imagenet()[0], imagenet()[99], imagenet()[999]) == ("tench", "goose", "toilet tissue")


@pytest.mark.parametrize("label", ["goose", "GOOSE", " Goose ", 99, "99", "class 99"])
def test_a_class_is_found_by_name_or_index(label):
    assert Labels.imagenet().index(label) == 99


def test_every_imagenet_name_that_is_unique_leads_to_its_index():
    labels = Labels.imagenet()
    unique = [name for name in imagenet() if sum(name.casefold() == other.casefold() for other in imagenet()) == 1]
    assert len(unique) >= 990
    assert all(labels[labels.index(name)] == name for name in unique)


def test_a_part_between_commas_names_its_class_if_it_is_the_only_one():
    assert DOUBLE.index("tinca tinca") == 0
    with pytest.raises(LookupError, match=r"2 classes; choose by index: 4 \(owl, bird\), 5 \(bat, bird\)"):
        DOUBLE.index("bird")


def test_an_ambiguous_name_lists_the_indices():
    with pytest.raises(LookupError, match=r"'crane' is the name of 2 classes; choose by index: 1 \(crane\), 3 \(crane"):
        DOUBLE.index("crane")
    assert DOUBLE.index("3") == 3


def test_an_unknown_name_gets_near_ones():
    with pytest.raises(LookupError, match=r"'gose' is not among the 1000 classes; did you mean 'goose'"):
        Labels.imagenet().index("gose")
    assert "golden retriever" in Labels.imagenet().near("retriever")
    with pytest.raises(LookupError, match=r"not among the 1000 classes$"):
        Labels.imagenet().index("qqqqqqqqqqqq")


@pytest.mark.parametrize("label", [1000, "1000", -1, "-1"])
def test_an_index_beyond_the_last_class_is_an_error(label):
    with pytest.raises(LookupError, match=r"class -?\d+ does not exist; the network has 1000 classes, 0 to 999"):
        Labels.imagenet().index(label)


def test_a_name_made_of_digits_comes_before_the_index():
    assert Labels(("7", "3", "5")).index("3") == 1
    assert Labels(("7", "3", "5")).index(0) == 0


def test_without_names_classes_are_numbered():
    labels = Labels(None, 20)
    assert (labels[17], labels.index("class 17"), len(labels), next(iter(labels))) == ("class 17", 17, 20, "class 0")
    with pytest.raises(LookupError, match="came without class names; give an index, 0 to 19"):
        labels.index("goose")
    with pytest.raises(IndexError, match="0 to 19"):
        labels[20]
    assert Labels().index(5000) == 5000
    assert not Labels()


def test_names_and_count_must_agree():
    with pytest.raises(ValueError, match="labels name 2 classes, but the network has 3"):
        Labels(("a", "b"), 3)


def test_what_is_no_label_is_a_type_error():
    with pytest.raises(TypeError, match=r"not 1\.5"):
        Labels.imagenet().index(1.5)
