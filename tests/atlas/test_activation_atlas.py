import json

import numpy as np
import pytest
import torch
from atlas_helpers import build, draw
from PIL import Image

import phosphene as ph
from phosphene.atlas.projection.activations import atlas_activations
from phosphene.atlas.projection.cells import cut


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("activations")
    for index in range(40):
        path = folder / "set" / ("dark" if index % 2 else "light") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(index) // (3 if index % 2 else 1)).save(path)
    network = ph.Network(build(), ph.Preprocessing((32, 32)))
    return ph.Atlas.build(
        network, folder / "set", folder / "set.atlas", layers="0", features=["2", "5", "6"], pool="mean"
    )


@pytest.fixture(scope="module")
def found(atlas):
    return atlas.activations("2", cells=4, fewest=2, steps=40, size=32)


def test_each_image_is_in_one_cell_or_left_out(atlas, found):
    members = np.concatenate(found.cells.members)
    assert len(np.unique(members)) == len(members)
    assert len(members) + found.cells.left_out == 40
    assert min(found.cells.counts) >= 2


def test_cells_lie_as_on_the_map(found):
    positions = found.embedding.positions
    centres = np.stack([positions[some].mean(0) for some in found.cells.members])
    rows, columns = found.cells.places.T
    for row in np.unique(rows):
        for below in np.unique(rows[rows > row]):
            assert centres[rows == row, 1].min() > centres[rows == below, 1].max()
    for column in np.unique(columns):
        for right in np.unique(columns[columns > column]):
            assert centres[columns == column, 0].max() < centres[columns == right, 0].min()


def test_images_go_the_way_of_their_cells_averages(atlas, found):
    _, vectors = atlas.store.features(found.embedding.sweep, "2")
    network = atlas.network(found.embedding.sweep)
    shown = network.record(network.normalise(found.images), "2")["2"].mean((2, 3)).double().numpy()
    for index, some in enumerate(found.cells.members):
        way, own = vectors[some].mean(0) - vectors.mean(0), shown[index] - vectors.mean(0)
        cosine = way @ own / np.linalg.norm(way) / np.linalg.norm(own)
        assert float(found.cosines[index]) == pytest.approx(cosine, abs=1e-3)
    assert float(found.cosines.mean()) > float(found.part_history["cosine"][0].mean()) + 0.2
    assert float(found.cosines.mean()) > 0.5


def test_labels_are_the_commonest_of_a_cells_images(found):
    labels = np.array(found.embedding.labels)
    for some, label, share in zip(found.cells.members, found.cells.labels, found.cells.shares, strict=True):
        counts = {each: int((labels[some] == each).sum()) for each in ("dark", "light")}
        assert counts[label] == max(counts.values())
        assert share == pytest.approx(counts[label] / len(some))


def test_the_picture_has_a_tile_where_a_cell_is_and_is_clear_elsewhere(found):
    canvas, boxes = found.pixels(), [image[:2] for image in found.page["images"]]
    assert canvas.shape[:2] == found.size
    assert len(boxes) == len(found.images)
    for (left, top), image in zip(boxes, found.images, strict=True):
        wanted = (image.permute(1, 2, 0) * 255).round().numpy()
        assert np.abs(canvas[top : top + 32, left : left + 32, :3] - wanted).max() <= 1
    assert (canvas[..., 3] > 0).sum() == len(boxes) * 32 * 32
    frame = found.frame()
    assert (frame[canvas[..., 3] == 0] == 255).all()
    assert np.array_equal(frame[canvas[..., 3] > 0], canvas[canvas[..., 3] > 0][:, :3])


def test_the_picture_tells_of_labels_only_where_it_has_them(found):
    def written(picture):
        return " ".join(mark.string for mark in picture.drawing.marks if hasattr(mark, "string"))

    assert "the commonest label" in written(found.picture())
    assert "the commonest label" not in written(found.picture(names=False))


def test_the_page_tells_what_each_cell_holds(found, tmp_path):
    page = found.save(tmp_path / "page")
    text = page.read_text(encoding="utf-8")
    assert page.name == "index.html"
    assert f"{found.cells.counts[0]} images, cosine" in text
    assert list((tmp_path / "page" / "tiles").rglob("*.webp"))


def test_numbers_are_told_as_json(found):
    told = json.loads(json.dumps(found.to_dict()))
    assert sum(len(cell["images"]) for cell in told["cells"]) + found.cells.left_out == 40
    assert [cell["cosine"] for cell in told["cells"]] == pytest.approx(found.cosines.tolist())


def test_it_goes_step_by_step_and_the_same_seed_gives_the_same(atlas, found):
    steps = list(atlas_activations.steps(atlas, "2", cells=4, fewest=2, steps=3, size=32))
    assert [each.step for each in steps] == [1, 2, 3]
    again = atlas.activations("2", cells=4, fewest=2, steps=3, size=32)
    assert torch.equal(steps[-1].images, again.images)


def test_vectors_without_places_are_shown_too(atlas):
    assert atlas.activations("6", cells=2, fewest=3, steps=2).images.shape[-2:] == (32, 32)


def test_what_can_not_be_shown_is_refused_in_a_sentence(atlas):
    with pytest.raises(ValueError, match="take fewer, larger cells"):
        atlas.activations("2", fewest=41)
    with pytest.raises(ValueError, match="size is at least 32"):
        atlas.activations("2", size=7)
    with pytest.raises(ValueError, match="cells is at least 1"):
        atlas.activations("2", cells=0)
    with pytest.raises(ValueError, match="it gives no direction; take more cells"):
        atlas.activations("2", cells=1, fewest=1)
    with pytest.raises(LookupError, match="holds no features"):
        atlas.activations("0")


def test_cells_of_a_flat_map_lie_in_one_row(atlas):
    embedding = atlas.map("2", method="pca")
    flat = embedding.__class__(**{
        **{name: getattr(embedding, name) for name in embedding.__dataclass_fields__},
        "positions": np.stack([np.arange(40.0), np.zeros(40)], 1),
    })  # fmt: skip
    cells = cut(flat, 5, 1)
    assert (cells.rows, cells.columns) == (1, 5)
    assert cells.counts == (8, 8, 8, 8, 8)


def test_images_are_smaller_than_the_input_where_features_stay_as_long(tmp_path):
    photos = [draw(seed, (150, 150)) for seed in range(12)]
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3, 4), torch.nn.ReLU(), torch.nn.Flatten())
    network = ph.Network(module.eval(), ph.Preprocessing((150, 150)))
    atlas = ph.Atlas.build(network, photos, tmp_path / "a", layers="0", features=["1", "2"], pool="max", half=True)
    assert atlas.activations("1", cells=2, fewest=2, steps=1).images.shape[-2:] == (128, 128)
    assert atlas.activations("2", cells=2, fewest=2, steps=1).images.shape[-2:] == (150, 150)
    with pytest.raises(ValueError, match="leave out size"):
        atlas.activations("2", cells=2, fewest=2, steps=1, size=64)
