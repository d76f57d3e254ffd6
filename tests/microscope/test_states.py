"""Each view in each of its states: nothing moves while it loads, and axe finds nothing, light and dark."""

import pytest

SHIFTS = """window.shifts = 0; new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifts += each.value;
}).observe({ type: "layout-shift", buffered: true });"""
CAT = "image=sample/cat.jpg"
LOADS = {
    f"/look?{CAT}&layer=blocks.3": ".tiles-canvas",
    f"/look?{CAT}&layer=blocks.3&unit=7&atlas=small": ".pairs .signal img",
    f"/look?{CAT}&place=200,140": ".place-layer",
    f"/look?{CAT}&show=volumes": ".volumes-canvas",
    f"/why?{CAT}&methods=grad-cam,gradient": ".why-figures > div:last-child .figure-body svg",
    "/map?atlas=small&chosen=5": ".split-side .crops img",
    "/dream?steps=64": "button.primary:not([disabled])",
    f"/compare?{CAT}&other=torchvision:resnet18@none": ".compare-words li",
    "/compare?on=folder&other=torchvision:resnet18@none": ".question",
    "/look?image=sample/nonesuch.jpg": ".grid-place .refused",
}
SIZES = {"screen": {"width": 1280, "height": 860}, "tablet": {"width": 834, "height": 1112}}


@pytest.mark.parametrize("size", SIZES)
def test_nothing_moves_while_a_view_loads(new_page, size):
    page = new_page(viewport=SIZES[size])
    page.add_init_script(SHIFTS)
    moved = {}
    for address, there in LOADS.items():
        page.goto(address)
        page.wait_for_selector(there)
        page.until("!document.querySelector('.loading')")
        page.wait_for_timeout(250)
        moved[address] = page.evaluate("window.shifts")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    page.watched.faults = [fault for fault in page.watched.faults if "404" not in fault]
    assert {address: round(shift, 3) for address, shift in moved.items() if shift > 0.1} == {}


def test_on_a_tablet_the_map_fills_the_page_and_dreams_stay_in_sight(new_page):
    page = new_page(viewport=SIZES["tablet"])
    page.goto("/map?atlas=small")
    page.wait_for_selector(".map-canvas")
    assert page.locator(".map-canvas").bounding_box()["height"] > 700
    page.goto("/dream?steps=64")  # whose options are longer than the page
    page.wait_for_selector("button.primary:not([disabled])")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    button = page.locator("button.primary").bounding_box()
    assert button["y"] + button["height"] <= 1112


def loading(page):
    page.route("**/api/layers*", lambda route: None)
    page.goto(f"/look?{CAT}")
    page.wait_for_selector(".grid-place .loading")


def refused(page):
    page.goto("/look?image=sample/nonesuch.jpg")
    page.wait_for_selector(".grid-place .refused")


def wrong_unit(page):
    page.goto(f"/look?{CAT}&layer=blocks.3&unit=4242")
    page.wait_for_selector(".unit .refused")


def place(page):
    page.goto(f"/look?{CAT}&place=200,140")
    page.wait_for_selector(".place-layer")


def boxes(page):
    page.goto(f"/look?{CAT}&show=volumes")
    page.wait_for_selector(".volumes-canvas")


def keys(page):
    page.goto(f"/look?{CAT}")
    page.wait_for_selector(".tiles-canvas")
    page.keyboard.press("?")


def find(page):
    page.goto(f"/look?{CAT}")
    page.wait_for_selector(".tiles-canvas")
    page.keyboard.press("/")
    page.wait_for_selector("dialog li")


def against(page):
    page.goto(f"/why?{CAT}&methods=grad-cam&target=logits:285&versus=logits:282")
    page.wait_for_selector(".why-pair > div:last-child .figure-body svg")
    page.locator(".menu summary").first.click()


def neighbours(page):
    page.goto("/map?atlas=small&chosen=5")
    page.wait_for_selector(".split-side .crops img")


def dreamt(page):
    page.goto("/dream?steps=2")
    page.locator("button.primary:not([disabled])").click()
    page.wait_for_selector(".work .figure-body svg")


def gone(page):
    page.goto(f"/look?{CAT}")
    page.wait_for_selector(".tiles-canvas")
    page.evaluate(
        "async () => (await import('/page/js/parts/banner.js')).say('It does not answer.', { lasting: true })"
    )


def on_the_folder(page):
    page.goto("/compare?on=folder&other=torchvision:resnet18@none")
    page.wait_for_selector(".question")
    page.locator(".question summary").first.click()


def what_can_be_asked(page):
    page.goto("/api")


STATES = [
    loading,
    refused,
    wrong_unit,
    place,
    boxes,
    keys,
    find,
    against,
    neighbours,
    dreamt,
    gone,
    on_the_folder,
    what_can_be_asked,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing_in_a_state(page, state):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    state(page)
    page.wait_for_timeout(200)
    page.evaluate(axe.Axe().axe_script if hasattr(axe.Axe(), "axe_script") else axe.AXE_SCRIPT)
    violations = []
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        answer = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        violations += [f"{theme}: {each['help']}: {each['nodes'][0]['html'][:120]}" for each in answer["violations"]]
    page.unroute_all(behavior="ignoreErrors")
    page.watched.faults = [fault for fault in page.watched.faults if "404" not in fault]
    assert violations == []
