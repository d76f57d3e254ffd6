// @ts-check
/** The map on its canvas: images as points and, nearer, as thumbnails; which part of it is seen, and how near. */

import { el, onceAFrame } from "../dom.js";
import { address } from "../server.js";
import { apart } from "./apart.js";

/** @typedef {import("./points.js").Points} Points @typedef {import("./points.js").Point} Point */
/** @typedef {{atlas: string, method: string, label: string, chosen: Set<number>, loop: Point[]}} Shown what is shown of it: a label that is looked for, chosen images, a lasso on its way */

const COLOURS = ["accent", "accent2", "series3", "series4", "series5", "series6", "series7", "series8"];
const COLOURED = 60; // labels that have colours; with more, colours say nothing
const NEAR = 60; // times that the map is enlarged at most

export class Plot {
  /** @param {() => Shown} shown @param {AbortSignal} signal of the view that holds it */
  constructor(shown, signal) {
    this.shown = shown;
    this.canvas = el("canvas", { class: "map-canvas", tabIndex: 0, role: "img", "aria-label": "Map of the atlas's images",
      "aria-description": "Arrows move the map, plus and minus zoom, Enter chooses the image nearest to the middle" });
    this.pane = el("div", { class: "map-pane" }, this.canvas);
    /** @type {Points | null} */
    this.points = null;
    this.view = { x: 0, y: 0, scale: 1 };
    this.whole = 1; // the scale at which all is seen
    /** @type {Map<number, HTMLImageElement>} */
    this.sprites = new Map();
    this.draw = onceAFrame(() => this.drawNow());
    const watching = new ResizeObserver(() => this.size());
    watching.observe(this.pane);
    signal.addEventListener("abort", () => watching.disconnect());
    addEventListener("themechange", () => this.draw(), { signal });
  }

  /** @param {Points | null} points */
  show(points) {
    this.points = points;
    this.sprites.clear();
    if (!points) return;
    this.pane.replaceChildren(this.canvas);
    this.size();
    this.reset();
  }

  size() {
    const ratio = devicePixelRatio || 1, { clientWidth, clientHeight } = this.pane;
    if (!clientWidth || !clientHeight) return;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.draw();
  }

  /** Shows all of the map. */
  reset() {
    if (!this.points) return;
    const [left, top, right, bottom] = this.points.bounds(), { clientWidth, clientHeight } = this.pane;
    this.whole = 0.92 * Math.min(clientWidth / (right - left || 1), clientHeight / (bottom - top || 1));
    this.view = { x: (left + right) / 2, y: (top + bottom) / 2, scale: this.whole };
    this.draw();
  }

  /** Moves the map by pixels of the screen. @param {number} right @param {number} down */
  move(right, down) {
    this.view.x -= right / this.view.scale;
    this.view.y += down / this.view.scale;
    this.draw();
  }

  /** @param {number} factor @param {Point} [at] the point of the screen that stays */
  zoom(factor, [x, y] = this.middle) {
    const before = this.view.scale, scale = Math.max(this.whole / 2, Math.min(this.whole * NEAR, before * factor));
    const [left, top] = this.middle;
    this.view.x += (x - left) * (1 / before - 1 / scale);
    this.view.y -= (y - top) * (1 / before - 1 / scale);
    this.view.scale = scale;
    this.draw();
  }

  /** The middle of the screen. @returns {Point} */
  get middle() { return [this.pane.clientWidth / 2, this.pane.clientHeight / 2]; }

  /** Where an image lies on the screen; the map's second axis goes upwards. @param {number} index @returns {Point} */
  at(index) {
    const { positions } = /** @type {Points} */ (this.points), { x, y, scale } = this.view, [left, top] = this.middle;
    return [(positions[2 * index] - x) * scale + left, (y - positions[2 * index + 1]) * scale + top];
  }

  /** The image nearest to a point of the screen, or -1. @param {Point} point @param {number} [reach] in pixels */
  nearest([x, y], reach = 24) {
    let best = -1, least = reach ** 2;
    for (let index = 0; index < (this.points?.count ?? 0); index++) {
      const [left, top] = this.at(index), distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance < least) [least, best] = [distance, index];
    }
    return best;
  }

  drawNow() {
    const context = this.canvas.getContext("2d"), { points } = this;
    if (!context || !points) return;
    const { header } = points, shown = this.shown(), ratio = devicePixelRatio || 1, { clientWidth: wide, clientHeight: high } = this.pane;
    const style = getComputedStyle(this.canvas), ink = (/** @type {string} */ role) => style.getPropertyValue(`--phosphene-${role}`);
    const palette = COLOURS.map(ink), muted = ink("muted"), line = ink("line"), mark = ink("accent2"), wanted = shown.label.toLowerCase();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, wide, high);
    const side = Math.min(header.sprite * 1.5, Math.max(0, this.view.scale / this.whole) * 30 * Math.min(1, 22 / Math.sqrt(header.count)) + 6);
    const fits = (/** @type {number} */ index) => !wanted || (points.label(index) ?? "").toLowerCase().includes(wanted);
    const photos = side >= 14 ? apart(points, side / this.view.scale, shown.chosen, fits) : null;
    let inSight = 0;
    // the points first, so that no photo is hidden
    for (const photo of photos ? [0, 1] : [0]) {
      for (let index = 0; index < header.count; index++) {
        const [x, y] = this.at(index);
        if (x < -side || y < -side || x > wide + side || y > high + side) continue;
        inSight++;
        const sheet = photos?.[index] ? this.sprite(Math.floor(index / header.across ** 2), shown) : null;
        if (Number(sheet !== null) !== photo) continue;
        context.globalAlpha = fits(index) ? 1 : 0.12;
        if (sheet) {
          const within = index % header.across ** 2;
          context.drawImage(sheet, (within % header.across) * header.sprite, Math.floor(within / header.across) * header.sprite,
            header.sprite, header.sprite, x - side / 2, y - side / 2, side, side);
          context.strokeStyle = line;
          context.lineWidth = 1;
          context.strokeRect(x - side / 2, y - side / 2, side, side);
        } else {
          const code = points.codes[index];
          context.fillStyle = code >= 0 && header.labels.length <= COLOURED ? palette[code % palette.length] : muted;
          context.beginPath();
          context.arc(x, y, photos ? 3.5 : Math.max(2.5, side / 4), 0, 2 * Math.PI);
          context.fill();
        }
        if (shown.chosen.has(index)) {
          context.strokeStyle = mark;
          context.lineWidth = 2.5;
          const half = sheet ? side / 2 + 1.5 : 6;
          context.strokeRect(x - half, y - half, 2 * half, 2 * half);
        }
      }
    }
    context.globalAlpha = 1;
    if (!inSight) {
      context.fillStyle = muted;
      context.textAlign = "center";
      context.font = "15px system-ui, sans-serif";
      context.fillText("No image is here. Move the map, or press Whole map.", wide / 2, high / 2);
    }
    if (shown.loop.length > 1) dashed(context, shown.loop, mark);
  }

  /** A sheet of thumbnails, once it is there. @param {number} sheet @param {Shown} shown */
  sprite(sheet, { atlas, method }) {
    let image = this.sprites.get(sheet);
    if (!image) {
      image = el("img", { src: address("/api/atlas/sprites.webp", { atlas, method, sheet }), onload: () => this.draw() });
      this.sprites.set(sheet, /** @type {HTMLImageElement} */ (image));
    }
    return image?.complete && image.naturalWidth ? image : null;
  }
}

/** @param {CanvasRenderingContext2D} context @param {Point[]} loop @param {string} colour */
function dashed(context, loop, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.setLineDash([6, 4]);
  context.beginPath();
  loop.forEach(([x, y], point) => point ? context.lineTo(x, y) : context.moveTo(x, y));
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}
