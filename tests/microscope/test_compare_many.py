"""Compare on the whole folder: how alike the layers are, where the networks agree, and failing networks among them."""

import json

import phosphene as ph

OTHER = "torchvision:resnet18@none"
LAYERS, LAYERS_B = ["blocks.1", "blocks.3"], ["layer1", "layer3"]


def fewer(page, instrument, **options):
    """Has the page ask for less work than is usual."""

    def shorter(route):
        asked = json.loads(route.request.post_data)
        assert asked["instrument"] == instrument
        route.continue_(post_data=json.dumps(asked | {"options": asked["options"] | options}))

    page.route("**/api/jobs", shorter)


def question(page, title):
    return page.get_by_role("region", name=title)


def test_a_cell_of_similar_layers_opens_both_side_by_side(page, served, pictures):
    fewer(page, "similarity", limit="8", layers=LAYERS, layers_b=LAYERS_B)
    page.goto(f"/compare?on=folder&other={OTHER}&image=sample/cat.jpg")
    alike = question(page, "How alike are their layers?")
    alike.get_by_role("button", name="Start").click()
    page.wait_for_selector("image.cells", timeout=60_000)
    a, b = (served.microscope.library.networks.open(name) for name in (None, OTHER))
    values = ph.similarity(a, b, pictures, layers=LAYERS, layers_b=LAYERS_B, limit=8).values
    cells = alike.locator("image.cells")
    cells.scroll_into_view_if_needed()
    box = cells.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.8 * box["height"])
    pointed = alike.locator(".cells-pointed").inner_text()
    assert pointed.startswith(f"blocks.3 and layer1: {values[1, 0]:.2f}".replace("-", "−"))
    assert alike.locator("tbody a").all_inner_texts() == LAYERS  # the rows lead there too
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.8 * box["height"])
    headings = "[...document.querySelectorAll('.side h2')].map((each) => each.innerText).join(' ')"
    page.until(f"{headings} === 'blocks.3 layer1'", seconds=40)
    page.go_back()
    page.wait_for_selector("image.cells")  # what was computed still stands


def test_agreement_is_answered_on_the_folder_and_its_classes(page, served):
    fewer(page, "compare-networks", limit="4", batch="4")
    page.goto(f"/compare?on=folder&other={OTHER}")
    agree = question(page, "Where do they agree, and which is right more often?")
    agree.get_by_role("button", name="Start").click()
    agree.locator(".figure-body svg").wait_for(timeout=60_000)
    assert "2 networks on 4 images" in agree.inner_text()
    assert OTHER in agree.inner_text()
