"""Dream: a form for every recipe, with a field for every parameter; work that forms, stops and goes on."""

import json

import pytest

SELECTORS = {  # of what stands for a field, by its role; the others are written or picked from a list
    "network": "p",
    "networks": "input[type=checkbox]",
    "images": "p",
    "photo": ".photos-field button, p",
    "photos": ".photos-field button",
    "image set": ".photos-field button",
    "folder": "p",
}
SEVERAL = ("target", "labels", "layers")


@pytest.fixture
def asked(page):
    """The options of the job that pressing Start would begin; nothing is computed."""

    def options():
        with page.expect_request("**/api/jobs") as request:
            page.locator("button.primary:not([disabled])").click()
        page.until("document.querySelector('.work .refused')?.textContent.includes('not now')")
        return json.loads(request.value.post_data)["options"]

    page.route("**/api/jobs", lambda route: route.fulfill(status=422, json={"error": "not now"}))
    yield options
    page.watched.faults = [fault for fault in page.watched.faults if "422" not in fault]


def test_a_dream_forms_stops_and_is_kept(page):
    page.goto("/dream?instrument=class-image&label=goose&steps=200&size=96")
    page.locator("button.primary:not([disabled])").click()
    page.wait_for_selector(".work-frame:not([hidden])", timeout=60_000)
    page.get_by_role("button", name="Stop and keep").click()
    page.wait_for_selector(".work .figure-body svg", timeout=60_000)
    assert "stopped after" in page.locator(".work figcaption").inner_text()


def test_a_wrong_option_of_a_dream_is_refused_in_a_sentence(page):
    page.goto("/dream?instrument=synthesize&target=blocks.99:1&steps=4")
    page.locator("button.primary:not([disabled])").click()
    page.wait_for_selector(".work .refused", timeout=60_000)
    assert "'blocks.99' is not in efficientnet_lite0" in page.locator(".work .refused").inner_text()


def test_every_parameter_of_every_recipe_has_a_field(page):
    page.goto("/dream")
    page.wait_for_selector("#recipe option", state="attached")
    names = page.locator("#recipe option").evaluate_all("options => options.map(option => option.value)")
    forms = json.loads(page.evaluate("fetch('/api/forms').then(answer => answer.text())"))["instruments"]
    groups = page.locator("#recipe optgroup").evaluate_all("groups => groups.map(group => group.label)")
    films = {form["name"]: form for form in forms if form["films"]}
    assert sorted(name for name, form in films.items() if form["group"] in groups) == sorted(names)
    others = {form["group"] for form in films.values()} - set(groups)
    assert others == {"Explain an answer"}  # whose films Why shows
    for name in names:
        page.locator("#recipe").select_option(name)
        page.wait_for_selector(f"[id^='option-{name}-']", state="attached")
        shown = page.locator(".options .option").evaluate_all("fields => fields.map(field => field.dataset.field)")
        fields = {field["name"]: field for field in films[name]["fields"]}
        assert sorted(shown) == sorted(fields), name
        for field in fields.values():
            usual = ".rows input" if field["several"] and field["role"] in SEVERAL else "input, select"
            selector = SELECTORS.get(field["role"], usual)
            control = page.locator(f"[data-field='{field['name']}']").locator(selector).first
            assert control.count() == 1, (name, field)


def test_a_recipe_of_two_photos_asks_for_both(page, asked):
    page.goto("/dream?instrument=style&image=sample/cat.jpg")
    page.wait_for_selector(".photos-field")
    assert page.locator(".dream-image h2").inner_text() == "Content"
    page.locator("[data-field=style]").get_by_role("button", name="Choose a photo").click()
    page.locator("dialog").get_by_role("option", name="sample/coffee.jpg").click()
    page.wait_for_url("**style=sample/coffee.jpg**")
    page.until("!document.querySelector('dialog')")
    options = asked()
    assert (options["content"], options["style"]) == ("sample/cat.jpg", "sample/coffee.jpg")
    page.reload()  # the address brings it back
    page.wait_for_selector("[data-field=style] img[alt='sample/coffee.jpg']")


def test_a_list_of_layers_is_one_a_row(page, asked):
    page.goto("/dream?instrument=inversions&image=sample/cat.jpg")
    layers = page.locator("[data-field=layers]")
    page.locator(".more-options summary").click()
    layers.locator("input").fill("blocks.1")
    layers.get_by_role("button", name="Add another").click()
    layers.locator("input").last.fill("blocks.3")
    layers.locator("input").last.press("Enter")
    page.wait_for_url("**layers=blocks.1%0Ablocks.3**")
    assert asked()["layers"] == ["blocks.1", "blocks.3"]
    suggested = page.locator("#layer-names option").evaluate_all("options => options.map(option => option.value)")
    assert "blocks.3" in suggested
    page.reload()
    page.until("document.querySelectorAll('[data-field=layers] input').length === 2")
    layers.get_by_role("button", name="Remove").click()
    assert asked()["layers"] == ["blocks.1"]


def test_photos_and_folders_have_what_the_microscope_has(page, asked):
    page.goto("/dream?instrument=facets")
    page.wait_for_selector(".photos-field")
    assert asked()["photos"] == ["folder/"]
    page.get_by_role("button", name="Choose photos").click()
    for name in ("sample/cat.jpg", "sample/coffee.jpg"):
        page.locator("dialog").get_by_role("option", name=name, exact=True).click()
    page.get_by_role("button", name="Done").click()
    assert asked()["photos"] == ["sample/cat.jpg", "sample/coffee.jpg"]
    page.goto("/dream?instrument=robustness")
    page.until("document.querySelector('[data-field=folder]')?.textContent.includes('images')")
    assert asked()["folder"] == "folder/"


def test_two_networks_are_asked_together(page, asked):
    page.goto("/dream?instrument=side-by-side")
    page.wait_for_selector("[data-field=networks] input")
    assert asked()["networks"] == ["efficientnet_lite0", "torchvision:resnet18@none"]
    page.locator("[data-field=networks] input").first.uncheck()
    assert asked()["networks"] == ["torchvision:resnet18@none"]


def test_the_browsers_back_brings_a_forms_values_back(page):
    page.goto("/dream?instrument=synthesize&target=blocks.1:3&steps=6")
    page.wait_for_selector(".options")
    page.evaluate("history.pushState(null, '', '/dream?instrument=synthesize&target=blocks.2:1')")
    page.evaluate("dispatchEvent(new Event('popstate'))")
    page.until("document.querySelector('[data-field=target] input').value === 'blocks.2:1'")
    page.go_back()
    page.until("document.querySelector('[data-field=target] input').value === 'blocks.1:3'")
    page.until("document.querySelector('[data-field=steps] input').value === '6'")


def test_a_synthesis_goes_on_from_where_it_ended(page):
    page.goto("/dream?instrument=synthesize&target=blocks.1:3&steps=6&size=64")
    page.locator("button.primary:not([disabled])").click()
    page.wait_for_selector(".work .figure-body svg", timeout=60_000)
    with page.expect_request("**/api/jobs") as asked:
        page.get_by_role("button", name="Go on from here").click()
    assert json.loads(asked.value.post_data)["options"]["start"].startswith("job/")
    page.wait_for_selector(".work-running[hidden]", state="attached", timeout=60_000)
    page.wait_for_selector(".work .figure-body svg", timeout=60_000)
