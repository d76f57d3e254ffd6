// @ts-check
/** What pointer, wheel and keys do on the map: move it, come nearer, choose an image, draw a lasso round some. */

import { counted } from "../dom.js";
import { say } from "../parts/banner.js";
import { within } from "./points.js";

/** @typedef {import("./plot.js").Plot} Plot @typedef {import("./points.js").Point} Point */

const MOST_CHOSEN = 2000; // images of a lasso
const STEP = 60; // pixels that an arrow moves

export class Hands {
  /** @param {Plot} plot @param {{choose: (indices: number[]) => void, lasso: (on: boolean) => void}} told */
  constructor(plot, told) {
    this.plot = plot;
    this.told = told;
    /** @type {Point[]} the lasso that is being drawn */
    this.loop = [];
    this.lassoing = false;
    /** @type {Point | null} where the pointer went down */
    this.from = null;
    this.moved = false;
    const { canvas } = plot;
    canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.down(event));
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.move(event));
    canvas.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.drop());
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.keys(event));
    canvas.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false });
  }

  /** The next drag draws a lasso, or moves the map again. */
  turnLasso() {
    this.lassoing = !this.lassoing;
    this.told.lasso(this.lassoing);
  }

  /** @param {MouseEvent} event @returns {Point} */
  point(event) {
    const frame = this.plot.canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.plot.canvas.setPointerCapture(event.pointerId);
    this.from = this.point(event);
    this.moved = false;
    if (this.lassoing || event.shiftKey) this.loop = [this.from];
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { plot } = this, [x, y] = this.point(event);
    if (!this.from) {
      plot.canvas.title = plot.points?.header.keys[plot.nearest([x, y])] ?? "";
      return;
    }
    if (Math.hypot(x - this.from[0], y - this.from[1]) > 4) this.moved = true;
    if (this.loop.length) this.loop.push([x, y]);
    else if (this.moved) plot.move(event.movementX, event.movementY);
    plot.draw();
  }

  /** @param {PointerEvent} event */
  up(event) {
    const { plot, loop, moved } = this;
    this.drop();
    if (loop.length > 2) {
      const inside = [];
      for (let index = 0; index < (plot.points?.count ?? 0); index++) if (within(plot.at(index), loop)) inside.push(index);
      if (inside.length > MOST_CHOSEN) say(`The lasso holds ${counted(inside.length, "image")}; the first ${MOST_CHOSEN.toLocaleString("en")} are taken.`);
      if (inside.length) this.told.choose(inside.slice(0, MOST_CHOSEN));
      if (this.lassoing) this.turnLasso();
    } else if (!moved) this.chooseNearest(this.point(event));
  }

  /** Forgets where the pointer went down, and the lasso. */
  drop() {
    [this.from, this.loop] = [null, []];
    this.plot.draw();
  }

  /** @param {Point} point @param {number} [reach] */
  chooseNearest(point, reach) {
    const near = this.plot.nearest(point, reach);
    if (near >= 0) this.told.choose([near]);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    this.plot.zoom(Math.exp(-event.deltaY / 400), this.point(event));
  }

  /** @param {KeyboardEvent} event */
  keys(event) {
    const { plot } = this;
    const moves = /** @type {Record<string, () => void>} */ ({
      ArrowLeft: () => plot.move(STEP, 0), ArrowRight: () => plot.move(-STEP, 0),
      ArrowUp: () => plot.move(0, STEP), ArrowDown: () => plot.move(0, -STEP),
      Enter: () => this.chooseNearest(plot.middle, Infinity),
      "+": () => plot.zoom(1.3), "-": () => plot.zoom(1 / 1.3), Home: () => plot.reset(),
    });
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  }
}
