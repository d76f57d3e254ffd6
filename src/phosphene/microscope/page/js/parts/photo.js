// @ts-check
/**
 * The photo, with what lies over it: a unit's map in colour, the part that a unit sees, the part that the network sees.
 */

import { colours } from "../colours.js";
import { el, fill } from "../dom.js";
import { address } from "../server.js";

/** @typedef {import("../maps.js").Maps} Maps */

const BOX = 4 / 3; // width over height of the box that a photo stands in

export class PhotoView {
  /** @param {{point?: (x: number, y: number) => void, leave?: () => void, choose?: (x: number, y: number) => void}} told */
  constructor(told = {}) {
    this.image = el("img", { alt: "", class: "photo-image", draggable: false });
    this.over = el("canvas", { class: "photo-over", "aria-hidden": "true" });
    this.window = el("div", { class: "photo-window", hidden: true });
    this.seen = el("div", { class: "photo-seen", hidden: true });
    this.sheet = el("div", {
      class: "photo",
      onpointermove: (/** @type {PointerEvent} */ event) => told.point?.(...this.at(event)),
      onpointerleave: () => told.leave?.(),
      onclick: (/** @type {MouseEvent} */ event) => told.choose?.(...this.at(event)),
    }, this.image, this.over, this.seen, this.window);
    this.notes = el("p", { class: "small note", hidden: true });
    this.element = el("div", { class: "photo-view" }, el("div", { class: "photo-box" }, this.sheet), this.notes);
    this.width = 1;
    this.height = 1;
    /** @type {HTMLCanvasElement | null} */
    this.frame = null;
  }

  /** @param {string} name @param {{width: number, height: number, name: string, notes?: string[]}} about */
  show(name, about) {
    [this.width, this.height] = [about.width, about.height];
    this.shape();
    this.image.alt = `The image ${about.name}`;
    this.say(about.notes ?? []);
    this.image.src = address("/api/image.webp", { image: name, side: 1024 });
    this.frame?.remove();
    this.seen.hidden = true;
    this.clear();
  }

  /** Says what was done to the photo when it was read. @param {string[]} notes */
  say(notes) {
    this.notes.hidden = !notes.length;
    this.notes.textContent = notes.length ? `When this photo was read: ${notes.join("; ")}.` : "";
  }

  /** A frame of the camera in the photo's place, with what lies over it left as it is. @param {HTMLCanvasElement} canvas */
  showFrame(canvas) {
    [this.width, this.height] = [canvas.width, canvas.height];
    this.shape();
    if (canvas.parentNode !== this.sheet) this.image.after(canvas);
    this.say([]);
    this.frame = canvas;
  }

  /** Fits the photo into its box, whose shape stays the same, so that nothing below it moves. */
  shape() {
    const wide = this.width / this.height;
    this.sheet.style.aspectRatio = String(wide);
    this.sheet.style.width = `${Math.min(100, (100 * wide) / BOX)}%`;
  }

  /** The part of the photo that the network sees; None where it is all of it. @param {number[]} box */
  showSeen(box) {
    const [left, top, right, bottom] = box;
    const all = left <= 0.5 && top <= 0.5 && right >= this.width - 0.5 && bottom >= this.height - 0.5;
    this.seen.hidden = all;
    if (!all) this.put(this.seen, box);
  }

  /**
   * A unit's map over the photo, where the network's input lies: the stronger, the more opaque.
   * @param {Maps} maps @param {number} unit @param {number[]} input the whole input in the photo's pixels
   */
  overlay(maps, unit, input) {
    const low = maps.lowest(unit), high = maps.highest(unit);
    const signed = low < 0 && high > 0;
    const most = signed ? Math.max(-low, high) : high - low || 1;
    const table = colours(signed ? "diverging" : "sequential");
    const small = new OffscreenCanvas(maps.columns, maps.rows);
    const image = new ImageData(maps.columns, maps.rows), pixels = new Uint32Array(image.data.buffer);
    for (let row = 0, at = 0; row < maps.rows; row++)
      for (let column = 0; column < maps.columns; column++, at++) {
        const value = maps.at(unit, row, column);
        const share = signed ? value / most : (value - low) / most;
        const strength = Math.abs(share);
        if (!(strength < Infinity)) continue;
        const colour = table[signed ? Math.round(127.5 + 127.5 * share) : Math.round(255 * Math.min(1, strength))];
        pixels[at] = ((colour & 0xffffff) | (Math.round(215 * Math.min(1, strength)) << 24)) >>> 0;
      }
    /** @type {any} */ (small.getContext("2d")).putImageData(image, 0, 0);
    const scale = Math.min(1, 1024 / Math.max(this.width, this.height));
    this.over.width = Math.max(1, Math.round(this.width * scale));
    this.over.height = Math.max(1, Math.round(this.height * scale));
    const context = /** @type {CanvasRenderingContext2D} */ (this.over.getContext("2d"));
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    const [left, top, right, bottom] = input.map((edge) => edge * scale);
    context.drawImage(small, left, top, right - left, bottom - top);
    this.over.hidden = false;
  }

  /** @param {number[] | null} box in the photo's pixels @param {string} [label] */
  showWindow(box, label = "") {
    this.window.hidden = !box;
    if (!box) return;
    this.put(this.window, box);
    fill(this.window, label ? el("span", { class: "photo-label" }, label) : null);
  }

  clear() {
    this.over.hidden = true;
    this.window.hidden = true;
  }

  /** @param {HTMLElement} element @param {number[]} box */
  put(element, [left, top, right, bottom]) {
    const inside = [Math.max(0, left), Math.max(0, top), Math.min(this.width, right), Math.min(this.height, bottom)];
    element.style.left = `${(100 * inside[0]) / this.width}%`;
    element.style.top = `${(100 * inside[1]) / this.height}%`;
    element.style.width = `${(100 * Math.max(0, inside[2] - inside[0])) / this.width}%`;
    element.style.height = `${(100 * Math.max(0, inside[3] - inside[1])) / this.height}%`;
  }

  /** A pointer's place in the photo's pixels. @param {MouseEvent} event @returns {[number, number]} */
  at(event) {
    const frame = this.sheet.getBoundingClientRect();
    return [
      Math.max(0, Math.min(this.width, ((event.clientX - frame.left) / frame.width) * this.width)),
      Math.max(0, Math.min(this.height, ((event.clientY - frame.top) / frame.height) * this.height)),
    ];
  }
}
