"use strict";
// The mosaic's page: tiles on a canvas, moved and zoomed by pointer, wheel, pinch and keyboard.

const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.querySelector("canvas");
const context = canvas.getContext("2d");
const named = document.getElementById("named");
const toggle = document.getElementById("theme");
const header = document.querySelector("header");
const how = document.getElementById("how");
const CLOSEST = 8;  // screen pixels to a pixel of the mosaic
const MOST_TILES = 600;  // that are kept

// ---- which tiles and which images there are

const there = data.there.map((text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)));
const side = (level, length) => Math.ceil(length / (data.size * 2 ** (data.levels - level)));

function exists(level, column, row) {
  const columns = side(level, data.width), rows = side(level, data.height);
  if (column < 0 || row < 0 || column >= columns || row >= rows) return false;
  const bit = row * columns + column;
  return Boolean((there[level][bit >> 3] >> (7 - (bit & 7))) & 1);
}

const cells = new Map();  // images by the squares of a tile's side that their corners are in
data.images.forEach((image, index) => {
  const key = `${Math.floor(image[0] / data.tile)},${Math.floor(image[1] / data.tile)}`;
  if (!cells.has(key)) cells.set(key, []);
  cells.get(key).push(index);
});

function imageAt(x, y) {
  const column = Math.floor(x / data.tile), row = Math.floor(y / data.tile);
  for (let down = row - 1; down <= row; down++) {
    for (let right = column - 1; right <= column; right++) {
      for (const index of cells.get(`${right},${down}`) ?? []) {
        const [left, top] = data.images[index];
        if (x >= left && y >= top && x < left + data.tile && y < top + data.tile) return index;
      }
    }
  }
  return -1;
}

// ---- the view: the mosaic's point in the middle of the screen, and screen pixels to one of its pixels

const view = { x: data.width / 2, y: data.height / 2, scale: 1 };
let wide = 0, high = 0, density = 1, shown = -1, asked = false;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The part of the screen between the title and what is said below: its top and height. */
function room() {
  const top = Math.min(header.offsetTop + header.offsetHeight, high / 3);
  return [top, high - top - (how.offsetHeight ? how.offsetHeight + 16 : 12)];
}
const fitted = () => Math.min(wide / data.width * 0.94, room()[1] / data.height * 0.98);

function whole() {
  const scale = Math.min(CLOSEST, fitted()), [top, tall] = room();
  const y = clamp(data.height / 2 - (top + tall / 2 - high / 2) / scale, 0, data.height);
  Object.assign(view, { x: data.width / 2, y, scale });
  redraw();
}

function move(right, down) {
  view.x = clamp(view.x - right / view.scale, 0, data.width);
  view.y = clamp(view.y - down / view.scale, 0, data.height);
  redraw();
}

/** Zooms by a factor; the mosaic's point below the screen's (x, y) stays there. */
function zoom(factor, x = wide / 2, y = high / 2) {
  const [atX, atY] = toMosaic(x, y);
  view.scale = clamp(view.scale * factor, Math.min(CLOSEST, fitted() / 2), CLOSEST);
  view.x = clamp(atX - (x - wide / 2) / view.scale, 0, data.width);
  view.y = clamp(atY - (y - high / 2) / view.scale, 0, data.height);
  redraw();
}

const toMosaic = (x, y) => [view.x + (x - wide / 2) / view.scale, view.y + (y - high / 2) / view.scale];
const toScreen = (x, y) => [(x - view.x) * view.scale + wide / 2, (y - view.y) * view.scale + high / 2];

// ---- tiles

const tiles = new Map();  // by path, the latest used last

function tile(level, column, row) {
  const path = `tiles/${level}/${column}/${row}.webp`;
  let image = tiles.get(path);
  if (image) tiles.delete(path);
  else {
    image = new Image();
    image.onload = redraw;
    image.src = path;
  }
  tiles.set(path, image);
  if (tiles.size > MOST_TILES) tiles.delete(tiles.keys().next().value);
  return image;
}

function drawLevel(level, loadedOnly) {
  const length = data.size * 2 ** (data.levels - level);  // of a tile, in the mosaic's pixels
  const [left, top] = toMosaic(0, 0), [right, bottom] = toMosaic(wide, high);
  let complete = true;
  for (let row = Math.max(0, Math.floor(top / length)); row * length < bottom; row++) {
    if (row >= side(level, data.height)) break;
    for (let column = Math.max(0, Math.floor(left / length)); column * length < right; column++) {
      if (column >= side(level, data.width)) break;
      if (!exists(level, column, row)) continue;
      if (loadedOnly && !tiles.has(`tiles/${level}/${column}/${row}.webp`)) continue;
      const image = tile(level, column, row);
      if (!(image.complete && image.naturalWidth)) { complete = false; continue; }
      const [x, y] = toScreen(column * length, row * length), [x2, y2] = toScreen((column + 1) * length, (row + 1) * length);
      const at = [x, y, x2, y2].map((value) => Math.round(value * density) / density);  // no seams
      context.drawImage(image, at[0], at[1], at[2] - at[0], at[3] - at[1]);
    }
  }
  return complete;
}

function draw() {
  asked = false;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, wide, high);
  context.imageSmoothingQuality = "high";
  const level = clamp(Math.ceil(data.levels + Math.log2(view.scale * density) - 0.25), 0, data.levels);
  const ready = wanted(level);
  if (!ready) for (let coarse = 0; coarse < level; coarse++) drawLevel(coarse, coarse > 0);
  drawLevel(level, false);
  if (shown >= 0) {
    const [left, top] = data.images[shown], [x, y] = toScreen(left, top), length = data.tile * view.scale;
    context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--accent");
    context.lineWidth = 3;
    context.strokeRect(x - 1.5, y - 1.5, length + 3, length + 3);
  }
}

/** Whether every tile of the level that is in sight is loaded; asks for those that are not. */
function wanted(level) {
  const alpha = context.globalAlpha;
  context.globalAlpha = 0;
  const complete = drawLevel(level, false);
  context.globalAlpha = alpha;
  return complete;
}

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

// ---- names

function point(x, y) {
  const index = imageAt(...toMosaic(x, y));
  canvas.dataset.image = String(index);
  if (index === shown) return;
  shown = index;
  named.replaceChildren();
  if (index >= 0) {
    const [, , key, label] = data.images[index];
    if (label !== null) named.append(Object.assign(document.createElement("b"), { textContent: label }));
    named.append(key);
  }
  redraw();
}

// ---- hands

const fingers = new Map();

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
});
canvas.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (before && fingers.size === 2) {
    const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    const apart = (finger) => Math.hypot(finger.offsetX - other.offsetX, finger.offsetY - other.offsetY);
    move((event.offsetX - before.offsetX) / 2, (event.offsetY - before.offsetY) / 2);
    if (apart(before) > 0) {
      zoom(apart(event) / apart(before), (event.offsetX + other.offsetX) / 2, (event.offsetY + other.offsetY) / 2);
    }
  } else if (before) move(event.offsetX - before.offsetX, event.offsetY - before.offsetY);
  if (before) fingers.set(event.pointerId, event);
  point(event.offsetX, event.offsetY);
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
}
canvas.addEventListener("pointerleave", () => point(-1e9, -1e9));
canvas.addEventListener("dblclick", (event) => zoom(event.shiftKey ? 0.5 : 2, event.offsetX, event.offsetY));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? high : 1;
  zoom(Math.exp(-clamp(event.deltaY * lines, -300, 300) * (event.ctrlKey ? 0.01 : 0.002)), event.offsetX, event.offsetY);
  point(event.offsetX, event.offsetY);
}, { passive: false });

const KEYS = {
  ArrowLeft: () => move(wide / 8, 0), ArrowRight: () => move(-wide / 8, 0),
  ArrowUp: () => move(0, high / 8), ArrowDown: () => move(0, -high / 8),
  "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), "_": () => zoom(1 / 1.4),
  "0": whole, Home: whole,
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  if (event.target instanceof Element && event.target.closest("header")) return;  // it scrolls by itself
  event.preventDefault();
  KEYS[event.key]();
  point(wide / 2, high / 2);  // a keyboard points to the middle
});
document.getElementById("closer").onclick = () => zoom(1.6);
document.getElementById("further").onclick = () => zoom(1 / 1.6);
document.getElementById("whole").onclick = whole;

// ---- light and dark

const dusk = matchMedia("(prefers-color-scheme: dark)");
function isDark() { return (document.documentElement.dataset.theme ?? (dusk.matches ? "dark" : "light")) === "dark"; }
function tellTheme() {
  toggle.textContent = isDark() ? "Light" : "Dark";
  toggle.setAttribute("aria-pressed", String(isDark()));
  redraw();
}
toggle.onclick = () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  tellTheme();
};
dusk.addEventListener("change", tellTheme);

// ---- size

new ResizeObserver(() => {
  const first = wide === 0;
  ({ clientWidth: wide, clientHeight: high } = canvas);
  density = devicePixelRatio || 1;
  canvas.width = Math.round(wide * density);
  canvas.height = Math.round(high * density);
  if (first) whole();
  redraw();
}).observe(canvas);
tellTheme();
