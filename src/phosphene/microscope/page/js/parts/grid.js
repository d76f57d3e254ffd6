// @ts-check
/**
 * A layer's units as tiles: thousands of them on one canvas, of which only those in sight are painted.
 *
 * Tiles are painted once, at one pixel a place, into sheets beside the screen; scrolling copies from there. The grid is
 * one stop of the tab key; arrows walk through it.
 */

import { compact, el, onceAFrame } from "../dom.js";

/** @typedef {import("../maps.js").Maps} Maps */

const GAP = 10, LABEL = 15, SHEET = 256;
let grids = 0; // on the page, for the names of their parts

export class TileGrid {
  /**
   * @param {{choose: (unit: number) => void, point: (unit: number, place: {row: number, column: number} | null) => void,
   *   leave: () => void}} told
   * @param {AbortSignal} signal of the view that holds it
   */
  constructor(told, signal) {
    this.told = told;
    /** @type {Maps | null} */
    this.maps = null;
    /** @type {Maps | null} */
    this.drawn = null;
    /** @type {number[]} */
    this.order = [];
    this.orderName = "";
    this.range = "unit";
    this.chosen = -1;
    this.pointed = -1;
    this.side = 64;
    this.columns = 1;
    /** @type {Map<number, HTMLCanvasElement | OffscreenCanvas>} */
    this.sheets = new Map();
    this.canvas = el("canvas", { class: "tiles-canvas", "aria-hidden": "true" });
    this.room = el("div", { class: "tiles-room" }, this.canvas);
    this.element = el("div", {
      class: "tiles", tabIndex: 0, role: "listbox", "aria-label": "Units", "aria-activedescendant": `tile-chosen-${++grids}`,
      onscroll: () => this.draw(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      onpointermove: (/** @type {PointerEvent} */ event) => this.over(event), onpointerleave: () => this.out(),
      onclick: (/** @type {MouseEvent} */ event) => this.click(event),
    }, this.room, this.spoken = el("div", { id: `tile-chosen-${grids}`, class: "unseen", role: "option", "aria-selected": "true" }));
    /** @type {Maps | null} the ones that were drawn last */
    this.drawn = null;
    this.draw = onceAFrame(() => this.drawNow());
    const watching = new ResizeObserver(() => this.layout());
    watching.observe(this.element);
    signal.addEventListener("abort", () => watching.disconnect());
    addEventListener("themechange", () => this.draw(), { signal });
  }

  /** @param {Maps | null} maps @param {string} order @param {string} range @param {number} chosen */
  show(maps, order, range, chosen) {
    const other = maps?.layer !== this.maps?.layer, anew = other || chosen !== this.chosen || order !== this.orderName;
    if (maps !== this.maps || range !== this.range) this.sheets.clear();
    if (other) this.element.scrollTop = 0;
    this.orderName = order;
    [this.maps, this.range, this.chosen] = [maps, range, chosen];
    this.order = maps ? maps.ordered(order) : [];
    this.layout();
    this.speak();
    if (chosen >= 0 && anew) this.reveal(chosen);
    this.drawNow();
  }

  /** The same units on another image, in the order in which they stand. @param {Maps} maps */
  renew(maps) {
    this.maps = maps;
    this.sheets.clear();
    this.drawNow();
  }

  /** @param {number} unit */
  choose(unit) {
    this.chosen = unit;
    this.speak();
    this.reveal(unit);
    this.draw();
  }

  layout() {
    if (!this.maps) return;
    const width = this.element.clientWidth - 2 * GAP;
    if (width <= 0) return;
    const { rows, columns } = this.maps;
    const wanted = Math.max(56, Math.min(132, Math.max(rows, columns) >= 28 ? 96 : 64));
    this.columns = Math.max(1, Math.floor((width + GAP) / (wanted + GAP)));
    this.side = Math.floor((width + GAP) / this.columns) - GAP;
    const tall = this.side * Math.min(2, rows / columns);
    this.tall = Math.max(24, Math.round(tall));
    const lines = Math.ceil(this.order.length / this.columns);
    this.room.style.height = `${lines * this.line() + GAP}px`;
    const ratio = devicePixelRatio || 1;
    const high = this.element.clientHeight;
    this.canvas.width = Math.round(this.element.clientWidth * ratio);
    this.canvas.height = Math.round(high * ratio);
    this.canvas.style.width = `${this.element.clientWidth}px`;
    this.canvas.style.height = `${high}px`;
    this.draw();
  }

  line() { return (this.tall ?? this.side) + LABEL + GAP; }

  /** Where a unit's tile lies. @param {number} position */
  box(position) {
    return {
      left: GAP + (position % this.columns) * (this.side + GAP),
      top: GAP + Math.floor(position / this.columns) * this.line(),
    };
  }

  drawNow() {
    const context = this.canvas.getContext("2d");
    if (!context || !this.maps) return;
    const ratio = devicePixelRatio || 1, top = this.element.scrollTop, high = this.element.clientHeight;
    const style = getComputedStyle(this.element);
    const ink = style.getPropertyValue("--phosphene-muted"), accent = style.getPropertyValue("--phosphene-accent");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.element.clientWidth, high);
    context.imageSmoothingEnabled = false;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "top";
    const tall = this.tall ?? this.side;
    const first = Math.max(0, Math.floor((top - GAP) / this.line()) * this.columns);
    const last = Math.min(this.order.length, (Math.floor((top + high) / this.line()) + 1) * this.columns);
    for (let position = first; position < last; position++) {
      const unit = this.order[position], { left, top: y } = this.box(position);
      const { sheet, x, y: from } = this.tile(unit);
      context.drawImage(sheet, x, from, this.maps.columns, this.maps.rows, left, y - top, this.side, tall);
      if (unit === this.chosen || unit === this.pointed) {
        context.strokeStyle = accent;
        context.lineWidth = unit === this.chosen ? 3 : 1.5;
        context.strokeRect(left - 1.5, y - top - 1.5, this.side + 3, tall + 3);
      }
      context.fillStyle = unit === this.chosen ? accent : ink;
      context.fillText(String(unit), left + this.side / 2, y - top + tall + 3);
    }
    if (this.drawn !== this.maps) {
      this.drawn = this.maps;
      performance.mark("grid-drawn", { detail: this.maps.layer });
    }
  }

  /** The painted tile of a unit: which sheet, and where on it. @param {number} unit */
  tile(unit) {
    const maps = /** @type {Maps} */ (this.maps);
    const across = Math.max(1, Math.min(16, Math.floor(2048 / maps.columns)));
    const perSheet = Math.min(SHEET, across * Math.max(1, Math.floor(2048 / maps.rows)));
    const number = Math.floor(unit / perSheet), within = unit % perSheet;
    let sheet = this.sheets.get(number);
    if (!sheet) {
      const count = Math.min(perSheet, maps.units - number * perSheet);
      const width = across * maps.columns, height = Math.ceil(count / across) * maps.rows;
      sheet = new OffscreenCanvas(width, height);
      const image = new ImageData(width, height), pixels = new Uint32Array(image.data.buffer);
      for (let at = 0; at < count; at++) {
        const each = number * perSheet + at;
        const start = Math.floor(at / across) * maps.rows * width + (at % across) * maps.columns;
        maps.paint(each, maps.span(each, this.range), pixels, start, width);
      }
      /** @type {any} */ (sheet.getContext("2d")).putImageData(image, 0, 0);
      this.sheets.set(number, sheet);
    }
    return { sheet, x: (within % across) * maps.columns, y: Math.floor(within / across) * maps.rows };
  }

  /** The unit and place below a pointer. @param {MouseEvent} event */
  below(event) {
    if (!this.maps) return null;
    const frame = this.element.getBoundingClientRect();
    const x = event.clientX - frame.left - GAP, y = event.clientY - frame.top + this.element.scrollTop - GAP;
    const column = Math.floor(x / (this.side + GAP)), row = Math.floor(y / this.line());
    const position = row * this.columns + column;
    if (x < 0 || y < 0 || column >= this.columns || position >= this.order.length) return null;
    const inX = x - column * (this.side + GAP), inY = y - row * this.line(), tall = this.tall ?? this.side;
    const place = inX < this.side && inY < tall
      ? { row: Math.floor((inY / tall) * this.maps.rows), column: Math.floor((inX / this.side) * this.maps.columns) }
      : null;
    return { unit: this.order[position], place };
  }

  /** @param {PointerEvent} event */
  over(event) {
    const below = this.below(event);
    if (!below) return this.out();
    if (below.unit !== this.pointed) {
      this.pointed = below.unit;
      this.draw();
    }
    this.told.point(below.unit, below.place);
  }

  out() {
    if (this.pointed === -1) return;
    this.pointed = -1;
    this.draw();
    this.told.leave();
  }

  /** @param {MouseEvent} event */
  click(event) {
    const below = this.below(event);
    if (below) this.told.choose(below.unit);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const position = this.order.indexOf(this.chosen);
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.line())) * this.columns;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: page, PageUp: -page,
    });
    let next = position;
    if (event.key in steps) next = position < 0 ? 0 : position + steps[event.key];
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = this.order.length - 1;
    else return;
    event.preventDefault();
    next = Math.max(0, Math.min(this.order.length - 1, next));
    if (next !== position) this.told.choose(this.order[next]);
  }

  /** Scrolls so that a unit's tile is in sight. @param {number} unit */
  reveal(unit) {
    const position = this.order.indexOf(unit);
    if (position < 0) return;
    const { top } = this.box(position), high = this.element.clientHeight;
    if (top - GAP < this.element.scrollTop) this.element.scrollTop = top - GAP;
    else if (top + this.line() > this.element.scrollTop + high) this.element.scrollTop = top + this.line() - high;
  }

  speak() {
    const maps = this.maps;
    this.spoken.textContent = maps && this.chosen >= 0 && this.chosen < maps.units
      ? `unit ${this.chosen} of ${maps.layer}, ${compact(maps.lowest(this.chosen))} to ${compact(maps.highest(this.chosen))}`
      : "no unit chosen";
  }
}
