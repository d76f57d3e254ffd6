// @ts-check
/** Map: the atlas as points and, nearer, as its photos; neighbours of a photo, and what the photos of a lasso share. */

import { counted, el, fill, onceAFrame } from "../dom.js";
import { say } from "../parts/banner.js";
import { table } from "../parts/figure.js";
import { empty, loading, refused } from "../parts/waiting.js";
import { address, getBytes, getJson, theSession } from "../server.js";
import * as state from "../state.js";

/** @typedef {{count: number, labels: string[], keys: string[], layer: string, words: string, sprite: number, across: number}} Header */

const COLOURS = ["accent", "accent2", "series3", "series4", "series5", "series6", "series7", "series8"];
const MOST_CHOSEN = 2000;

class AtlasMap {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.canvas = el("canvas", { class: "map-canvas", tabIndex: 0, role: "img", "aria-label": "Map of the atlas's images",
      "aria-description": "Arrows move the map, plus and minus zoom, Enter chooses the image nearest to the middle",
      onpointerdown: (/** @type {PointerEvent} */ event) => this.down(event), onpointermove: (/** @type {PointerEvent} */ event) => this.move(event),
      onpointerup: (/** @type {PointerEvent} */ event) => this.up(event), onkeydown: (/** @type {KeyboardEvent} */ event) => this.keys(event) });
    this.canvas.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false });
    this.words = el("p", { class: "small muted map-words" });
    this.side = el("section", { class: "split-side", "aria-label": "The chosen images" });
    this.atlas = el("select", { "aria-label": "The atlas", onchange: () => state.set({ atlas: this.atlas.value, chosen: null }) });
    this.method = el("select", { "aria-label": "The kind of map", onchange: () => state.set({ method: this.method.value }) },
      el("option", { value: "" }, "t-SNE"), el("option", { value: "pca" }, "PCA"));
    this.search = el("input", { type: "search", placeholder: "Find a label", "aria-label": "Find a label", list: "map-labels",
      oninput: () => state.set({ label: this.search.value }, { replace: true }) });
    this.labels = el("datalist", { id: "map-labels" });
    this.lasso = el("button", { type: "button", "aria-pressed": "false", title: "Draw round some images (l)", onclick: () => this.turnLasso() }, "Lasso");
    this.pane = el("div", { class: "map-pane" }, this.canvas);
    this.element = el("div", { class: "split" }, this.side, el("section", { class: "map-main", "aria-label": "The map" },
      el("div", { class: "row map-tools" }, this.atlas, this.method, this.search, this.lasso,
        el("button", { type: "button", class: "quiet", onclick: () => this.whole() }, "Whole map"), this.labels), this.pane, this.words));
    this.draw = onceAFrame(() => this.drawNow());
    const watching = new ResizeObserver(() => this.size());
    watching.observe(this.pane);
    signal.addEventListener("abort", () => watching.disconnect());
    addEventListener("themechange", () => this.draw(), { signal });
    this.view = { x: 0, y: 0, scale: 1 };
    /** @type {Map<number, HTMLImageElement>} */
    this.sprites = new Map();
    /** @type {Set<number>} */
    this.chosen = new Set();
    /** @type {[number, number][]} */
    this.loop = [];
    this.lassoing = false;
    this.asking = new AbortController();
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    try {
      if (!before || state.differ(now, before, ["atlas", "method"])) await this.open();
      if (!this.header) return;
      if (!before || state.differ(now, before, ["chosen", "atlas"])) this.choose(parsed(state.get("chosen")));
      this.search.value = state.get("label");
      this.draw();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) fill(this.pane, refused(error, () => this.update(now, null)));
    }
  }

  async open() {
    this.asking.abort();
    this.asking = new AbortController();
    const { atlases } = await theSession();
    this.header = undefined;
    if (!atlases.length) {
      fill(this.side);
      fill(this.pane, empty("No atlas is open. 'phosphene atlas build FOLDER --to my.atlas' makes one of your photos; 'phosphene microscope --atlas my.atlas' shows it here."));
      return;
    }
    const name = state.get("atlas") || atlases[0];
    this.name = name;
    fill(this.atlas, ...atlases.map((each) => el("option", { value: each }, each)));
    this.atlas.value = name;
    this.method.value = state.get("method") === "pca" ? "pca" : "";
    fill(this.pane, loading("Making the map …"));
    const bytes = await getBytes("/api/atlas/points.bin", { atlas: name, method: state.get("method") }, this.asking.signal);
    const length = new DataView(bytes).getUint32(0, true);
    /** @type {Header} */
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    this.header = header;
    let at = 4 + length;
    this.positions = new Float32Array(bytes, at, 2 * header.count);
    this.codes = new Int32Array(bytes, at + 8 * header.count, header.count);
    at += 12 * header.count;
    this.ids = new Float64Array(bytes, at + ((8 - (at % 8)) % 8), header.count);
    this.sprites.clear();
    fill(this.labels, ...header.labels.map((label) => el("option", { value: label })));
    this.words.textContent = header.words;
    fill(this.pane, this.canvas);
    this.size();
    this.whole();
    performance.mark("map-drawn");
  }

  size() {
    const ratio = devicePixelRatio || 1, { clientWidth, clientHeight } = this.pane;
    if (!clientWidth || !clientHeight) return;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.draw();
  }

  /** Shows all of the map. */
  whole() {
    if (!this.positions) return;
    const [left, top, right, bottom] = bounds(this.positions), { clientWidth, clientHeight } = this.pane;
    this.scale0 = 0.92 * Math.min(clientWidth / (right - left || 1), clientHeight / (bottom - top || 1));
    this.view = { x: (left + right) / 2, y: (top + bottom) / 2, scale: this.scale0 };
    this.draw();
  }

  /** Where an image lies on the screen; the map's second axis goes upwards. @param {number} index */
  at(index) {
    const positions = /** @type {Float32Array} */ (this.positions), { x, y, scale } = this.view;
    return [(positions[2 * index] - x) * scale + this.pane.clientWidth / 2, (y - positions[2 * index + 1]) * scale + this.pane.clientHeight / 2];
  }

  drawNow() {
    const context = this.canvas.getContext("2d"), header = this.header;
    if (!context || !header || !this.positions || !this.codes) return;
    const ratio = devicePixelRatio || 1, { clientWidth: wide, clientHeight: high } = this.pane;
    const style = getComputedStyle(this.canvas), ink = (/** @type {string} */ role) => style.getPropertyValue(`--phosphene-${role}`);
    const palette = COLOURS.map(ink), muted = ink("muted");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, wide, high);
    const side = Math.min(header.sprite * 1.5, Math.max(0, this.view.scale / (this.scale0 ?? 1)) * 18 * Math.min(1, 22 / Math.sqrt(header.count)) + 6);
    const wanted = state.get("label").toLowerCase();
    const fits = (/** @type {number} */ code) => !wanted || (code >= 0 && header.labels[code].toLowerCase().includes(wanted));
    for (let index = 0; index < header.count; index++) {
      const [x, y] = this.at(index);
      if (x < -side || y < -side || x > wide + side || y > high + side) continue;
      const code = this.codes[index], fit = fits(code);
      context.globalAlpha = fit ? 1 : 0.12;
      const sprite = side >= 14 ? this.sprite(Math.floor(index / header.across ** 2)) : null;
      if (sprite) {
        const within = index % header.across ** 2;
        context.drawImage(sprite, (within % header.across) * header.sprite, Math.floor(within / header.across) * header.sprite,
          header.sprite, header.sprite, x - side / 2, y - side / 2, side, side);
      } else {
        context.fillStyle = code >= 0 && header.labels.length <= 60 ? palette[code % palette.length] : muted;
        context.beginPath();
        context.arc(x, y, Math.max(2.5, side / 4), 0, 2 * Math.PI);
        context.fill();
      }
      if (this.chosen.has(index)) {
        context.strokeStyle = ink("accent2");
        context.lineWidth = 2.5;
        const half = sprite ? side / 2 + 1.5 : 6;
        context.strokeRect(x - half, y - half, 2 * half, 2 * half);
      }
    }
    context.globalAlpha = 1;
    if (this.loop.length > 1) {
      context.strokeStyle = ink("accent2");
      context.lineWidth = 2;
      context.setLineDash([6, 4]);
      context.beginPath();
      this.loop.forEach(([x, y], point) => point ? context.lineTo(x, y) : context.moveTo(x, y));
      context.closePath();
      context.stroke();
      context.setLineDash([]);
    }
  }

  /** A sheet of thumbnails, once it is there. @param {number} sheet */
  sprite(sheet) {
    let image = this.sprites.get(sheet);
    if (!image) {
      image = el("img", { src: address("/api/atlas/sprites.webp", { atlas: this.name, method: state.get("method"), sheet }), onload: () => this.draw() });
      this.sprites.set(sheet, /** @type {HTMLImageElement} */ (image));
    }
    return image?.complete && image.naturalWidth ? image : null;
  }

  /** @param {PointerEvent} event */
  point(event) {
    const frame = this.canvas.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - frame.left, event.clientY - frame.top]);
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.point(event);
    this.moved = false;
    if (this.lassoing || event.shiftKey) this.loop = [this.from];
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.from) {
      const near = this.nearest(this.point(event));
      this.canvas.title = near < 0 ? "" : this.header?.keys[near] ?? "";
      return;
    }
    const [x, y] = this.point(event);
    if (Math.hypot(x - this.from[0], y - this.from[1]) > 4) this.moved = true;
    if (this.loop.length) this.loop.push([x, y]);
    else if (this.moved) {
      this.view.x -= event.movementX / this.view.scale;
      this.view.y += event.movementY / this.view.scale;
    }
    this.draw();
  }

  /** @param {PointerEvent} event */
  up(event) {
    const loop = this.loop, moved = this.moved;
    [this.from, this.loop] = [undefined, []];
    if (loop.length > 2) {
      const inside = [];
      for (let index = 0; index < (this.header?.count ?? 0); index++) if (within(this.at(index), loop)) inside.push(index);
      if (inside.length > MOST_CHOSEN) say(`The lasso holds ${counted(inside.length, "image")}; the first ${MOST_CHOSEN.toLocaleString("en")} are taken.`);
      if (inside.length) this.choosing(inside.slice(0, MOST_CHOSEN));
      if (this.lassoing) this.turnLasso();
    } else if (!moved) {
      const near = this.nearest(this.point(event));
      if (near >= 0) this.choosing([near]);
    }
    this.draw();
  }

  /** @param {number[]} indices */
  choosing(indices) {
    state.set({ chosen: indices.map((index) => this.ids?.[index]).join(",") });
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const frame = this.canvas.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY / 400), event.clientX - frame.left, event.clientY - frame.top);
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] */
  zoom(factor, x = this.pane.clientWidth / 2, y = this.pane.clientHeight / 2) {
    const before = this.view.scale, scale = Math.max((this.scale0 ?? 1) / 2, Math.min((this.scale0 ?? 1) * 60, before * factor));
    this.view.x += (x - this.pane.clientWidth / 2) * (1 / before - 1 / scale);
    this.view.y -= (y - this.pane.clientHeight / 2) * (1 / before - 1 / scale);
    this.view.scale = scale;
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  keys(event) {
    const step = 60 / this.view.scale;
    const moves = /** @type {Record<string, () => void>} */ ({
      ArrowLeft: () => { this.view.x -= step; }, ArrowRight: () => { this.view.x += step; },
      ArrowUp: () => { this.view.y += step; }, ArrowDown: () => { this.view.y -= step; },
      Enter: () => {
        const near = this.nearest([this.pane.clientWidth / 2, this.pane.clientHeight / 2], Infinity);
        if (near >= 0) this.choosing([near]);
      },
      "+": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3), Home: () => this.whole(),
    });
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
    this.draw();
  }

  /** The image nearest to a point of the screen, or -1. @param {[number, number]} point @param {number} [within] pixels */
  nearest([x, y], within = 24) {
    let best = -1, least = within ** 2;
    for (let index = 0; index < (this.header?.count ?? 0); index++) {
      const [left, top] = this.at(index), distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance < least) [least, best] = [distance, index];
    }
    return best;
  }

  turnLasso() {
    this.lassoing = !this.lassoing;
    this.lasso.setAttribute("aria-pressed", String(this.lassoing));
  }

  /** @param {number[]} numbers of images in the atlas */
  async choose(numbers) {
    const ids = this.ids;
    if (!ids) return;
    const places = new Map(Array.from(ids, (id, index) => [id, index]));
    const indices = numbers.flatMap((id) => places.has(id) ? [/** @type {number} */ (places.get(id))] : []);
    this.chosen = new Set(indices);
    this.draw();
    if (!indices.length) return fill(this.side, el("h1", {}, "Map"), empty("Click an image for its neighbours. Draw a lasso round some to see which units they share. Drag to move, turn the wheel to come nearer."));
    if (indices.length === 1) await this.showOne(ids[indices[0]], indices[0]);
    else await this.showSeveral(numbers, indices);
  }

  /** @param {number} number @param {number} index */
  async showOne(number, index) {
    const { signal } = this.asking, place = el("div", {}, loading("Looking for neighbours …"));
    fill(this.side, el("h1", {}, this.header?.keys[index] ?? ""), this.photo(number, 640, "The whole photo"),
      el("p", { class: "row" }, el("a", { href: state.link("look", { image: this.image(number) }), "data-link": "" }, "Look at it")),
      el("h2", {}, "Neighbours"), place);
    try {
      const { queries } = await getJson("/api/run/atlas-neighbours.json", { atlas: this.name, query: String(number), k: "8" }, signal);
      const near = queries[0].neighbours.filter((/** @type {any} */ each) => each.number !== number);
      fill(place, el("ul", { class: "crops" }, ...near.map((/** @type {any} */ each) => el("li", {},
        el("button", { type: "button", class: "crop", title: each.key, onclick: () => state.set({ chosen: String(each.number) }) }, this.photo(each.number, 128, each.key)),
        el("span", { class: "small" }, each.label ?? "", el("span", { class: "muted" }, ` ${each.distance.toPrecision(3)}`))))));
    } catch (error) {
      if (!signal.aborted) fill(place, refused(error));
    }
  }

  /** @param {number[]} numbers @param {number[]} indices */
  async showSeveral(numbers, indices) {
    const { signal } = this.asking, place = el("div", {}, loading("Asking which units they share …"));
    const counts = new Map();
    for (const index of indices) {
      const code = this.codes?.[index] ?? -1, label = code < 0 ? "without a label" : this.header?.labels[code];
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const labels = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([label, count]) => `${label} ${count}`).join(", ");
    fill(this.side, el("h1", {}, counted(numbers.length, "image")), el("p", { class: "muted small" }, labels),
      el("ul", { class: "crops" }, ...numbers.slice(0, 12).map((number) => el("li", {}, el("button", { type: "button", class: "crop", "aria-label": `Image ${number}`,
        onclick: () => state.set({ chosen: String(number) }) }, this.photo(number, 128, ""))))), el("h2", {}, "Units that they share"), place);
    try {
      const found = await getJson("/api/run/atlas-shared.json", { atlas: this.name, numbers: numbers.join(",") }, signal);
      const sure = found.units.filter((/** @type {any} */ unit) => unit.q <= found.level).slice(0, 30);
      if (!sure.length) return fill(place, empty("No unit's strongest patches come from these images more often than chance would have it."));
      const rows = sure.map((/** @type {any} */ unit) => [unit.unit, `${unit.among} of ${unit.of}`, unit.lift, unit.q]);
      const listed = table({ header: ["unit", "patches from them", "times more than chance", "q"], rows });
      listed.querySelectorAll("tbody tr td:first-child").forEach((/** @type {Element} */ cell) => {
        const [layer, unit] = (cell.textContent ?? "").split(":");
        fill(cell, el("a", { href: state.link("look", { layer, unit, image: this.image(numbers[0]) }), "data-link": "" }, cell.textContent));
      });
      fill(place, listed);
    } catch (error) {
      if (!signal.aborted) fill(place, refused(error));
    }
  }

  /** @param {number} number */
  image(number) { return `atlas/${this.name}/${number}`; }

  /** @param {number} number @param {number} side @param {string} alt */
  photo(number, side, alt) {
    return el("img", { src: address("/api/image.webp", { image: this.image(number), side }), alt, loading: "lazy", class: side > 200 ? "map-photo" : null });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== "l") return false;
    this.turnLasso();
    return true;
  }

  close() {
    this.asking.abort();
  }
}

/** @param {string} text */
const parsed = (text) => text.split(",").filter((each) => /^\d+$/.test(each)).map(Number);

/** @param {Float32Array} positions */
function bounds(positions) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < positions.length; at += 2) {
    left = Math.min(left, positions[at]);
    right = Math.max(right, positions[at]);
    top = Math.min(top, positions[at + 1]);
    bottom = Math.max(bottom, positions[at + 1]);
  }
  return [left, top, right, bottom];
}

/** Whether a point lies within a closed line. @param {number[]} point @param {[number, number][]} line */
function within([x, y], line) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [ax, ay] = line[i], [bx, by] = line[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** @param {AbortSignal} signal */
export const open = (signal) => new AtlasMap(signal);
