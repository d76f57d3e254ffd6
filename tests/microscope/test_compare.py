"""Compare: two networks on the same image, their answers in words, their layers linked by depth."""

from urllib.parse import parse_qs, urlsplit

import pytest

import phosphene as ph
from phosphene.microscope.routes.looking import described

OTHER = "torchvision:resnet18@none"
ANSWERS = """async ([one, other]) => {
  const { differences } = await import("/page/js/parts/differences.js");
  const guess = ([label, probability]) => ({ label, probability, index: 0, score: 0 });
  const answer = (rows) => ({ classes: rows.map(guess), head: "softmax" });
  return differences("A", answer(one), "B", answer(other));
}"""
DEPTHS = """async () => {
  const { depth, atDepth } = await import("/page/js/parts/depth.js");
  const named = (names) => [...names].map((name) => ({ name }));
  const layers = { strip: named("abcde"), layers: named("abxcde") };
  return [...[..."acex"].map((name) => depth(layers, name)), ...[0, 0.3, 0.9, 1].map((at) => atDepth(layers, at))];
}"""


def open_compare(page, query=""):
    page.goto(f"/compare?image=sample/cat.jpg&other={OTHER}{query}")
    page.wait_for_selector(".compare-words li")
    page.until("document.querySelectorAll('.side .tiles-canvas').length === 2", seconds=40)


def chosen(page):
    """The chosen layers of both sides."""
    return page.locator(".side .strip-layer[aria-selected=true]").evaluate_all(
        "layers => layers.map(layer => layer.dataset.layer)"
    )


def parameters(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def names_of(served, network):
    return [row["name"] for row in described(served.microscope.library.networks.open(network))["strip"]]


def test_both_networks_answer_and_the_difference_is_said_in_words(page, served):
    open_compare(page)
    photo = ph.read("src/phosphene/photos/cat.jpg")
    for at, name in enumerate(("efficientnet_lite0", OTHER)):
        expected = [guess.label for guess in served.microscope.library.networks.open(name).classify(photo)]
        side = page.locator(".side").nth(at)
        assert side.locator(".bar-name").all_inner_texts() == expected
        assert f"{name} says {expected[0]}" in page.locator(".compare-words").inner_text()
        assert f"network={name}" in side.locator(".bar-name").first.get_attribute("href")


CAT, DOG = ["cat", 0.5], ["dog", 0.2]


@pytest.mark.parametrize(
    ("one", "other", "sentences"),
    [
        (
            [CAT, DOG],
            [["Cat", 0.9], ["owl", 0.1]],
            ["Both say cat: A with 50.0 %, B with 90.0 %.", "1 of their first 2 classes: cat"],
        ),
        (
            [CAT, DOG],
            [["dog", 0.7], ["cat", 0.1]],
            [
                "A says cat (50.0 %), B says dog (70.0 %).",
                "B puts cat in place 2 (10.0 %); A puts dog in place 2 (20.0 %).",
                "2 of their first 2 classes: cat, dog",
            ],
        ),
        (
            [CAT, DOG],
            [["seven", 0.7], ["one", 0.1]],
            ["B has no class cat; A has no class seven.", "none of their first 2 classes"],
        ),
        ([CAT], [], ["B names no classes"]),
    ],
)
def test_differences_read_as_sentences(page, one, other, sentences):
    page.goto("/look")
    said = page.evaluate(ANSWERS, [one, other])
    for sentence in sentences:
        assert any(sentence in each for each in said), said


def test_depth_is_the_place_in_the_strip(page):
    page.goto("/look")
    assert page.evaluate(DEPTHS) == [0, 0.5, 1, 0.375, "a", "b", "e", "e"]


def test_layers_are_linked_by_depth_until_they_are_set_apart(page, served):
    open_compare(page, "&layer=blocks.4.1")
    first, second = names_of(served, None), names_of(served, OTHER)

    def linked(layer, names, others):
        share = names.index(layer) / (len(names) - 1)
        return others[int(share * (len(others) - 1) + 0.5)]

    assert chosen(page) == ["blocks.4.1", linked("blocks.4.1", first, second)]
    page.locator(".side").nth(1).locator('.strip-layer[data-layer="layer1.1"]').click()
    page.until("document.querySelectorAll('.side h2')[1].innerText === 'layer1.1'")
    assert chosen(page) == [linked("layer1.1", second, first), "layer1.1"]
    assert "Linked by depth" in page.locator(".compare-tools").inner_text()
    page.get_by_label("Layers together").uncheck()
    page.locator(".side").nth(0).locator('.strip-layer[data-layer="conv_stem"]').click()
    page.until("document.querySelectorAll('.side h2')[0].innerText === 'conv_stem'")
    assert chosen(page) == ["conv_stem", "layer1.1"]
    assert "Not linked" in page.locator(".compare-tools").inner_text()


def test_units_of_both_sides_are_chosen_apart_and_the_address_brings_them_back(page):
    open_compare(page, "&layer=blocks.4.1&unit=3&otherunit=1")
    page.until("[...document.querySelectorAll('.side .pointed')].every((each) => each.innerText)")
    said = page.locator(".side .pointed").all_inner_texts()
    assert said[0].startswith("Largest here: blocks.4.1:3@")
    assert ":1@" in said[1]
    box = page.locator(".side .tiles").nth(1).bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.until("document.querySelectorAll('.side .pointed')[1].innerText.includes(':0@')")
    assert page.locator(".side .pointed").nth(0).inner_text() == said[0]
    page.mouse.click(box["x"] + 40, box["y"] + 40)
    page.until("location.search.includes('otherunit=0')")
    page.reload()
    page.wait_for_selector(".compare-words li")
    page.until("[...document.querySelectorAll('.side .pointed')].every((each) => each.innerText)")
    assert page.locator(".side .pointed").nth(0).inner_text() == said[0]


def test_sides_change_places(page):
    open_compare(page, "&layer=blocks.4.1&unit=3")
    before = chosen(page)
    page.get_by_role("button", name="Change sides").click()
    page.until("document.querySelectorAll('.side select')[0].value.includes('resnet18')")
    page.until("document.querySelectorAll('.side .strip-layer[aria-selected=true]').length === 2")
    page.until("layer => document.querySelectorAll('.side h2')[1].innerText === layer", before[0])
    assert chosen(page) == before[::-1]
    now = parameters(page)
    assert (now["network"], now["other"], now["otherunit"]) == (OTHER, "efficientnet_lite0", "3")


def test_the_same_network_on_both_sides_is_said(page):
    page.goto(f"/compare?network={OTHER}&other={OTHER}")
    page.wait_for_selector(".compare-words li")
    assert "same network" in page.locator(".compare-words").inner_text()


def test_a_refused_network_leaves_the_other_side_as_it_is(page):
    page.goto("/compare?image=sample/cat.jpg&other=nonesuch")
    page.wait_for_selector(".side .refused")
    page.wait_for_selector(".side:first-child .tiles-canvas")
    assert "does not offer the network 'nonesuch'" in page.locator(".side .refused").inner_text()
    assert page.locator(".side").nth(0).locator(".bars:not(.waiting) .bar-name").count() == 5
    page.watched.faults = [fault for fault in page.watched.faults if "404" not in fault]


def test_one_network_alone_says_how_to_bring_another(new_page, tmp_path):
    pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
    from phosphene.microscope import microscope

    with microscope(open=False, cache=tmp_path) as handle:
        page = new_page(base_url=handle.url)
        page.goto("/compare")
        page.wait_for_selector(".compare-alone")
        assert "phosphene microscope --network" in page.locator(".compare-alone").inner_text()
        page.context.close()
