"""HOG: scikit-image's numbers, strokes along edges, and images made from descriptors."""

import numpy as np
import pytest
import torch

import phosphene as ph
from phosphene.network.hog import HOG, Settings, hog_network
from phosphene.picture import Line
from phosphene.synthesis.hog.glyphs import energies, glyphs
from phosphene.synthesis.hog.images import as_image, unevenness
from phosphene.synthesis.hog.twins import exact

skimage = pytest.importorskip("skimage.feature")
CAT = "src/phosphene/photos/cat.jpg"


def photo(height: int = 60, width: int = 77, seed: int = 0) -> ph.Photo:
    """A photo with edges in all directions, ties among the colours, flat parts, and sides that no cell divides."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[:20] //= 32  # many equal gradients
    pixels[30:, :30] = 77
    pixels[:, 50:] = pixels[:, 50:, :1]
    return ph.read(pixels)


@pytest.mark.parametrize("normalise", ["L2-Hys", "L2", "L1", "L1-sqrt"])
@pytest.mark.parametrize(("orientations", "cell", "block"), [(9, 8, 2), (8, 8, 3), (12, 7, 1), (4, 5, 2), (9, 16, 2)])
def test_the_descriptor_is_scikit_images(orientations, cell, block, normalise):
    for shown in (photo(), ph.read(CAT)):
        found = ph.hog(shown, orientations=orientations, cell=cell, block=block, normalise=normalise)
        expected = skimage.hog(shown.pixels, orientations, (cell, cell), (block, block), normalise, channel_axis=-1)
        np.testing.assert_allclose(found.values, expected, atol=1e-6, rtol=0)
        assert found.values.dtype == torch.float64
        whole = skimage.hog(
            shown.pixels, orientations, (cell, cell), (block, block), normalise, channel_axis=-1, feature_vector=False
        )
        np.testing.assert_allclose(found.blocks, whole, atol=1e-6, rtol=0)


def test_an_edge_votes_for_its_own_direction():
    steep = np.zeros((32, 32, 3), np.uint8)
    steep[:, 16:] = 200  # a vertical edge: the gradient points right, at 0 degrees
    cells = HOG(Settings(orientations=4, cell=8, block=1), white=255).cells(
        HOG(Settings(), white=255).gradients(torch.from_numpy(steep.astype(float)).permute(2, 0, 1)[None])
    )
    assert cells[0].sum((1, 2)).nonzero().flatten().tolist() == [0]
    marks = glyphs(energies(ph.hog(ph.read(steep), orientations=4).blocks.numpy()), 400).marks
    strokes = [mark for mark in marks if isinstance(mark, Line)]
    assert strokes
    assert all(abs(mark.y2 - mark.y1) > 2 * abs(mark.x2 - mark.x1) for mark in strokes)


def test_energies_are_means_over_a_cells_blocks():
    blocks = np.random.default_rng(0).random((3, 4, 2, 2, 5))
    slow = np.zeros((4, 5, 5))
    for row in range(4):
        for column in range(5):
            own = [
                blocks[r, c, row - r, column - c]
                for r in range(3) for c in range(4) if 0 <= row - r < 2 and 0 <= column - c < 2
            ]  # fmt: skip
            slow[row, column] = np.mean(own, 0)
    np.testing.assert_allclose(energies(blocks), slow)


def test_shared_votes_turn_smoothly_and_sum_to_the_whole():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 24, 24, generator=generator, dtype=torch.float64)
    whole, shared = (HOG(Settings(), way) for way in ("whole", "shared"))
    gradients = whole.gradients(images)
    torch.testing.assert_close(whole.cells(gradients).sum(1), shared.cells(gradients).sum(1))
    angles = torch.linspace(0, 2 * torch.pi, 721, dtype=torch.float64)
    turning = torch.stack([angles.sin(), angles.cos()])[:, None].expand(-1, 8, -1)[None]
    votes = shared.cells._shared(turning)[0, :, 0]
    assert votes.diff(dim=1).abs().max() < 0.03
    torch.testing.assert_close(votes.sum(0), torch.ones(721, dtype=torch.float64))


def test_the_shared_descriptors_gradient_is_the_difference_quotient():
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(1, 3, 6, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(HOG(Settings(cell=2), "shared"), images, eps=1e-7, atol=1e-4)


def test_votes_through_have_whole_values_and_shared_derivatives():
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    whole, shared, through = (HOG(Settings(), votes) for votes in ("whole", "shared", "through"))
    torch.testing.assert_close(through(images), whole(images), atol=1e-12, rtol=0)
    gradients = whole.gradients(images).requires_grad_()
    cells = torch.randn(1, 9, 2, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    slopes = [torch.autograd.grad((each.cells(gradients) * cells).sum(), gradients)[0] for each in (shared, through)]
    turned = [(-gradients[:, 1] * slope[:, 0] + gradients[:, 0] * slope[:, 1]).detach() for slope in slopes]
    torch.testing.assert_close(*turned)  # along the turn, both change alike


def test_flat_images_have_finite_gradients():
    for votes in ("whole", "shared", "through"):
        images = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
        HOG(Settings(), votes)(images).sum().backward()
        assert torch.isfinite(images.grad).all()


def test_the_descriptor_is_a_network_with_layers():
    network = hog_network(Settings(), (32, 48))
    assert network.layer("cells").shape == (9, 4, 6)
    assert network.layer("blocks").shape == (36, 3, 5)
    assert network.record(torch.rand(2, 3, 32, 48), "logits")["logits"].shape == (2, 540)


def test_what_makes_no_sense_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="no room for a block of 32 × 32"):
        ph.hog(photo(30, 40), cell=16)
    with pytest.raises(ValueError, match="blocks are normalised by"):
        ph.hog(photo(), normalise="L3")
    with pytest.raises(ValueError, match="cell is at least 1"):
        ph.hog(photo(), cell=0)
    with pytest.raises(TypeError, match="hog takes a photo"):
        ph.hog(np.zeros((32, 32, 3)))


def test_the_picture_says_its_range(tmp_path):
    found = ph.hog(photo())
    found.save(tmp_path / "hog.png", theme="dark")
    found.save(tmp_path / "hog.svg")
    assert found.picture().ranges[0].high > 0
    assert found.to_dict()["shape"] == [6, 8, 2, 2, 9]


# ---- images made from descriptors


def test_an_image_made_from_a_descriptor_comes_close_to_it_and_is_as_smooth_as_the_photo():
    steps = list(ph.hog_inverse.steps(ph.read(CAT), size=64, steps=12))
    assert (steps[0].step, steps[-1].step, steps[-1].steps) == (1, 12, 12)
    assert steps[-1].images.shape == (1, 3, 64, 64)
    assert torch.equal(steps[-1].images[:, :1].expand(-1, 3, -1, -1), steps[-1].images)
    assert "descriptor" in steps[-1].progress
    errors = (-steps[-1].history[:, 0]).sqrt()
    assert errors[-1] < 0.9 * errors[5]  # whole votes come closer than shared ones did
    assert steps[-1].distances[0] < 0.22
    made, photo_ = steps[-1].images, as_image(steps[-1].goal)
    noise = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    uneven = [float(unevenness().score({"<images>": each})) for each in (photo_, made, noise)]
    assert uneven[1] < uneven[0] < 0.3 * uneven[2]


def test_unevenness_does_not_mind_contrast():
    images = torch.rand(2, 1, 20, 24, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    score = unevenness().score
    torch.testing.assert_close(score({"<images>": images}), score({"<images>": 0.3 + 0.2 * images}))
    slow = [
        ((image[0, :, 1:] - image[0, :, :-1]).square().sum() + (image[0, 1:] - image[0, :-1]).square().sum())
        / (20 * 24 * image[0].var(correction=0))
        for image in images
    ]
    torch.testing.assert_close(score({"<images>": images}), torch.stack(slow), rtol=1e-4, atol=0)


@pytest.mark.parametrize("recipe", [ph.hog_inverse, ph.hog_twins])
def test_seeds_are_those_of_every_recipe(recipe):
    options = {"size": 32, "steps": 1} | ({"sweeps": 1} if recipe is ph.hog_twins else {})
    assert torch.equal(recipe(photo(), seed=-1, **options).images, recipe(photo(), seed=2**64 - 1, **options).images)
    with pytest.raises(ValueError, match="seed is a whole number from"):
        recipe(photo(), seed=2**64, **options)
    with pytest.raises(TypeError, match=r"seed is a whole number, not 1\.5"):
        recipe(photo(), seed=1.5, **options)


def relative(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (skimage.hog(each, 9, (8, 8), (2, 2), channel_axis=-1) for each in (one, other))
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))


def test_twins_share_a_descriptor_and_not_their_pixels():
    other = ph.read("src/phosphene/photos/coffee.jpg")
    found = ph.hog_twins(ph.read(CAT), start=other, size=64, steps=150, sweeps=60)
    made = (found.images[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    assert relative(found.start.pixels, found.goal.pixels) > 0.8
    near = relative(made, found.goal.pixels)
    assert near < 0.03
    assert found.distances[0] == pytest.approx(near, rel=1e-3)
    assert found.scores[0] == pytest.approx(-(near**2), rel=1e-3)  # what was scored is what a file holds
    assert found.apart[0] > 0.1
    assert found.apart[0] == pytest.approx(np.sqrt(np.mean((made / 255 - found.goal.pixels / 255) ** 2)))
    assert (found.step, found.steps, len(found.history)) == (210, 210, 210)


def test_the_exact_twins_are_exact():
    for shown in (ph.read(np.repeat(photo().pixels[..., :1], 3, -1)), ph.read(CAT)):
        grey = np.repeat(shown.pixels[..., :1], 3, -1)
        (_, negative), (_, second) = exact(ph.read(grey))
        for twin in (negative, second):
            assert relative(twin.pixels, grey) < 1e-9
            assert np.sqrt(np.mean((twin.pixels / 255 - grey / 255) ** 2)) > 0.1
        assert not np.array_equal(negative.pixels, second.pixels)


def test_images_from_descriptors_repeat_with_their_seed_and_draw_themselves(tmp_path):
    one, same, other = (ph.hog_inverse(photo(), size=32, steps=3, restarts=2, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)
    assert not torch.equal(one.images[0], one.images[1])
    one.save(tmp_path / "i.png")
    assert len(one.to_dict()["distances"]) == 2
    twins, again = (ph.hog_twins(photo(), size=32, steps=3, sweeps=2) for _ in range(2))
    assert torch.equal(twins.images, again.images)
    assert set(twins.to_dict()["exact"]) == {"its negative", "every second pixel negative"}
    twins.save(tmp_path / "t.png", theme="dark")
    with pytest.raises(ValueError, match="contrast is the share"):
        ph.hog_twins(photo(), contrast=2)
    with pytest.raises(ValueError, match="contrast is a number above 0, not 'a'"):
        ph.hog_twins(photo(), contrast="a")


def test_a_photo_without_edges_and_a_negative_prior_are_told():
    flat = ph.read(np.full((64, 64, 3), 128, np.uint8))
    for recipe in (ph.hog_inverse, ph.hog_twins):
        with pytest.raises(ValueError, match="no edges"):
            recipe(flat, steps=1, size=32)
    with pytest.raises(ValueError, match="smooth is a number of at least 0"):
        ph.hog_inverse(photo(), steps=1, size=32, smooth=-1)
