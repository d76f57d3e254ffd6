"""What a unit would like to see, in the unit's column: the choice is in the address, and has an address of its own."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from microscope_helpers import Client

LOOK = "/look?image=sample/cat.jpg&layer=conv_stem&unit=7"
KINDS = {"One": ("one", "synthesize"), "Four that differ": ("four", "diverse"), "Facets": ("facets", "facets")}


@pytest.fixture
def quick(page):
    """The page, whose syntheses take three steps at 48 pixels."""

    def shorter(route):
        asked = json.loads(route.request.post_data)
        asked["options"] |= {"steps": "3", "size": "48"}
        route.continue_(post_data=json.dumps(asked))

    page.route("**/api/jobs", shorter)
    return page


@pytest.mark.parametrize("words", KINDS)
def test_each_kind_forms_and_is_in_the_address(quick, words):
    page, (kind, instrument) = quick, KINDS[words]
    page.goto(LOOK)
    with page.expect_request("**/api/jobs") as asked:
        page.get_by_role("button", name=words, exact=True).click()
    options = json.loads(asked.value.post_data)
    assert options["instrument"] == instrument
    assert options["options"]["target"] == "conv_stem:7"
    if kind == "facets":  # the atlas has six photos of the unit, too few to be grouped
        assert options["options"]["photos"] == ["folder/"]
    page.wait_for_url(f"**see={kind}**")
    page.wait_for_selector(".synthesis .figure-body svg", timeout=60_000)
    assert page.locator(".synthesis [aria-pressed=true]").inner_text() == words
    page.locator(".synthesis .menu summary").click()
    page.get_by_text("Copy as command").wait_for()
    address = urlsplit(page.locator(".synthesis .menu a").first.get_attribute("href"))
    assert address.path == f"/api/run/{instrument}.png"  # which no job has to be remembered for
    assert parse_qs(address.query)["target"] == ["conv_stem:7"]
    page.get_by_role("button", name="Show it larger").click()
    large, small = (page.locator(f"{place} svg").bounding_box() for place in ("dialog", ".synthesis .figure-body"))
    assert large["width"] > 2 * small["width"]
    page.keyboard.press("Escape")
    page.until("!document.querySelector('dialog')")


def test_facets_without_photos_say_what_they_need(page):
    page.route("**/session", lambda route: route.fulfill(json=route.fetch().json() | {"folder": 0}))
    page.goto(f"{LOOK}&see=facets")
    page.wait_for_selector(".synthesis .refused")
    sentence = page.locator(".synthesis .refused").inner_text()
    assert sentence.startswith("The atlas holds 6 images of this unit, but 8 are needed. Facets need photos: start")


def test_another_unit_ends_it_and_the_browsers_back_brings_it_again(quick):
    page = quick
    page.goto(f"{LOOK}&see=one")
    page.wait_for_selector(".synthesis .figure-body svg", timeout=60_000)
    page.locator(".tiles").press("ArrowRight")
    page.until("document.querySelector('.unit h2').textContent === 'conv_stem:8'")
    assert "see=" not in page.url
    assert page.locator(".synthesis [aria-pressed=true]").count() == 0
    page.go_back()
    page.wait_for_selector(".synthesis .figure-body svg", timeout=60_000)


def test_a_page_that_is_left_ends_its_work(page, served):
    page.goto(f"{LOOK}&see=one")
    page.wait_for_selector(".synthesis .work-frame:not([hidden])", timeout=60_000)
    client = Client(served, page.evaluate("sessionStorage.getItem('page')"))
    jobs = client.get("/api/jobs").json()["jobs"]
    (job,) = [each["job"] for each in jobs if each["title"] == "synthesize"]
    page.goto("/api")
    assert client.until(job, "stopped", "done", seconds=5)["state"] == "stopped"  # before the page counts as gone
