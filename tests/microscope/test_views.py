"""Why and Map: each on its main path."""

import json

import phosphene as ph


def test_why_shows_each_chosen_method_with_its_range(page):
    page.goto("/why?image=sample/cat.jpg&methods=grad-cam,occlusion")
    page.until("document.querySelectorAll('.why-figures .figure-body svg').length === 2", seconds=60)
    titles = page.locator(".why-figures h2").all_inner_texts()
    assert [title.split()[0] for title in titles] == ["Grad-CAM", "Occlusion"]
    assert all("ange" in foot for foot in page.locator(".why-figures figcaption").all_inner_texts())


def test_why_sets_two_classes_against_each_other(page):
    page.goto("/why?image=sample/cat.jpg&methods=grad-cam&target=logits:285&versus=logits:282")
    page.until("document.querySelectorAll('.why-pair .figure-body svg').length === 2")
    heads = page.locator(".why-pair .figure-body").all_inner_texts()
    assert all(name in head for name, head in zip(("Egyptian cat", "tiger cat"), heads, strict=True))
    heights = page.locator(".why-pair text").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().height)"
    )
    assert min(heights) > 9  # pixels on a screen of 1280


def test_a_figure_is_saved_as_a_picture_that_knows_how_it_was_made(page, tmp_path):
    page.goto("/why?image=sample/cat.jpg&methods=grad-cam")
    page.wait_for_selector(".figure-body svg")
    page.locator(".menu summary").first.click()
    with page.expect_download() as download:
        page.get_by_text("Save as PNG").first.click()
    path = tmp_path / "saved.png"
    download.value.save_as(path)
    made = ph.read_made(path)["made"]
    assert made["instrument"] == "grad_cam"
    again = ph.again(path)
    again.save(tmp_path / "again.png")
    saved, remade = (ph.read(file).pixels.astype(int) for file in (path, tmp_path / "again.png"))
    assert saved.shape == remade.shape
    # The same but for rounding: a sum that is rounded otherwise (another number of threads, other work beside it) gives
    # the neighbouring one of the 256 colours, here and there.
    difference = abs(saved - remade).max(-1)
    assert difference.max() <= 8, f"{(difference > 8).sum()} pixels differ, by up to {difference.max()} of 255"
    assert (difference > 0).mean() < 0.01


def fewer(page, **options):
    """Has the page's jobs do less work than is usual."""

    def shorter(route):
        asked = json.loads(route.request.post_data)
        route.continue_(post_data=json.dumps(asked | {"options": asked["options"] | options}))

    page.route("**/api/jobs", shorter)


def test_the_judge_tries_the_methods_on_this_photo(page):
    fewer(page, steps="4")
    page.goto("/why?image=sample/cat.jpg&methods=grad-cam,gradient")
    page.until("document.querySelectorAll('.why-figures .figure-body svg').length === 2")
    page.get_by_role("button", name="Judge them on this photo").click()
    page.wait_for_selector(".why-trial .figure-body svg", timeout=120_000)
    assert "insertion" in page.locator(".why-trial").inner_text().lower()


def test_the_map_shows_neighbours_of_a_clicked_image(page, small_atlas):
    page.goto("/map?atlas=small&chosen=5")
    page.wait_for_selector(".split-side .crops img")
    near = ph.Atlas(small_atlas).neighbours(5, k=8)
    expected = [key for number, key in zip(near.numbers[0], near.keys[0], strict=True) if number != 5]
    shown = page.locator(".split-side .crops button").evaluate_all("buttons => buttons.map(button => button.title)")
    assert shown == expected


APART = """async ([positions, side, chosen]) => {
  const { apart } = await import("/page/js/map/apart.js");
  const points = { count: positions.length / 2, positions: new Float32Array(positions) };
  return [...apart(points, side, new Set(chosen), () => true)];
}"""


def test_photos_of_the_map_do_not_cover_each_other(page):
    page.goto("/map?atlas=small")
    row = [0, 0, 0.6, 0, 1.2, 0, 5, 5, 5, 5.5, -0.7, 0.9]
    assert page.evaluate(APART, [row, 1, []]) == [1, 0, 1, 1, 0, 0]
    assert page.evaluate(APART, [row, 1, [1, 4]]) == [0, 1, 0, 0, 1, 1]  # the chosen ones first
    assert page.evaluate(APART, [row, 0.3, []]) == [1] * 6


def test_a_lasso_asks_which_units_its_images_share(page):
    page.goto("/map?atlas=small")
    page.wait_for_selector(".map-canvas")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Lasso").click()
    box = page.locator(".map-canvas").bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.6), (0.02, 0.6)]
    for number, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**chosen=**")
    page.until("!document.querySelector('.split-side .loading')")
    assert "Units that they share" in page.locator(".split-side").inner_text()


def chosen_of(atlas, label):
    rows = [row for row in atlas.store.images().to_pylist() if row["label"] == label]
    return ",".join(str(row["id"]) for row in rows)


def test_a_shared_unit_opens_in_the_network_that_built_the_atlas(page, small_atlas):
    chosen = chosen_of(ph.Atlas(small_atlas), "coins")
    page.goto(f"/map?atlas=small&network=torchvision:resnet18@none&chosen={chosen}")
    link = page.locator(".split-side table a").first
    link.wait_for()
    unit = link.inner_text()
    link.click()
    page.wait_for_url("**/look?**")
    page.until("unit => document.querySelector('.unit h2')?.textContent === unit", arg=unit)
    assert "network=efficientnet_lite0" in page.url
    assert page.locator("#network").input_value() == "efficientnet_lite0"


def test_units_of_a_network_that_is_not_offered_are_no_links(page, small_atlas):
    other = {"atlas": "small", "network": None, "sweep": ph.Atlas(small_atlas).sweeps()[0].name, "built": "timm:x"}
    page.route("**/api/atlas/network.json?**", lambda route: route.fulfill(json=other))
    page.goto(f"/map?atlas=small&chosen={chosen_of(ph.Atlas(small_atlas), 'coins')}")
    page.wait_for_selector(".split-side table")
    assert page.locator(".split-side table a").count() == 0
    assert "Start it with --network timm:x to open them." in page.locator(".split-side").inner_text()


def test_a_label_is_found_on_the_map(page):
    page.goto("/map?atlas=small")
    page.wait_for_selector(".map-canvas")
    page.get_by_label("Find a label").fill("coins")
    page.wait_for_url("**label=coins**")


def test_without_an_atlas_the_map_says_how_to_make_one(new_page, tmp_path):
    from phosphene.microscope import microscope

    with microscope(open=False, cache=tmp_path) as handle:
        page = new_page(base_url=handle.url)
        page.watched.host = f"127.0.0.1:{handle.port}"
        page.goto("/map")
        page.wait_for_selector(".map-pane .empty")
        assert "phosphene atlas build" in page.locator(".map-pane .empty").inner_text()
        page.goto("about:blank")


def test_rise_gets_surer_while_one_watches(page):
    fewer(page, masks="32", batch="8")
    page.goto("/why?image=sample/coffee.jpg&methods=rise")
    page.until("document.querySelector('.work-running')?.textContent.includes('standard error')", seconds=60)
    page.wait_for_selector(".why-growing .work-frame:not([hidden])", timeout=60_000)
    page.wait_for_selector(".why-growing .figure-body svg", timeout=120_000)
    assert page.locator(".why-growing figcaption").inner_text().startswith("32 masks of 7 × 7 cells")


def test_occlusion_grows_while_one_watches(page):
    page.goto("/why?image=sample/coffee.jpg&methods=occlusion")
    page.wait_for_selector(".why-growing .work-frame:not([hidden])", timeout=60_000)
    page.wait_for_selector(".why-growing .figure-body svg", timeout=120_000)
    assert page.locator(".why-growing figcaption").inner_text().startswith("Window 32 × 32 px")
