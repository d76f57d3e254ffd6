"""Images that keep their start, and the phases that draw on them."""

import pytest
import torch

from phosphene.synthesis.engine.ascent import ascend
from phosphene.synthesis.engine.images.from_start import FromStart
from phosphene.synthesis.engine.images.image import Fourier
from phosphene.synthesis.engine.objectives import IMAGES, objective, unit
from phosphene.synthesis.engine.phases import PHASES, Windowed, in_phases
from phosphene.synthesis.engine.recipes import fading
from phosphene.synthesis.engine.stepping import current_images

SIZE = (24, 24)


def photos(count: int = 2) -> torch.Tensor:
    return 0.1 + 0.8 * torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_it_starts_at_the_images():
    assert torch.allclose(current_images(FromStart(photos()).double()), photos(), atol=1e-6)
    black = current_images(FromStart(torch.zeros(1, 3, 8, 8)))
    assert float(black.max()) == pytest.approx(0.001, rel=1e-3)


def test_what_no_gradient_renews_fades_back_to_the_start(network):
    image = FromStart(photos()).double()
    with torch.no_grad():
        image.spectrum += torch.randn(image.spectrum.shape, generator=torch.Generator().manual_seed(1))
    before = (current_images(image) - photos()).abs().mean()
    nothing = objective("nothing", IMAGES, lambda images: 0 * images.flatten(1).sum(1))
    for _ in ascend(network, nothing, image, steps=120, optimiser=fading(0.02)):
        pass
    assert float((current_images(image) - photos()).abs().mean()) < 0.02 * float(before)


def test_an_ascent_far_from_its_start_still_looks_like_it(network):
    """A spectrum that itself began at the photo is further from it after the same steps."""
    apart = []
    for image in (FromStart(photos()).double(), Fourier.of(photos(), decay=1.65).double()):
        for _ in ascend(network, unit(network, "logits:goose", SIZE), image, steps=40, optimiser=fading(0.05)):
            pass
        apart.append(float((current_images(image) - photos()).square().mean()))
    assert apart[0] < 0.7 * apart[1]


def test_after_settling_the_image_is_the_same_and_the_margin_stays(network):
    image = FromStart(photos()).double()
    asked = unit(network, "logits:goose", SIZE)
    for _ in ascend(network, asked, image, steps=5, optimiser=fading(0.1)):
        pass
    before = current_images(image)
    image.settle(0.25)
    assert torch.allclose(current_images(image), before, atol=1e-9)
    settled = current_images(image)
    for _ in ascend(network, asked, image, steps=5, optimiser=fading(0.1)):
        pass
    changed = (current_images(image) - settled).abs().amax((0, 1))
    assert float(changed[8:16, 8:16].min()) > 0
    changed[6:18, 6:18] = 0
    assert float(changed.max()) == 0


def test_phases_are_counted_through_and_the_third_leaves_the_margin(network):
    assert sum(phase.share for phase in PHASES) == pytest.approx(1)
    image = FromStart(photos()).double()
    moments = list(
        in_phases(network, unit(network, "logits:goose", SIZE), image, steps=74, optimiser=fading(0.05), seed=0)
    )
    assert [moment.step for moment in moments] == list(range(1, 75))
    start, end = moments[68].images, moments[71].images  # phase 3 is steps 69 to 72, its first image what was settled
    changed = (end - start).abs().amax((0, 1))
    border = torch.ones(SIZE, dtype=torch.bool)
    border[5:19, 5:19] = False
    assert float(changed[border].max()) == 0
    assert float(changed[10:14, 10:14].min()) > 0
    assert float((current_images(image) - end).abs().amax((0, 1))[border].max()) > 0  # the last phase draws everywhere


def test_a_window_lies_about_the_middle_and_within_the_image():
    ramp = torch.linspace(0, 1, 60).expand(400, 1, 60, 60)
    still = Windowed(zoom=1.5, spread=0.0, turn=0.0)(ramp, torch.Generator().manual_seed(0))
    assert float(still.amax() - still.amin()) == pytest.approx(1 / 1.5, abs=0.03)
    assert float(still.mean()) == pytest.approx(0.5, abs=1e-3)
    moved = Windowed(zoom=1.5, spread=0.3, turn=0.0)(ramp, torch.Generator().manual_seed(0)).mean((1, 2, 3))
    room = 1 - 1 / 1.5
    assert float(moved.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(moved.std()) == pytest.approx(0.3 * room, rel=0.2)  # some are held back by the border
    assert float((moved - 0.5).abs().max()) <= room / 2 * 60 / 59 + 1e-3
