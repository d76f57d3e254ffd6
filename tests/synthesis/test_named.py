"""Priors and transforms by name: the grammar, both ways, and that what is named is what happens."""

import re
from pathlib import Path

import pytest
import torch

import phosphene as ph
from phosphene.synthesis.engine.ascent import adam, ascend
from phosphene.synthesis.engine.images.image import Fourier, Pixels, noise
from phosphene.synthesis.engine.named import PRIORS, TRANSFORMS, priors_of, spec_of, transform_of
from phosphene.synthesis.engine.objectives import IMAGES, unit
from phosphene.synthesis.engine.options import generator
from phosphene.synthesis.engine.priors import (
    Blur,
    ClipContribution,
    ClipNorm,
    Colours,
    Decay,
    Fade,
    Falling,
    alpha_norm,
    squared_norm,
    total_variation,
)
from phosphene.synthesis.engine.recipes import RECIPES
from phosphene.synthesis.engine.settings import usual_settings
from phosphene.synthesis.engine.transforms import PIECES, ROBUST, Cropped, Moved, Noised, Roll, Several

COSTS = {
    "tv:0.05": 0.05 * total_variation(),
    "tv:0.05,beta=1.5": 0.05 * total_variation(1.5),
    "l2:3": 3 * squared_norm(),
    "l2:3,mean=0.4": 3 * squared_norm(0.4),
    "lp:1e-05,p=6": 1e-5 * alpha_norm(),
    "lp:0.30000000000000004,p=4,mean=0.25": (0.1 + 0.2) * alpha_norm(4, 0.25),
    "tv:0.05,l2:3": 0.05 * total_variation() + 3 * squared_norm(),
}
OTHERS = {
    "decay:0.3": Decay(0.3), "decay:0.3,mean=0.4": Decay(0.3, 0.4), "blur:0.5": Blur(0.5),
    "blur:1.5,every=1": Blur(1.5, 1), "clip-norm:50": ClipNorm(50), "clip-contribution:90": ClipContribution(90),
    "fade": Fade(), "fade:0.04": Fade(0.04), "spectrum:1.65": Falling(1.65), "colours:rgb": Colours("rgb"),
}  # fmt: skip
MOVES = {
    "jitter:16": Roll(16), "shift:0.07": Moved(0.07, 0, 0), "scale:0.9-1.1": Moved(0, (0.9, 1.1), 0),
    "scale:0.1": Moved(0, 0.1, 0), "rotate:5": Moved(0, 0, 5), "crop:0.5-1.2": Cropped(0.5, 1.2, 0),
    "crop:0.5-1.2,rotate=10,noise:0.05": PIECES, "noise:0.1": Noised(0.1),
    "jitter:3,rotate:5": Several((Roll(3), Moved(0, 0, 5))),
    "shift:0.25,scale:0.8-1.5,rotate:90": Moved(0.25, (0.8, 1.5), 90),
    "rotate:5,jitter:3,rotate:6": Several((Moved(0, 0, 5), Roll(3), Moved(0, 0, 6))),
}  # fmt: skip


@pytest.fixture
def images():
    return torch.rand(3, 3, 20, 24, dtype=torch.float64, generator=generator(3))


@pytest.mark.parametrize("text", COSTS)
def test_a_cost_is_read_as_what_python_writes_and_written_as_it_was_read(text, images):
    read = sum((each.score({IMAGES: images}) for each in priors_of(text, ())), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(read, COSTS[text].score({IMAGES: images}), rtol=1e-14, atol=0)
    assert spec_of(COSTS[text]) == text
    assert ",".join(map(spec_of, priors_of(text, ()))) == text


@pytest.mark.parametrize("text", OTHERS)
def test_other_priors_are_read_and_written_alike(text):
    assert priors_of(text, ()) == (OTHERS[text],)
    assert spec_of(OTHERS[text]) == text


@pytest.mark.parametrize("text", MOVES)
def test_transforms_are_read_and_written_alike(text, images):
    assert transform_of(text, None) == MOVES[text]
    assert spec_of(MOVES[text]) == text
    assert torch.equal(transform_of(text, None)(images, generator(5)), MOVES[text](images, generator(5)))


def test_each_names_its_own_with_its_usual_values():
    assert transform_of("shift,scale,rotate", None) == ROBUST
    assert transform_of("noise", None) == Noised()
    assert transform_of("crop,rotate=10", None) == Cropped()
    assert priors_of("blur:2", ()) == (Blur(2, 4),)
    assert priors_of("blur:sigma=2,every=3", ()) == (Blur(2, 3),)
    assert priors_of(["clip_norm:20", " fade "], ()) == (ClipNorm(20), Fade())


def test_a_range_of_scales_is_even_between_its_ends():
    """A bright dot's distance from the middle, over what it was: the scale that was drawn."""
    dot = torch.zeros(1, 1, 101, 141, dtype=torch.float64)
    y, x = torch.arange(101)[:, None] - 50.0, torch.arange(141)[None] - 100.0
    dot = 0.5 + torch.exp(-(y**2 + x**2) / 8)[None, None]
    moved = Moved(0, (0.8, 1.5), 0)(dot.expand(400, -1, -1, -1), generator(1))[:, 0] - 0.5
    scales = (moved.sum(1) * (torch.arange(141) - 70.0)).sum(1) / moved.sum((1, 2)) / 30
    assert 0.79 < scales.min() < 0.82
    assert 1.48 < scales.max() < 1.51
    assert scales.mean().item() == pytest.approx(1.15, abs=0.03)


def test_none_is_nothing_and_usual_is_what_is_done_without_asking():
    usual = usual_settings("fourier")
    assert transform_of("none", PIECES) is None
    assert priors_of("none", usual.priors) == ()
    assert usual.override("usual", "usual").transform == usual.transform == PIECES
    assert usual.override("usual", "usual").priors == usual.priors == (Fade(),)
    assert usual.override("usual,spectrum:1").priors == (Fade(), Falling(1))
    assert transform_of("jitter:3,usual", PIECES) == Several((Roll(3), *PIECES.transforms))


@pytest.mark.parametrize(
    ("what", "text", "error", "sentence"),
    [
        ("priors", "tvv:1", LookupError, r"there is no prior 'tvv'; near it: tv; the priors are tv, l2, lp, decay, "),
        ("transforms", "jiter:1", LookupError, r"there is no transform 'jiter'; near it: jitter; the transforms are "),
        ("priors", "tv", ValueError, "tv needs its weight: tv:WEIGHT"),
        ("priors", "tv:much", ValueError, "prior 'tv:much': it takes a number, not 'much'"),
        ("priors", "tv:-1", ValueError, "a weight is a number of at least 0, not -1.0"),
        ("priors", "tv:nan", ValueError, "a weight is a number of at least 0, not nan"),
        ("priors", "tv:1,gamma=3", LookupError, "tv has no option 'gamma'; it takes weight, beta"),
        ("priors", "tv:1,beta=0.5", ValueError, "beta is at least 1, not 0.5"),
        ("priors", "tv:1,beta=2,beta=3", ValueError, "tv is given beta twice"),
        ("priors", "lp:1,p=0", ValueError, "p is a number above 0, not 0.0"),
        ("priors", "decay:3", ValueError, "a decay is from 0 to 1, not 3.0"),
        ("priors", "clip-norm:120", ValueError, "a percentile is from 0 to 100, not 120.0"),
        ("priors", "blur:0", ValueError, "a blur's sigma is a number above 0, not 0.0"),
        ("priors", "blur:1,every=0", ValueError, "every is at least 1, not 0"),
        ("priors", "fade:2", ValueError, "a fade is from 0 to 1, not 2.0"),
        ("priors", "colours:grey", ValueError, "colours are decorrelated or rgb, not 'grey'"),
        ("priors", "none,tv:1", ValueError, "'none' stands alone, and other priors are given with it"),
        ("priors", "", ValueError, "no prior was named; write 'none' for none"),
        ("priors", [], ValueError, "no prior was named"),
        ("priors", 3, TypeError, "a prior is a text such as 'tv:0.05', or the object, not 3"),
        ("priors", "python:mine", ValueError, "the prior mine is Python code, which a text does not hold"),
        ("transforms", "jitter", ValueError, "jitter needs its pixels: jitter:PIXELS"),
        ("transforms", "jitter:1.5", ValueError, "it takes a whole number, not '1.5'"),
        ("transforms", "jitter:-1", ValueError, "it takes a whole number, not '-1'"),
        ("transforms", "scale:1.1-0.9", ValueError, "a scale goes from a smaller number to a larger one"),
        ("transforms", "scale:1.1", ValueError, "a scale is a range such as 0.9-1.1, or 0.1 for 1 ± 0.1, not 1.1"),
        ("transforms", "crop:0.5", ValueError, "it takes a range such as 0.9-1.1, not '0.5'"),
        ("transforms", "crop:0-1", ValueError, "a crop is a number above 0, not 0.0"),
        ("transforms", "noise:-1", ValueError, "noise is a number of at least 0, not -1.0"),
        ("transforms", "none,none", ValueError, "'none' stands alone"),
        ("transforms", [Roll(2), 7], TypeError, "a transform is a text such as 'jitter:16', or the object, not 7"),
    ],
)
def test_what_can_not_be_is_one_sentence(network, what, text, error, sentence):
    with pytest.raises(error, match=sentence) as refused:
        ph.synthesize(network, "3:1", steps=1, space="pixels", **{what: text})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("space", "prior", "sentence"),
    [
        ("fourier", "blur:1", r"the prior blur:1 changes pixels after each step, and a spectrum is optimised here"),
        ("cppn", Decay(0.1), r"the prior decay:0.1 changes pixels after each step, and a function of the place is"),
        ("pixels", "fade", r"the prior fade is one of a spectrum \(fourier\), and pixels are optimised here"),
        (
            "cppn",
            "spectrum:1",
            r"the prior spectrum:1 is one of a spectrum \(fourier\), and a function of the place is",
        ),
    ],
)
def test_a_prior_that_the_image_can_not_have_is_refused(network, space, prior, sentence):
    with pytest.raises(ValueError, match=sentence):
        ph.synthesize(network, "3:1", steps=1, space=space, priors=prior)


def test_transforms_that_are_switched_off_and_given_are_refused(network):
    photo = torch.zeros(1, 3, 24, 24, dtype=torch.float64)
    for make in (
        lambda **options: ph.synthesize(network, "3:1", **options),
        lambda **options: ph.starts(network, "3:1", **options),
        lambda **options: ph.caricature(network, photo, "3", **options),
    ):
        with pytest.raises(ValueError, match="robust is switched off, which is transforms='none', and transforms are"):
            make(robust=False, transforms="jitter:3")


# ---- what happens


@pytest.mark.parametrize("space", ["fourier", "pixels", "cppn"])
def test_usual_is_the_default_bit_for_bit_and_none_is_not_robust(network, space):
    make = lambda **options: ph.synthesize(network, "3:1", steps=3, space=space, **options)  # noqa: E731
    assert torch.equal(make().images, make(priors="usual", transforms="usual").images)
    assert torch.equal(make(robust=False).images, make(transforms="none").images)
    spelled = {"fourier": "fade:0.04,spectrum:1.65,colours:decorrelated", "pixels": "none", "cppn": "none"}[space]
    seen = "none" if space == "cppn" else "crop:0.5-1.2,rotate=10,noise:0.05"
    assert torch.equal(make().images, make(priors=spelled, transforms=seen).images)


def test_named_priors_of_pixels_are_those_of_the_engine(network):
    named = ph.synthesize(
        network, "3:1", steps=6, space="pixels", priors="tv:0.3,decay:0.1,blur:0.5,every=2", transforms="jitter:3"
    )
    image = Pixels(noise(1, (24, 24), generator=generator(0)))
    asked = unit(network, "3:1", (24, 24))
    moments = list(
        ascend(network, asked - 0.3 * total_variation(), image, steps=6, transform=Roll(3), optimiser=adam(0.02),
               priors=[Decay(0.1), Blur(0.5, 2)], seed=0)
    )  # fmt: skip
    assert torch.equal(named.images, image().detach())
    torch.testing.assert_close(named.history, torch.stack([moment.parts[asked.name] for moment in moments]))
    assert named.objective == asked.name
    assert "priors tv:0.3,decay:0.1,blur:0.5,every=2" in named.how
    assert "seen under jitter:3" in named.how


def test_the_ways_of_a_spectrum_are_those_of_its_image(network):
    named = ph.synthesize(network, "3:1", steps=3, priors="spectrum:0.5,colours:rgb", transforms="none", rate=0.0)
    image = Fourier(1, (24, 24), decay=0.5, decorrelated=False, generator=generator(0)).double()
    torch.testing.assert_close(named.images, image().detach(), rtol=0, atol=1e-6)
    assert "Fourier image in red, green and blue, seen as it is, priors spectrum:0.5,colours:rgb" in named.how


def test_without_fading_a_spectrum_stays_where_nothing_moves_it(network):
    """At a rate of 0 in what the gradient adds, only the fade is left: each step takes its share of the spectrum."""
    from phosphene.synthesis.engine.objectives import objective

    nothing = objective("nothing", IMAGES, lambda images: (images * 0).flatten(1).sum(1))
    for text, left in (("none", 1.0), ("fade:0.25", 0.75**4)):
        settings = usual_settings("fourier").override(text)
        image = settings.spectrum(1, (24, 24), 0)
        before = image.spectrum.detach().clone()
        for _ in ascend(network, nothing, image, steps=4, optimiser=settings.optimiser(0.01)):
            pass
        torch.testing.assert_close(image.spectrum.detach(), left * before.to(image.spectrum), rtol=1e-5, atol=1e-9)


def test_it_goes_on_from_a_start_with_the_spectrum_that_is_asked(network):
    first = ph.synthesize(network, "3:1", steps=3)
    later = ph.synthesize(network, "3:1", steps=1, start=first.images, rate=0.0, priors="spectrum:1,colours:rgb")
    torch.testing.assert_close(later.images, first.images, rtol=0, atol=1e-5)


def test_pictures_are_made_again_from_texts_and_from_objects(tmp_path):
    network = ph.load()
    options = {"steps": 1, "size": 32, "space": "pixels"}
    for number, (priors, transforms, account) in enumerate([
        ("tv:0.5,blur:0.5", ["jitter:4", "noise"], ("tv:0.5,blur:0.5", ["jitter:4", "noise"])),
        ([0.5 * total_variation(), Blur(0.5)], Roll(4), (["tv:0.5", "blur:0.5"], "jitter:4")),
        ("none", "none", ("none", "none")),
    ]):  # fmt: skip
        found = ph.synthesize(network, "blocks.0.0:3", priors=priors, transforms=transforms, **options)
        assert (found.made["options"]["priors"], found.made["options"]["transforms"]) == account
        path = found.save(tmp_path / f"{number}.png")
        assert ph.again(path).save(tmp_path / "again.png").read_bytes() == path.read_bytes()


def test_a_function_of_ones_own_is_used_and_its_picture_says_that_it_needs_python(tmp_path):
    network = ph.load()

    def mirrored(images, generator):
        return images.flip(-1)

    found = ph.synthesize(network, "blocks.0.0:3", steps=1, size=48, transforms=["noise:0", mirrored])
    plain = ph.synthesize(network, "blocks.0.0:3", steps=1, size=48, transforms="none")
    assert not torch.equal(found.images, plain.images)
    path = found.save(tmp_path / "own.png")
    with pytest.raises(ValueError, match=r"the transform .*mirrored is Python code, which a text does not hold"):
        ph.again(path)


@pytest.mark.parametrize("make", [
    lambda network, **options: ph.starts(network, "3:1", random=1, steps=2, **options),
    lambda network, **options: ph.unit_image(network, "3:1", images=2, steps=2, **options),
    lambda network, **options: ph.diverse(network, "3:1", images=2, steps=2, **options),
    lambda network, **options: ph.side_by_side([network, network], "logits:goose", images=1, steps=2, **options),
    lambda network, **options: ph.class_image(network, "goose", steps=2, **options),
    lambda network, **options: ph.quantities(network, "3:1", "goose", steps=2, **options),
])  # fmt: skip
def test_other_instruments_take_both_and_usual_is_their_default(network, make):
    usual = make(network)
    assert torch.equal(make(network, priors="usual", transforms="usual").images, usual.images)
    for options in ({"priors": "none"}, {"priors": "usual,tv:50"}, {"transforms": "jitter:3"}):
        other = make(network, **options)
        assert not torch.equal(other.images, usual.images), options
        assert next(iter(options.values())).removeprefix("usual,") in other.how
        assert torch.isfinite(other.images).all()


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_under_its_usual_settings_is_itself(network, recipe):
    same = ph.class_image(network, "goose", recipe=recipe, steps=3, priors="usual", transforms="usual")
    own = ph.class_image(network, "goose", recipe=recipe, steps=3)
    assert torch.equal(same.images, own.images)
    assert own.heading == f"goose, by recipe {recipe}"
    assert same.heading == f"goose, by recipe {recipe}, changed"


def test_a_caricature_is_seen_under_what_is_asked(network):
    photo = torch.rand(1, 3, 24, 24, dtype=torch.float64, generator=generator(1))
    photo = network.normalise(photo)
    plain, usual, asked = (
        ph.caricature(network, photo, "3", steps=3, **options)
        for options in ({"robust": False}, {"transforms": "usual"}, {"transforms": "noise:0.2"})
    )
    assert torch.equal(ph.caricature(network, photo, "3", steps=3).images, usual.images)
    assert torch.equal(ph.caricature(network, photo, "3", steps=3, transforms="none").images, plain.images)
    assert not torch.equal(asked.images, usual.images)
    assert "seen under noise:0.2" in asked.how


# ---- the page


def test_the_page_lists_every_prior_and_transform_with_its_options():
    page = Path(__file__).parents[2].joinpath("docs/methods/synthesize.md").read_text(encoding="utf-8")
    listed = {}
    for name, rest in re.findall(r"^\| `([a-z-]+[0-9]?)(?::[A-Z]+)?` \|(.*)$", page, re.MULTILINE):
        listed[name] = set(re.findall(r"`(\w+)=", rest))
    assert set(listed) == PRIORS.keys() | TRANSFORMS.keys()
    for name, entry in (*PRIORS.items(), *TRANSFORMS.items()):
        assert listed[name] == set(list(entry.reads)[1:]), name
        assert (f"`{name}:" in page) >= entry.needs
