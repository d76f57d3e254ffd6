"""What a view leaves behind when another one is chosen, and answers that come too late."""

import re

import pytest

COUNTING = """
window.listening = [];
const add = EventTarget.prototype.addEventListener, remove = EventTarget.prototype.removeEventListener;
const whole = (target) => target === window || target === document;
EventTarget.prototype.addEventListener = function (type, run, how) {
  if (whole(this)) window.listening.push({ type, run, signal: how?.signal });
  return add.call(this, type, run, how);
};
EventTarget.prototype.removeEventListener = function (type, run, how) {
  if (whole(this)) window.listening = window.listening.filter((each) => each.type !== type || each.run !== run);
  return remove.call(this, type, run, how);
};
"""
ALIVE = "window.listening.filter((each) => !each.signal?.aborted).map((each) => each.type).sort().join(' ')"
THERE = {
    "look": ".tiles-canvas",
    "why": ".why-figures .figure",
    "map": ".map-canvas",
    "dream": ".options .option",
    "compare": ".side .tiles-canvas",
}


def test_a_view_that_is_left_listens_to_nothing(page):
    page.add_init_script(COUNTING)
    page.goto("/look?layer=blocks.3&show=volumes")
    page.wait_for_selector(".volumes-canvas")
    alive = []
    for _ in range(2):
        for number, view in enumerate(THERE, 1):
            page.locator("main").focus()
            page.keyboard.press(str(number))
            page.wait_for_selector(THERE[view])
        alive.append(page.evaluate(ALIVE))
    assert alive[0] == alive[1]
    assert "themechange" in alive[0]  # of Compare's grids, which are shown


def test_a_late_answer_to_an_earlier_search_is_not_shown(page):
    page.goto("/look?layer=conv_stem")
    page.wait_for_selector(".picker-image")
    held = []
    page.route("**/api/images?*search=ca", lambda route: held.append(route))
    search = page.get_by_label("Search the images by name")
    search.fill("ca")
    page.wait_for_timeout(100)
    search.fill("coins")
    page.until("[...document.querySelectorAll('.picker-image')].every((each) => each.title.includes('coins'))")
    assert held
    for route in held:
        route.fulfill(json={"images": ["sample/cat.jpg"], "total": 1, "next": None})
    page.wait_for_timeout(200)
    titles = page.locator(".picker-image").evaluate_all("images => images.map(image => image.title)")
    assert titles
    assert all("coins" in title for title in titles)


def test_images_that_cannot_be_listed_are_asked_for_again(page):
    page.route("**/api/images?*", lambda route: route.fulfill(status=503, json={"error": "too busy"}), times=1)
    page.goto("/look?image=sample/cat.jpg&layer=conv_stem")
    page.locator(".picker .refused button").click()
    page.wait_for_selector(".picker-image")
    page.watched.faults = [fault for fault in page.watched.faults if "503" not in fault]


def test_of_two_images_that_are_dropped_the_last_one_stays(page):
    page.goto("/look?image=sample/cat.jpg&layer=conv_stem")
    page.wait_for_selector(".tiles-canvas")
    held = []

    def take(route):
        if not held:
            held.append(route)
        else:
            route.fulfill(status=201, json={"image": "sample/coffee.jpg"})

    page.route("**/api/images", take)
    for name in ("first", "second"):
        page.locator(".picker input[type=file]").set_input_files(
            {"name": f"{name}.png", "mimeType": "image/png", "buffer": b"any"}
        )
    page.wait_for_url("**image=sample/coffee.jpg**")
    held[0].fulfill(status=201, json={"image": "sample/cat.jpg"})
    page.wait_for_timeout(200)
    assert "image=sample/coffee.jpg" in page.url


def test_the_name_of_the_page_leads_to_its_start_in_the_same_colours(page):
    page.goto("/why?theme=dark&image=sample/cat.jpg&methods=grad-cam")
    page.wait_for_selector(".why-figures .figure-body svg")
    page.locator(".brand").click()
    page.wait_for_url("**/look?theme=dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("path", ["layers", "answer"])
def test_a_side_of_compare_that_failed_is_whole_after_another_try(page, path):
    asked = re.compile(f"/api/{path}.network=torchvision")
    page.route(asked, lambda route: route.fulfill(status=503, json={"error": "busy"}), times=1)
    page.goto("/compare?image=sample/cat.jpg")
    page.locator(".side .refused button").click()
    page.until("document.querySelectorAll('.side .tiles-canvas').length === 2")
    page.until("document.querySelectorAll('.side .answer .bar-name:not(:empty)').length === 10")
    page.watched.faults = [fault for fault in page.watched.faults if "503" not in fault]
