// @ts-check
/** The network as a strip of its layers, in order, each as large as its maps; one is chosen. */

import { counted, el, fill } from "../dom.js";

/**
 * @typedef {{name: string, kind: string, shape: number[], field: string, parameters: number, operations: number,
 *   group: string}} Row
 * @typedef {{network: string, fingerprint: string, notes: string[], input: number[], parameters: number, operations: number, head: string | null,
 *   labels: number, preprocessing: string, strip: Row[],
 *   layers: {name: string, kind: string, shape: number[], field: string}[]}} Layers
 */

export class Strip {
  /** @param {(layer: string) => void} choose */
  constructor(choose) {
    this.choose = choose;
    /** @type {Row[]} */
    this.rows = [];
    this.chosen = "";
    /** @type {Layers | null} */
    this.shown = null;
    this.element = el("div", { class: "strip", role: "listbox", "aria-label": "Layers", "aria-orientation": "horizontal",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event) });
  }

  /** @param {Layers} layers @param {string} chosen */
  show(layers, chosen) {
    [this.shown, this.rows] = [layers, layers.strip];
    const others = chosen && !this.rows.some((row) => row.name === chosen);
    if (others) {
      const own = layers.layers.find((layer) => layer.name === chosen);
      if (own) this.rows = placed(this.rows, layers, own);
    }
    this.chosen = chosen;
    const most = Math.max(...this.rows.map((row) => Math.max(row.shape[1], row.shape[2])), 1);
    fill(this.element, ...this.rows.map((row) => this.item(row, most)));
    this.reveal();
  }

  /** Shows no layers. */
  clear() {
    [this.shown, this.rows, this.chosen] = [null, [], ""];
    fill(this.element);
  }

  /** @param {Row} row @param {number} most */
  item(row, most) {
    const [units, high, wide] = row.shape;
    const tall = 10 + 38 * Math.sqrt(high / most), deep = 4 + 3.2 * Math.log2(units + 1);
    const chosen = row.name === this.chosen;
    return el("button", {
      class: `strip-layer group-${row.group}`, role: "option", "aria-selected": String(chosen), tabIndex: chosen ? 0 : -1,
      type: "button", "data-layer": row.name,
      title: `${row.name}\n${row.kind}\n${counted(units, "unit")} of ${high} × ${wide} places\nreceptive field ${row.field}`,
      onclick: () => this.choose(row.name),
    },
    el("span", { class: "strip-block", style: `height:${tall.toFixed(0)}px;width:${deep.toFixed(0)}px` }),
    el("span", { class: "strip-name" }, row.name),
    el("span", { class: "strip-shape" }, `${units} · ${high}×${wide}`));
  }

  /** @param {string} layer */
  select(layer) {
    this.chosen = layer;
    for (const item of this.element.children) {
      const own = item.getAttribute("data-layer") === layer;
      item.setAttribute("aria-selected", String(own));
      /** @type {HTMLElement} */ (item).tabIndex = own ? 0 : -1;
    }
    this.reveal();
  }

  reveal() {
    const chosen = /** @type {HTMLElement | null} */ (this.element.querySelector('[aria-selected="true"]'));
    if (!chosen) return;
    const left = chosen.offsetLeft - this.element.offsetLeft, middle = left - (this.element.clientWidth - chosen.offsetWidth) / 2;
    this.element.scrollLeft = Math.max(0, middle);
  }

  /** The layer before or after the chosen one. @param {number} by */
  neighbour(by) {
    const at = this.rows.findIndex((row) => row.name === this.chosen);
    return this.rows[Math.max(0, Math.min(this.rows.length - 1, at + by))]?.name ?? "";
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const by = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1,
      Home: -this.rows.length, End: this.rows.length })[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(this.neighbour(by));
    /** @type {HTMLElement | null} */ (this.element.querySelector('[aria-selected="true"]'))?.focus();
  }
}

/** The strip with one more value in its place. @param {Row[]} rows @param {Layers} layers @param {Layers["layers"][0]} own @returns {Row[]} */
function placed(rows, layers, own) {
  const order = new Map(layers.layers.map((layer, at) => [layer.name, at]));
  const shape = own.shape.length === 3 ? own.shape : [own.shape.at(-1) ?? 1, 1, 1];
  const row = { ...own, shape, parameters: 0, operations: 0, group: "other" };
  const before = rows.filter((each) => (order.get(each.name) ?? 0) < (order.get(own.name) ?? 0));
  return [...before, row, ...rows.slice(before.length)];
}

/** Says how the network sees its images, and what was assumed when it was opened. @param {Element} element @param {Layers | null} layers */
export function sayNetwork(element, layers) {
  fill(element, ...(layers ? [el("p", { class: "small muted" }, `How ${layers.network} sees an image: ${layers.preprocessing}.`),
    ...layers.notes.map((note) => el("p", { class: "small note" }, `${note[0].toUpperCase()}${note.slice(1)}.`))] : []));
}

/** The layer that is shown first: the last one with maps of at least 7 places a side. @param {Layers} layers */
export function usual(layers) {
  const maps = layers.strip.filter((row) => row.shape[1] * row.shape[2] >= 100);
  return (maps.at(Math.floor(maps.length * 0.7)) ?? layers.strip[0] ?? layers.layers[0]).name;
}
