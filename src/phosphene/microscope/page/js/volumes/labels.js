// @ts-check
/** The names of the boxes as text over the picture: a list that keys and screen readers walk through. */

import { el, fill } from "../dom.js";
import { HALF } from "./orbit.js";

/** @typedef {import("./boxes.js").Box} Box */

const WIDE = 6.4, HIGH = 18, LEAST = 22; // pixels of a letter, of a line, and of a box that is named

export class Labels {
  /** @param {(at: number) => void} choose @param {(at: number) => void} point */
  constructor(choose, point) {
    this.choose = choose;
    this.point = point;
    /** @type {HTMLElement[]} */
    this.items = [];
    this.chosen = -1;
    this.element = el("div", { class: "volumes-labels", role: "listbox", "aria-label": "Layers", "aria-orientation": "horizontal",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event) });
  }

  /** @param {import("./boxes.js").Volume[]} layers */
  show(layers) {
    this.items = layers.map(({ layer, shape }, at) => el("button", {
      class: "volumes-label", type: "button", role: "option", tabIndex: -1, "data-layer": layer, "aria-selected": "false",
      "aria-label": `${layer}, ${shape[0]} channels of ${shape[1]} × ${shape[2]}`,
      onclick: () => this.choose(at), onpointerenter: () => this.point(at), onpointerleave: () => this.point(-1),
    }, layer));
    fill(this.element, ...this.items);
  }

  /**
   * Puts each name below its box; those that would cover another one are left out, but for the chosen and the one pointed at.
   * @param {Box[]} boxes @param {import("./orbit.js").Orbit} orbit @param {number} wide @param {number} high
   * @param {number} chosen @param {number} pointed
   */
  place(boxes, orbit, wide, high, chosen, pointed) {
    this.chosen = chosen;
    /** @type {number[][]} */
    const taken = [];
    const order = [pointed, chosen, ...boxes.keys()].filter((at, place, all) => at >= 0 && at < boxes.length && all.indexOf(at) === place);
    for (const at of order) {
      const { low, size } = boxes[at], item = this.items[at];
      const [x, y, deep] = orbit.project([low[0] + size[0] / 2, low[1], low[2] + size[2]]);
      const left = ((x + 1) / 2) * wide, top = ((1 - y) / 2) * high + 3, half = ((item.textContent ?? "").length * WIDE) / 2 + 5;
      const box = [left - half, top, left + half, top + HIGH];
      const across = (size[0] * wide) / Math.max(1e-6, deep * orbit.aspect) / (2 * HALF); // of its front, in pixels
      const inside = deep > 0 && box[0] > 0 && box[2] < wide && top > 0 && top < high - 2.5 * HIGH;
      const must = at === chosen || at === pointed;
      const free = inside && (must || (across > LEAST && taken.every((one) => box[2] < one[0] || box[0] > one[2] || box[3] < one[1] || box[1] > one[3])));
      item.style.visibility = free ? "visible" : "hidden";
      item.setAttribute("aria-selected", String(at === chosen));
      item.classList.toggle("pointed", at === pointed);
      item.tabIndex = at === (chosen >= 0 ? chosen : 0) ? 0 : -1;
      if (!free) continue;
      taken.push(box);
      item.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px) translateX(-50%)`;
    }
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const by = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1,
      Home: -this.items.length, End: this.items.length })[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(this.items.length - 1, this.chosen + by));
    this.choose(next);
    this.items[next].style.visibility = "visible";
    this.items[next].focus();
  }
}
