// @ts-check
/** The network's layers as boxes in space: turned by dragging, nearer by the wheel, chosen by a click. */

import { compact, counted, el, fill, onceAFrame } from "../dom.js";
import { loading, refused } from "../parts/waiting.js";
import { arranged, loadVolumes } from "./boxes.js";
import { follow } from "./hands.js";
import { Labels } from "./labels.js";
import { Orbit } from "./orbit.js";
import { Scene } from "./scene.js";

/** @typedef {{network: string, image: string}} Asked */

const STEP = 1.25;
const WORDS = "Each box is a layer. It is one step longer for each doubling of its columns (width) or rows (height), and 0.6 steps for each doubling of its channels (depth). "
  + "Front: the largest value over all channels; side: over all columns; top: over all rows. Each layer has its own range: black is the lowest value on its faces, white the highest.";
const HELP = "Drag to turn, scroll to come nearer, shift and drag to move. Keys: arrows turn the boxes, shift and arrows move them, + and − zoom, Home shows all boxes.";

export class VolumesView {
  /** @param {{choose: (layer: string) => void, pose: (pose: string) => void, strip: () => void}} told */
  constructor(told) {
    this.told = told;
    this.orbit = new Orbit();
    /** @type {import("./boxes.js").Volumes | null} */
    this.volumes = null;
    /** @type {import("./boxes.js").Box[]} */
    this.boxes = [];
    this.chosen = "";
    this.pointed = -1;
    this.pose = "";
    this.asked = "";
    this.shown = "";
    this.size = "";
    /** @type {import("./boxes.js").Volumes | null} */
    this.drawn = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.waiting = undefined;
    this.labels = new Labels((at) => this.choose(at), (at) => this.point(at));
    this.said = el("p", { class: "volumes-said small", "aria-live": "polite" });
    this.state = el("div", { class: "volumes-state" });
    const button = (/** @type {string} */ sign, /** @type {string} */ name, /** @type {() => void} */ run) =>
      el("button", { type: "button", title: name, "aria-label": name, onclick: () => { run(); this.moved(); } }, sign);
    this.element = el("section", { class: "volumes", "aria-label": "The layers as boxes" },
      this.newCanvas(), this.labels.element, this.state,
      el("div", { class: "volumes-tools" }, button("+", "Nearer (+)", () => this.orbit.approach(STEP)),
        button("−", "Farther (−)", () => this.orbit.approach(1 / STEP)), button("⌂", "All boxes in sight (Home)", () => this.orbit.reset())),
      el("details", { class: "volumes-words small" }, el("summary", {}, "What is shown"), el("p", {}, WORDS), el("p", {}, HELP)), this.said);
    this.draw = onceAFrame(() => this.drawNow());
    this.sized = new ResizeObserver(() => this.layout());
    this.sized.observe(this.element);
    this.closing = new AbortController();
    addEventListener("themechange", () => this.draw(), { signal: this.closing.signal });
  }

  newCanvas() {
    this.canvas = el("canvas", { class: "volumes-canvas", tabIndex: 0, role: "img", "aria-label": "The layers as boxes in space", "aria-description": HELP });
    const below = (/** @type {number} */ x, /** @type {number} */ y) => this.orbit.pick(this.boxes, x, y);
    follow(this.canvas, this.orbit, { moved: () => this.moved(), point: (x, y) => this.point(below(x, y)), leave: () => this.point(-1), choose: (x, y) => this.choose(below(x, y)) });
    this.canvas.addEventListener("webglcontextlost", (/** @type {Event} */ event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.scene = new Scene(this.canvas);
      if (this.volumes) this.scene.load(this.volumes);
      this.size = "";
      this.layout();
    });
    return this.canvas;
  }

  /** @param {Asked} asked @param {string} layer the chosen one @param {string} pose @param {AbortSignal} [signal] */
  async show(asked, layer, pose, signal) {
    const key = JSON.stringify(asked);
    this.chosen = layer;
    this.pose = pose;
    this.asked = key;
    if (this.shown === key) return this.select(layer, pose);
    try {
      this.scene ??= new Scene(this.canvas);
    } catch {
      return fill(this.state, el("div", { class: "refused" }, el("p", {}, "This browser can't draw boxes in space (it has no WebGL 2). The strip shows the same layers."),
        el("button", { type: "button", onclick: this.told.strip }, "Show the strip")));
    }
    const late = setTimeout(() => fill(this.state, loading("Computing all layers …")), 250);
    try {
      const volumes = await loadVolumes(asked, signal);
      if (signal?.aborted || this.asked !== key) return;
      this.shown = key;
      this.volumes = volumes;
      this.scene.load(volumes);
      const layers = this.layers();
      this.labels.show(layers);
      this.canvas.setAttribute("aria-label", `${counted(layers.length, "layer")} as boxes in space`);
      fill(this.state, layers.length ? null : el("p", { class: "empty" }, "None of this network's layers has maps that could be shown as a box."));
      this.size = "";
      this.layout();
    } catch (error) {
      if (signal?.aborted || this.asked !== key) return;
      this.shown = "";
      fill(this.state, refused(error, () => this.show(asked, this.chosen, this.pose, signal)));
    } finally {
      clearTimeout(late);
    }
  }

  layers() {
    return this.volumes?.layers.slice(0, this.scene?.room) ?? [];
  }

  /** @param {string} layer @param {string} pose */
  select(layer, pose) {
    if (pose !== this.orbit.text && !this.waiting) this.orbit.text = pose;
    this.chosen = layer;
    this.pose = pose;
    const box = this.boxes[this.at()];
    if (box) {
      const [x, y] = this.orbit.project(/** @type {any} */ (box.low.map((value, axis) => value + box.size[axis] / 2)));
      if (Math.abs(x) > 1 || Math.abs(y) > 1) {
        this.orbit.pan(x, y);
        this.moved();
      }
    }
    this.say();
    this.draw();
  }

  at() {
    return this.layers().findIndex((each) => each.layer === this.chosen);
  }

  /** Stands the boxes anew where the view has another shape. */
  layout() {
    const { clientWidth: wide, clientHeight: high } = this.element, size = `${wide} × ${high}`;
    if (!this.scene || !this.volumes || !wide || !high) return;
    const ratio = Math.min(2, devicePixelRatio || 1);
    if (this.size !== size) {
      this.size = size;
      this.canvas.width = Math.round(wide * ratio);
      this.canvas.height = Math.round(high * ratio);
      const free = { left: 24 / wide - 1, right: 1 - 130 / wide, low: 100 / high - 1, high: 1 - 84 / high };
      const { boxes, lines } = arranged(this.layers(), ((free.right - free.left) * wide) / ((free.high - free.low) * high));
      this.boxes = boxes;
      this.scene.place(boxes, lines);
      if (boxes.length) this.orbit.fit(boxes, wide / high, free);
      this.orbit.text = this.pose;
    }
    this.say();
    this.drawNow();
  }

  drawNow() {
    if (!this.scene || !this.boxes.length) return;
    const style = getComputedStyle(this.element), colour = (/** @type {string} */ name) => rgb(style.getPropertyValue(`--phosphene-${name}`));
    this.scene.draw(this.orbit.matrix(), { chosen: this.at(), pointed: this.pointed, edge: colour("muted"), accent: colour("accent"),
      missing: colour("accent2"), ratio: this.canvas.width / Math.max(1, this.element.clientWidth) });
    this.labels.place(this.boxes, this.orbit, this.element.clientWidth, this.element.clientHeight, this.at(), this.pointed);
    if (this.drawn !== this.volumes) performance.mark("volumes-drawn");
    this.drawn = this.volumes;
  }

  /** Says the layer that is pointed at, or else the chosen one, with its range. */
  say() {
    const each = this.layers()[this.pointed >= 0 ? this.pointed : this.at()];
    const rest = (this.volumes?.layers.length ?? 0) - this.layers().length, missing = this.volumes?.leftOut ?? [];
    fill(this.said, each ? el("span", {}, el("strong", {}, each.layer), ` · ${counted(each.shape[0], "channel")} of ${each.shape[1]} × ${each.shape[2]} · `,
      `black ${compact(each.low)}, white ${compact(each.high)}`, each.finite ? null : " · some values are not finite; places that have no finite value are orange")
      : el("span", {}, "Point at a box to see its name and range. Click it to choose it."),
    rest > 0 ? ` · the last ${counted(rest, "layer")} have no room here` : null,
    missing.length ? ` · not shown: ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? ` and ${missing.length - 3} more` : ""} (no maps)` : null);
  }

  /** @param {number} at */
  choose(at) {
    const layer = this.layers()[at]?.layer;
    if (layer) this.told.choose(layer);
  }

  /** @param {number} at */
  point(at) {
    if (at === this.pointed) return;
    this.pointed = at;
    this.canvas.style.cursor = at >= 0 ? "pointer" : "";
    this.say();
    this.draw();
  }

  /** After the eye moved: draws, and writes the pose into the URL once it rests. */
  moved() {
    this.draw();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.waiting = undefined;
      this.told.pose(this.pose = this.orbit.text);
    }, 300);
  }

  close() {
    clearTimeout(this.waiting);
    this.sized.disconnect();
    this.closing.abort();
    this.scene?.close();
  }
}

/** A colour of the theme, from 0 to 1. @param {string} hex */
function rgb(hex) {
  const number = parseInt(hex.trim().replace("#", ""), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255].map((value) => value / 255);
}
