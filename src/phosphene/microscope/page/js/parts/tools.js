// @ts-check
/** How a layer's units are shown: their order and their range, chosen from lists or turned by keys, in every view that has a grid. */

import { gradient } from "../colours.js";
import { compact, counted, el, fill } from "../dom.js";
import * as state from "../state.js";

/** @typedef {import("../maps.js").Maps} Maps */

const ORDERS = { number: "By number", strongest: "Strongest first", variance: "Most varied first" };
const RANGES = { unit: "Each unit's own range", layer: "One range for the layer", symmetric: "One range about zero" };

export const order = () => state.get("order") || "number";
export const range = () => state.get("range") || "unit";

/** The two lists to choose from; `update` shows what the address says. */
export class GridTools {
  constructor() {
    this.order = select("The order of the units", ORDERS, (order) => state.set({ order }, { replace: true }));
    this.range = select("The range of the tiles", RANGES, (range) => state.set({ range }, { replace: true }));
  }

  update() {
    this.order.value = order();
    this.range.value = range();
  }
}

/** Turns to the next order or range. @param {KeyboardEvent} event @returns {boolean} whether the key means one */
export function toolKey(event) {
  const turn = (/** @type {string} */ name, /** @type {object} */ choices) => {
    const names = Object.keys(choices), now = state.get(name) || names[0];
    state.set({ [name]: names[(names.indexOf(now) + 1) % names.length] }, { replace: true });
  };
  if (event.key === "s") turn("order", ORDERS);
  else if (event.key === "r") turn("range", RANGES);
  else return false;
  return true;
}

/** What a grid's colours mean, below it. @param {Element} foot @param {Maps} maps */
export function sayRange(foot, maps) {
  const { header, units, low, high } = maps, span = maps.span(0, range());
  fill(foot, el("span", {}, counted(units, "unit")), el("span", {}, `values ${compact(low)} to ${compact(high)}`),
    el("span", { class: "bar-key", style: `background:${gradient(span.map)}`, "aria-hidden": "true" }),
    el("span", {}, range() === "unit" ? "black: the unit's lowest value, white: its highest" : `${compact(span.low)} to ${compact(span.high)}`),
    header.averaged > 1 ? el("span", {}, `averaged over ${header.averaged} × ${header.averaged} of ${header.full[1]} × ${header.full[2]} places`) : null,
    header.finite ? null : el("strong", {}, "some values are not finite; they are left clear"));
}

/** @param {string} label @param {Record<string, string>} choices @param {(choice: string) => void} choose */
function select(label, choices, choose) {
  return el("select", { "aria-label": label, title: label, onchange: (/** @type {Event} */ event) => choose(/** @type {HTMLSelectElement} */ (event.target).value) },
    ...Object.entries(choices).map(([value, words]) => el("option", { value }, words)));
}
