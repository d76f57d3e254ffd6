"""The layers as boxes: the values on their faces, their bytes, and the view in space that shows them."""

import json
import struct

import numpy as np
import pytest
import torch
from torch import nn

import phosphene as ph
from phosphene.microscope.routes.looking import described
from phosphene.microscope.volumes import packed_volumes, pooled, volume, volumes_of

PHOTO = "src/phosphene/photos/cat.jpg"


def opened(data):
    """The header and the faces of packed boxes, by layer."""
    length = struct.unpack("<I", data[:4])[0]
    header, at, faces = json.loads(data[4 : 4 + length]), 4 + length, {}
    for layer in header["layers"]:
        for face in ("front", "side", "top"):
            rows, columns = layer[face]
            values = np.frombuffer(data, np.uint8, rows * columns, at).reshape(rows, columns)
            faces[layer["layer"], face] = values
            at += rows * columns
    assert at == len(data)
    return header, faces


def test_a_place_on_a_face_is_the_largest_value_behind_it():
    maps = torch.randn(5, 7, 9, generator=torch.Generator().manual_seed(1))
    box = volume("a", maps)
    assert box.shape == (5, 7, 9)
    for row, column in ((0, 0), (3, 8), (6, 4)):
        assert box.front[row, column] == max(float(maps[channel, row, column]) for channel in range(5))
    for row, channel in ((0, 0), (6, 4)):
        assert box.side[row, channel] == max(float(maps[channel, row, column]) for column in range(9))
    for channel, column in ((0, 8), (4, 2)):
        assert box.top[channel, column] == max(float(maps[channel, row, column]) for row in range(7))


@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
def test_a_large_face_is_made_small_by_its_largest_values(size):
    face = np.random.default_rng(size).normal(size=(size, 3)).astype(np.float32)
    small = pooled(face, 64)
    block = -(-size // 64)
    assert small.shape == (-(-size // block), 3)
    assert small.shape[0] <= 64
    for at in range(len(small)):
        assert (small[at] == face[at * block : (at + 1) * block].max(0)).all()


def test_values_that_are_not_finite_are_told_apart_from_low_ones():
    maps = torch.tensor([[[1.0, torch.nan], [3.0, torch.inf]], [[2.0, -torch.inf], [5.0, torch.nan]]])
    header, faces = opened(packed_volumes([volume("a", maps)]))
    about = header["layers"][0]
    assert (about["low"], about["high"], about["finite"]) == (1.0, 5.0, False)  # 1 is on the side, behind 2 in front
    assert faces["a", "front"].tolist() == [[65, 0], [255, 0]]


def test_bytes_bring_the_values_back_to_a_step_of_the_range():
    maps = 3 * torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(2))
    box = volume("a", maps)
    header, faces = opened(packed_volumes([box], ["left"]))
    low, high = header["layers"][0]["low"], header["layers"][0]["high"]
    for name, face in (("front", box.front), ("side", box.side), ("top", box.top)):
        back = low + (faces["a", name].astype(float) - 1) / 254 * (high - low)
        assert np.abs(back - face).max() <= (high - low) / 254 / 2 + 1e-6
    assert header["left_out"] == ["left"]


def test_a_layer_that_is_the_same_all_over_is_its_lowest_value():
    _, faces = opened(packed_volumes([volume("a", torch.full((2, 3, 3), 7.0))]))
    assert set(faces["a", "front"].ravel()) == {1}


def test_one_pass_gives_what_recording_gives(unchanged):
    network, photo = ph.load(), ph.read(PHOTO)
    names = [row["name"] for row in described(network)["strip"]]
    with unchanged(network.module):
        boxes, left_out = volumes_of(network, photo, names)
    assert left_out == []
    assert [box.layer for box in boxes] == names
    recorded = network.record(network.inputs(photo), *names)
    for box in boxes:
        value = recorded[box.layer][0]
        maps = value if value.ndim == 3 else value[:, None, None]
        expected = volume(box.layer, maps)
        for one, other in zip(box.faces, expected.faces, strict=True):
            assert np.array_equal(one, other)


def test_all_layers_come_from_a_single_run():
    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.runs = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3), []

        def forward(self, x):
            self.runs.append(1)
            return self.two(self.one(x)).mean((2, 3))

    network, photo = ph.Network(Counted()), ph.read(PHOTO)
    network.layers(network.frame(photo).size)
    before = len(network.module.runs)
    boxes, _ = volumes_of(network, photo, ["one", "two", "mean"])
    assert [box.layer for box in boxes] == ["one", "two", "mean"]
    assert len(network.module.runs) == before + 1


# ---- the view


def open_volumes(page, query=""):
    page.goto(f"/look?show=volumes&image=sample/cat.jpg{query}")
    page.wait_for_selector(".volumes-label[aria-selected=true]")


def test_every_layer_of_the_strip_has_a_box_and_the_chosen_one_says_its_range(page):
    open_volumes(page, "&layer=blocks.4.1")
    network = ph.load()
    names = [row["name"] for row in described(network)["strip"]]
    assert page.locator(".volumes-label").evaluate_all("labels => labels.map(each => each.dataset.layer)") == names
    box = volumes_of(network, ph.read(PHOTO), ["blocks.4.1"])[0][0]
    said = page.locator(".volumes-said").inner_text()
    assert said.startswith("blocks.4.1 · 112 channels of 14 × 14 · black")
    assert f"{box.span[1]:.1f}" in said


def test_a_click_on_a_box_chooses_its_layer_and_the_grid_follows(page):
    open_volumes(page, "&layer=blocks.4.1")
    label = page.locator('.volumes-label[data-layer="conv_stem"]').bounding_box()
    x, y = label["x"] + label["width"] / 2, label["y"] - 14
    page.mouse.move(x, y)
    page.until("document.querySelector('.volumes-said').innerText.startsWith('conv_stem')")
    page.mouse.click(x, y)
    page.wait_for_url("**layer=conv_stem**")
    page.until("document.querySelector('.layer-name').innerText === 'conv_stem'")
    page.wait_for_selector('.volumes-label[data-layer="conv_stem"][aria-selected=true]')


def test_dragging_and_keys_turn_the_boxes_and_the_address_brings_the_pose_back(page):
    open_volumes(page)
    canvas = page.locator(".volumes-canvas")
    frame = canvas.bounding_box()
    page.mouse.move(frame["x"] + 300, frame["y"] + 250)
    page.mouse.down()
    page.mouse.move(frame["x"] + 360, frame["y"] + 270, steps=3)
    page.mouse.up()
    page.wait_for_url("**pose=**")
    dragged = page.url
    assert "layer=" not in dragged  # a drag is no click
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    page.until("before => location.href !== before", dragged)
    turned = page.locator('.volumes-label[aria-selected="true"]').get_attribute("style")
    page.reload()
    page.wait_for_selector(".volumes-label[aria-selected=true]")
    again = page.locator('.volumes-label[aria-selected="true"]').get_attribute("style")
    lefts = [float(style.split("translate(")[1].split("px")[0]) for style in (turned, again)]
    assert abs(lefts[0] - lefts[1]) < 3
    page.locator(".volumes-canvas").focus()
    page.keyboard.press("Home")
    page.until("!location.search.includes('pose')")


def test_the_wheel_comes_nearer_to_what_lies_below_the_pointer(page):
    open_volumes(page)
    frame = page.locator(".volumes-canvas").bounding_box()
    page.mouse.move(frame["x"] + 200, frame["y"] + 200)
    page.mouse.wheel(0, -200)
    page.wait_for_url("**pose=**")
    zoom = float(page.url.split("pose=")[1].split("&")[0].split(",")[2])
    assert 1.2 < zoom < 2


def test_the_switch_goes_to_the_strip_and_back(page):
    open_volumes(page)
    page.get_by_role("button", name="Strip", exact=True).click()
    page.wait_for_selector(".strip-layer[aria-selected=true]")
    assert page.locator(".volumes").count() == 0
    assert "show" not in page.url
    page.go_back()
    page.wait_for_selector(".volumes-label[aria-selected=true]")


def test_names_of_boxes_are_walked_with_arrow_keys(page):
    open_volumes(page, "&layer=blocks.0.0")
    page.locator('.volumes-label[aria-selected="true"]').focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**layer=blocks.1.0**")
    page.until("document.activeElement?.dataset.layer === 'blocks.1.0'")


def test_a_browser_without_webgl_2_is_told_so_and_has_the_strip(page):
    page.add_init_script(
        "const before = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        " return kind === 'webgl2' ? null : before.call(this, kind, ...more); }"
    )
    page.goto("/look?show=volumes")
    page.wait_for_selector(".volumes-state .refused")
    assert "WebGL 2" in page.locator(".volumes-state").inner_text()
    page.get_by_role("button", name="Show the strip").click()
    page.wait_for_selector(".strip-layer[aria-selected=true]")


def test_a_lost_context_comes_back(page):
    open_volumes(page)
    page.evaluate(
        "() => { const card = document.querySelector('.volumes-canvas').getContext('webgl2');"
        " window.lose = card.getExtension('WEBGL_lose_context'); window.lose.loseContext(); }"
    )
    page.wait_for_timeout(100)
    page.evaluate("() => window.lose.restoreContext()")
    page.until("!document.querySelector('.volumes-canvas').getContext('webgl2').isContextLost()")
    page.wait_for_timeout(300)
    assert colours_in(page.locator(".volumes-canvas").screenshot()) > 50
    page.watched.faults = [fault for fault in page.watched.faults if "CONTEXT_LOST" not in fault]


def colours_in(png):
    """How many different pixels a picture has."""
    return len(np.unique(ph.read(png).pixels.reshape(-1, 3), axis=0))


SCENE = """async ([bytes, yaw, pitch]) => {
  const { Volumes, arranged } = await import("/page/js/volumes/boxes.js");
  const { Orbit } = await import("/page/js/volumes/orbit.js");
  const { Scene } = await import("/page/js/volumes/scene.js");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 400;
  const volumes = new Volumes(new Uint8Array(bytes).buffer), scene = new Scene(canvas), orbit = new Orbit();
  const { boxes, lines } = arranged(volumes.layers, 1);
  scene.load(volumes);
  scene.place(boxes, lines);
  orbit.fit(boxes, 1, { left: -0.9, right: 0.9, low: -0.9, high: 0.9 });
  orbit.yaw = yaw; orbit.pitch = pitch; orbit.turn();
  const colours = { edge: [1, 0, 0], accent: [0, 1, 0], missing: [0, 0, 1] };
  scene.draw(orbit.matrix(), { chosen: -1, pointed: -1, ratio: 1, ...colours });
  const { gl } = scene, { low, size } = boxes[0], [channels, rows, columns] = volumes.layers[0].shape;
  const read = (point) => {
    const [x, y] = orbit.project(point), pixel = new Uint8Array(4);
    gl.readPixels(Math.round((x + 1) * 200), Math.round((y + 1) * 200), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    return pixel[0] === pixel[1] && pixel[1] === pixel[2] ? pixel[0] : -1;
  };
  const inside = (x, y, z) => [low[0] + x * size[0], low[1] + y * size[1], low[2] + z * size[2]];
  const places = (count) => Array.from({ length: count }, (_, at) => (at + 0.5) / count);
  const grid = (high, wide, at) => places(high).map((row) => places(wide).map((column) => read(at(row, column))));
  return {
    front: grid(rows, columns, (row, column) => inside(column, 1 - row, 1)),
    side: grid(rows, channels, (row, channel) => inside(1, 1 - row, 1 - channel)),
    top: grid(channels, columns, (channel, column) => inside(column, 1, 1 - channel)),
    picked: orbit.pick(boxes, ...orbit.project(inside(0.5, 0.5, 1)).slice(0, 2)),
  };
}"""


def test_each_face_shows_its_values_where_they_belong(page):
    maps = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(3))
    data = packed_volumes([volume("a", maps)])
    _, faces = opened(data)
    page.goto("/look")
    seen = page.evaluate(SCENE, [list(data), -0.6, 0.6])
    assert seen["picked"] == 0
    for name in ("front", "side", "top"):
        expected = np.rint((faces["a", name].astype(float) - 1) / 254 * 255)
        assert np.abs(np.array(seen[name]) - expected).max() <= 1, name
