"""Look: a photo and the answer, layers, units; pointing, choosing, dropping an image; the unit's column."""

import numpy as np
import pytest
from microscope_helpers import Client, encoded

import phosphene as ph


def open_look(page, query="layer=blocks.3"):
    page.goto(f"/look?{query}")
    page.wait_for_selector(".tiles-canvas")


def test_the_answer_is_the_networks(page):
    open_look(page, "image=sample/cat.jpg")
    network = ph.load()
    guesses = network.classify(ph.read("src/phosphene/photos/cat.jpg"), k=5)
    names = page.locator(".answer .bar-name").all_inner_texts()
    assert names == [guess.label for guess in guesses]
    assert page.locator(".answer .bar-number").first.inner_text() == f"{100 * guesses[0].probability:.1f} %"


def test_a_chosen_unit_shows_its_peaks_its_patches_and_its_statistics(page):
    open_look(page, "image=sample/cat.jpg&layer=blocks.3&unit=42")
    page.wait_for_selector(".pairs img")
    assert page.locator(".unit h2").first.inner_text() == "blocks.3:42"
    values = ph.load().maps(ph.read("src/phosphene/photos/cat.jpg"), "blocks.3")[0, 42]
    at = np.unravel_index(int(values.argmax()), values.shape)
    first = page.locator(".crops li").first.inner_text()
    assert f"@{at[0]},{at[1]}" in first.replace("\n", "")
    assert "receptive" not in page.locator(".facts").inner_text()
    assert "147 × 147 px" in page.locator(".facts").inner_text()


def test_pointing_at_a_tile_shows_its_window_on_the_photo(page):
    open_look(page, "image=sample/cat.jpg&layer=blocks.1")
    box = page.locator(".tiles").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.wait_for_selector(".photo-window:not([hidden])")
    assert page.locator(".pointed").inner_text().startswith("blocks.1:0@")


def test_pointing_at_the_photo_names_the_units_that_answer_there(page):
    open_look(page, "image=sample/cat.jpg&layer=blocks.3")
    box = page.locator(".photo").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**place=**")
    page.wait_for_selector(".place-layer")
    network, photo = ph.load(), ph.read("src/phosphene/photos/cat.jpg")
    section = page.locator(".place-layer", has_text="blocks.3.0@").first
    where = section.locator("h3").inner_text()
    expected = ph.strongest(network, photo, where, k=6)
    assert section.locator("a").all_inner_texts() == [str(unit.channel) for unit in expected.units]
    page.reload()  # the address brings the same view
    page.wait_for_selector(".place-layer")


def test_arrow_keys_walk_through_twenty_layers_without_missing_one(page):
    open_look(page, "layer=conv_stem")
    names = page.locator(".strip-layer").evaluate_all("layers => layers.map(layer => layer.dataset.layer)")
    page.locator(".strip-layer[aria-selected=true]").focus()
    seen = ["conv_stem"]
    for _ in range(min(20, len(names) - 1)):
        page.keyboard.press("ArrowRight")
        seen.append(page.locator(".strip-layer[aria-selected=true]").get_attribute("data-layer"))
    assert seen == names[: len(seen)]
    page.until("layer => document.querySelector('.layer-name').textContent === layer", arg=seen[-1])
    page.until("layer => performance.getEntriesByName('grid-drawn').at(-1).detail === layer", arg=seen[-1])


def test_a_layer_is_found_by_its_name(page):
    open_look(page)
    page.locator("main").focus()
    page.keyboard.press("/")
    page.locator("dialog input").fill("blocks.4 depthwise")
    page.locator("dialog input").fill("conv_head")
    page.keyboard.press("Enter")
    page.wait_for_url("**layer=conv_head**")


def test_an_image_is_taken_by_the_file_button_and_looked_at(page, tmp_path):
    open_look(page)
    file = tmp_path / "red.png"
    red = np.zeros((300, 200, 3), np.uint8)
    red[..., 0] = 255
    ph.read(red).pil().save(file)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open …").click()
    chooser.value.set_files(file)
    page.wait_for_url("**image=upload/**")
    page.wait_for_selector(".tiles-canvas")
    expected = ph.load().classify(ph.read(file), k=1)[0].label
    page.until("label => document.querySelector('.answer .bar-name')?.textContent === label", arg=expected)


def test_a_broken_image_is_refused_in_a_sentence_and_nothing_is_lost(page, tmp_path):
    open_look(page, "image=sample/cat.jpg&layer=blocks.3")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photo")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open …").click()
    chooser.value.set_files(tmp_path / "broken.jpg")
    page.until("document.getElementById('banner').textContent.length > 20")
    assert "is cut off" in page.locator("#banner").inner_text()
    assert "sample/cat.jpg" in page.url
    page.watched.faults = [fault for fault in page.watched.faults if "422" not in fault]


def test_another_network_brings_its_own_layers(page):
    open_look(page)
    page.locator("#network").select_option("torchvision:resnet18@none")
    page.wait_for_selector(".strip-layer[data-layer='layer1.0']")
    page.wait_for_selector(".tiles-canvas")


def test_a_unit_that_is_not_there_is_refused(page):
    open_look(page, "layer=blocks.3&unit=80")
    page.wait_for_selector(".unit .refused")
    assert "has units 0 to 79, no 80" in page.locator(".unit .refused").inner_text()


def test_an_image_forms_beside_the_unit_and_stops_when_told(page):
    open_look(page, "layer=blocks.3&unit=7")
    page.get_by_role("button", name="One", exact=True).click()
    page.wait_for_selector(".work-frame:not([hidden])", timeout=60_000)
    page.get_by_role("button", name="Stop and keep").click()
    page.wait_for_selector(".unit .figure figcaption", timeout=60_000)
    assert "stopped after" in page.locator(".unit .figure figcaption").inner_text()


@pytest.mark.parametrize("width", [1280, 820])
def test_the_grid_scrolls_to_its_last_unit(new_page, width):
    page = new_page(viewport={"width": width, "height": 860})
    page.goto("/look?layer=conv_head")
    page.wait_for_selector(".tiles-canvas")
    page.locator(".tiles").press("End")
    page.wait_for_url("**unit=1279**")
    scrolled = page.locator(".tiles").evaluate(
        "tiles => tiles.scrollTop + tiles.clientHeight >= tiles.scrollHeight - 12"
    )
    assert scrolled


@pytest.mark.parametrize("view", ["look?layer=conv_stem&", "why?methods=grad-cam&", "compare?layer=conv_stem&"])
def test_what_was_done_to_a_photo_is_said_below_it(page, served, view):
    clear = np.zeros((80, 90, 4), np.uint8)
    image = Client(served).post("/api/images", encoded(clear)).json()["image"]
    page.goto(f"/{view}image={image}")
    page.wait_for_selector(".photo-view .note:not([hidden])")
    sentence = "When this photo was read: alpha laid over white."
    assert set(page.locator(".photo-view .note:not([hidden])").all_inner_texts()) == {sentence}


def test_how_the_network_sees_its_images_is_said_with_what_was_assumed(page):
    layers = page.request.get("/api/layers").json() | {"notes": ["preprocessing not known, so: as ImageNet"]}
    page.route("**/api/layers?*", lambda route: route.fulfill(json=layers))
    page.route("**/api/layers", lambda route: route.fulfill(json=layers))
    open_look(page)
    about = page.locator(".network-about").inner_text()
    assert about.startswith(f"How efficientnet_lite0 sees an image: {ph.load().preprocessing.describe()}.")
    assert "Preprocessing not known, so: as ImageNet." in about
