// @ts-check
/** The eye that looks at the boxes: turned about a point, moved, brought nearer; and what lies below a pointer. */

/** @typedef {import("./boxes.js").Point} Point @typedef {import("./boxes.js").Box} Box */

const YAW = -0.36, PITCH = 0.28;
export const HALF = Math.tan((10 * Math.PI) / 180); // half the view's height at a distance of 1

export class Orbit {
  constructor() {
    this.aspect = 1;
    this.distance = 10; // to the target, before coming nearer
    this.away = 10;
    this.yaw = YAW;
    this.pitch = PITCH;
    this.zoom = 1;
    /** @type {Point} */
    this.back = [0, 0, 1];
    /** @type {Point} */
    this.right = [1, 0, 0];
    /** @type {Point} */
    this.up = [0, 1, 0];
    /** @type {Point} */
    this.eye = [0, 0, 0];
    /** @type {Point} */
    this.home = [0, 0, 0];
    /** @type {Point} */
    this.target = [0, 0, 0];
    this.reset();
  }

  /** Back to where all boxes are in sight. */
  reset() {
    [this.yaw, this.pitch, this.zoom] = [YAW, PITCH, 1];
    this.target = [...this.home];
    this.turn();
  }

  /**
   * Chooses the distance from which all boxes are in sight.
   * @param {Box[]} boxes @param {number} aspect
   * @param {{left: number, right: number, low: number, high: number}} free the part of the view to fill; from −1 to 1
   */
  fit(boxes, aspect, free) {
    const { yaw, pitch, zoom, target, home } = this;
    const moved = target.map((value, axis) => value - home[axis]);
    this.aspect = aspect;
    const points = boxes.flatMap(corners);
    this.home = /** @type {Point} */ ([0, 1, 2].map((axis) => {
      const values = points.map((point) => point[axis]);
      return (Math.min(...values) + Math.max(...values)) / 2;
    }));
    this.reset();
    for (let round = 0; round < 12; round++) {
      let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
      for (const point of points) {
        const [x, y] = this.project(point);
        [left, right, low, high] = [Math.min(left, x), Math.max(right, x), Math.min(low, y), Math.max(high, y)];
      }
      const size = Math.max((right - left) / (free.right - free.left), (high - low) / (free.high - free.low));
      this.home = this.moved(this.home, (left + right - size * (free.left + free.right)) / 2, (low + high - size * (free.low + free.high)) / 2);
      this.target = [...this.home];
      this.distance *= Number.isFinite(size) && size > 0 ? size : 1.5;
      this.turn();
    }
    [this.yaw, this.pitch, this.zoom] = [yaw, pitch, zoom];
    this.target = /** @type {Point} */ (this.home.map((value, axis) => value + moved[axis]));
    this.turn();
  }

  /** Turns about the target. @param {number} [yaw] @param {number} [pitch] */
  turn(yaw = 0, pitch = 0) {
    this.yaw += yaw;
    this.pitch += pitch;
    this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch));
    this.zoom = Math.max(0.4, Math.min(40, this.zoom));
    const [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    this.back = [-sy * cp, sp, cy * cp];
    this.right = [cy, 0, sy];
    this.up = [sy * sp, cp, -cy * sp];
    this.away = this.distance / this.zoom;
    this.eye = /** @type {Point} */ (this.target.map((value, axis) => value + this.away * this.back[axis]));
  }

  /** A point moved across the view, by parts of half its height and width at the target's distance. @param {Point} point @param {number} x @param {number} y @returns {Point} */
  moved(point, x, y) {
    const high = this.away * HALF;
    return /** @type {Point} */ (point.map((value, axis) => value + high * (x * this.aspect * this.right[axis] + y * this.up[axis])));
  }

  /** Moves the view's middle to a place of the view; from −1 to 1. @param {number} x @param {number} y */
  pan(x, y) {
    this.target = this.moved(this.target, x, y);
    this.turn();
  }

  /** Comes nearer, so that what lies at a place of the view stays there. @param {number} factor @param {number} [x] @param {number} [y] */
  approach(factor, x = 0, y = 0) {
    const before = this.zoom;
    this.zoom *= factor;
    this.turn();
    const change = this.zoom / before - 1;
    this.pan(x * change, y * change);
  }

  /** Where a point is in the view: x and y from −1 to 1, and its distance along the view. @param {Point} point @returns {Point} */
  project(point) {
    const from = point.map((value, axis) => value - this.eye[axis]);
    const deep = -dot(from, this.back);
    return [dot(from, this.right) / (deep * HALF * this.aspect), dot(from, this.up) / (deep * HALF), deep];
  }

  /** The projection for the graphics card, column by column. */
  matrix() {
    const near = this.away * 0.02, far = this.away * 6 + 200;
    const [a, b] = [(far + near) / (near - far), (2 * far * near) / (near - far)];
    const rows = [this.right, this.up, this.back].map((axis) => [...axis, -dot(axis, this.eye)]);
    const out = [
      rows[0].map((value) => value / (HALF * this.aspect)), rows[1].map((value) => value / HALF),
      rows[2].map((value, at) => a * value + (at === 3 ? b : 0)), rows[2].map((value) => -value),
    ];
    return new Float32Array([0, 1, 2, 3].flatMap((column) => out.map((row) => row[column])));
  }

  /** The number of the nearest box at a place of the view, or -1. @param {Box[]} boxes @param {number} x @param {number} y */
  pick(boxes, x, y) {
    const ray = this.back.map((value, axis) => HALF * (x * this.aspect * this.right[axis] + y * this.up[axis]) - value);
    let best = -1, nearest = Infinity;
    boxes.forEach(({ low, size }, at) => {
      let [enter, leave] = [0, Infinity];
      for (let axis = 0; axis < 3; axis++) {
        const one = (low[axis] - this.eye[axis]) / ray[axis], two = (low[axis] + size[axis] - this.eye[axis]) / ray[axis];
        enter = Math.max(enter, Math.min(one, two));
        leave = Math.min(leave, Math.max(one, two));
      }
      if (enter <= leave && enter < nearest) [best, nearest] = [at, enter];
    });
    return best;
  }

  /** The pose as text for the URL; '' where it is the first one. */
  get text() {
    const numbers = [this.yaw, this.pitch, this.zoom, ...this.target.map((value, axis) => value - this.home[axis])];
    const usual = [YAW, PITCH, 1, 0, 0, 0];
    return numbers.every((value, at) => Math.abs(value - usual[at]) < 0.005) ? "" : numbers.map((value) => Number(value.toFixed(2))).join(",");
  }

  set text(text) {
    const numbers = text.split(",").map(Number);
    this.reset();
    if (numbers.length !== 6 || !numbers.every(Number.isFinite)) return;
    [this.yaw, this.pitch, this.zoom] = numbers;
    this.target = /** @type {Point} */ (this.home.map((value, axis) => value + numbers[3 + axis]));
    this.turn();
  }
}

/** @param {number[]} one @param {number[]} other */
const dot = (one, other) => one[0] * other[0] + one[1] * other[1] + one[2] * other[2];

/** @param {Box} box @returns {Point[]} */
const corners = ({ low, size }) => Array.from({ length: 8 }, (_, at) => /** @type {Point} */ ([
  low[0] + (at & 1) * size[0], low[1] + ((at >> 1) & 1) * size[1], low[2] + (at >> 2) * size[2]]));
