"""The page as a whole: its header, views, themes and keys; the browser's back; what it says when the server is gone."""

import re

import pytest

VIEWS = {"look": ".tiles-canvas", "why": ".why-figures .figure-body", "map": ".map-canvas", "dream": "#recipe"}


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_opens_at_its_address_and_is_told_in_the_header(page, view):
    page.goto(f"/{view}")
    page.wait_for_selector(VIEWS[view])
    assert page.locator("#views [aria-current=page]").inner_text().lower() == view
    assert page.title().startswith(view.title())


def test_the_start_is_the_view_look(page):
    page.goto("/")
    page.wait_for_selector(".tiles-canvas")


def test_a_choice_is_taken_back_by_the_browsers_back(page):
    page.goto("/look?layer=blocks.3")
    page.wait_for_selector(".tiles-canvas")
    page.locator(".tiles").press("ArrowRight")
    page.locator(".tiles").press("ArrowRight")
    page.wait_for_url("**unit=1**")
    page.go_back()
    page.wait_for_url("**unit=0**")
    assert "blocks.3:0" in page.locator(".unit h2").inner_text()


def test_keys_change_views_themes_and_order(page):
    page.goto("/look?layer=blocks.3")
    page.wait_for_selector(".tiles-canvas")
    page.locator("main").focus()
    page.keyboard.press("s")
    page.wait_for_url("**order=strongest**")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("d")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.keyboard.press("?")
    assert page.locator("dialog[open] h2").inner_text() == "Keys"
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.wait_for_url("**/why**")


def test_a_wrong_network_is_answered_in_a_sentence(page):
    page.goto("/look?network=torchvision:alexnet")
    page.wait_for_selector(".refused")
    assert "does not offer the network 'torchvision:alexnet'" in page.locator(".refused").first.inner_text()
    page.watched.faults = [fault for fault in page.watched.faults if "404" not in fault]


def test_nothing_moves_while_a_view_is_filled(page):
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) if "
        "(!entry.hadRecentInput) window.shifts += entry.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    for view, there in VIEWS.items():
        page.goto(f"/{view}")
        page.wait_for_selector(there)
        page.wait_for_timeout(400)
        assert page.evaluate("window.shifts") < 0.1, view


def test_the_page_says_that_the_server_is_gone_and_comes_back_with_it(new_page, served, tmp_path):
    from phosphene.microscope import microscope

    first = microscope(open=False, cache=tmp_path)
    port = first.port
    page = new_page(base_url=first.url)
    page.watched.host = f"127.0.0.1:{port}"
    page.goto("/look?layer=blocks.3&unit=3")
    page.wait_for_selector(".tiles-canvas")
    first.stop()
    page.until("document.getElementById('banner').textContent.includes('does not answer')")
    with microscope(open=False, port=port, cache=tmp_path):
        page.until(
            "document.getElementById('banner').textContent.includes('started again') || "
            "!document.getElementById('banner').textContent"
        )
        page.locator(".tiles").press("ArrowRight")
        page.wait_for_url("**unit=4**")
        page.goto("about:blank")
    page.watched.faults = [fault for fault in page.watched.faults if not re.search("ERR_|about:blank", fault)]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page, view, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.goto(f"/{view}?theme={theme}&layer=blocks.3&unit=3")
    page.wait_for_selector(VIEWS[view])
    page.wait_for_timeout(300)
    # axe is put in as the page's own script would be: the page lets no other script run
    page.evaluate(axe.Axe().axe_script if hasattr(axe.Axe(), "axe_script") else axe.AXE_SCRIPT)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    said = [f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:120]})" for each in found["violations"]]
    assert not said, "\n".join(said)
