"""A unit's patches in the atlas and the signals beside them: as the page shows them, and as a script asks for them."""

import base64
import io

import numpy as np
from microscope_helpers import Client
from PIL import Image

import phosphene as ph

SIGNALS = "document.querySelectorAll('.unit .signal img').length"
QUESTION = {"atlas": "small", "unit": "blocks.3:7", "network": "efficientnet_lite0"}


def test_every_patch_stands_beside_the_signal_that_runs_back_to_it(page, small_atlas):
    page.goto("/look?image=sample/cat.jpg&layer=blocks.3&unit=7")
    page.until(f"{SIGNALS} === 6", seconds=60)
    patches = ph.Atlas(small_atlas).patches("blocks.3:7")
    pairs = page.locator(".unit .pairs li")
    assert pairs.count() == len(patches) == 6
    titles = pairs.locator("a").evaluate_all("links => links.map(link => link.title)")
    assert titles == [f"{patch.image}: look at the whole photo" for patch in patches]
    page.until("document.querySelector('.unit .part p[role=status]').textContent.includes('guided backprop')")
    page.goto("/look?image=sample/cat.jpg&layer=blocks.3&unit=7")
    page.until(f"{SIGNALS} === 6", seconds=5)  # from the disk


def test_a_unit_that_is_left_takes_its_question_along(page):
    page.route("**/projection.json?*unit=blocks.3:20&*", lambda route: None)  # is never answered
    with page.expect_request("**/projection.json?*"):
        page.goto("/look?image=sample/cat.jpg&layer=blocks.3&unit=20")
    with page.expect_event("requestfailed") as given_up:
        page.locator(".tiles").press("ArrowRight")
    assert "unit=blocks.3:20" in given_up.value.url


def test_a_script_gets_the_signal_that_the_units_sheet_draws(served, small_atlas):
    answer = Client(served).get("/api/atlas/projection.json", rank=1, **QUESTION).json()
    patches = ph.Atlas(small_atlas, ph.load()).patches("blocks.3:7", projection=True)
    pattern = patches.patterns[1]
    assert answer["method"] == patches.method == "guided backprop"
    assert np.isclose(answer["value"], pattern.value, rtol=1e-4)
    magnitude = np.percentile(pattern.signal.abs().numpy(), 99.5)
    assert np.allclose(answer["range"], [-magnitude, magnitude], rtol=1e-3)
    image = Image.open(io.BytesIO(base64.b64decode(answer["image"].partition(",")[2])))
    assert max(image.size) <= 160
    wide, high = patches[1].pixels().pil().size
    assert abs(image.width / image.height - wide / high) < 0.02


def test_another_network_is_refused_and_so_is_a_rank_beyond_the_last(served):
    client = Client(served)
    other = client.get("/api/atlas/projection.json", **{**QUESTION, "network": "torchvision:resnet18@none"})
    assert other.status == 422
    assert other.sentence.startswith("the atlas was built with efficientnet_lite0, not with the weights of torchvision")
    beyond = client.get("/api/atlas/projection.json", rank=6, **QUESTION)
    assert beyond.status == 404
    assert beyond.sentence == "blocks.3:7 has 6 patches in this atlas, no number 6"
