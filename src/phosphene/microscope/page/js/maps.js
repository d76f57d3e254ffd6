// @ts-check
/**
 * A layer's maps as the server packs them (see values.py): parsed, ordered, ranged and painted here, so that range and
 * order switch without a question.
 */

import { colours } from "./colours.js";
import { getBytes } from "./server.js";

/** @typedef {{low: number, high: number, map: string}} Span range of values and the colour map over it */

/** A layer's maps on one image. */
export class Maps {
  /** @param {ArrayBuffer} bytes */
  constructor(bytes) {
    const length = new DataView(bytes).getUint32(0, true);
    /** @type {{layer: string, shape: number[], full: number[], averaged: number, scale: number, finite: boolean,
     *   rows: number[][] | null, columns: number[][] | null, input: number[]}} */
    this.header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const [units, rows, columns] = this.header.shape;
    this.units = units;
    this.rows = rows;
    this.columns = columns;
    this.statistics = new Float32Array(bytes, 4 + length, 4 * units);
    this.half = new Uint16Array(bytes, 4 + length + 16 * units, units * rows * columns);
    this.scale = this.header.scale;
    let low = Infinity, high = -Infinity;
    for (let unit = 0; unit < units; unit++) {
      low = Math.min(low, this.lowest(unit));
      high = Math.max(high, this.highest(unit));
    }
    this.low = low;
    this.high = high;
  }

  get layer() { return this.header.layer; }
  /** @param {number} unit */
  lowest(unit) { return this.statistics[4 * unit]; }
  /** @param {number} unit */
  highest(unit) { return this.statistics[4 * unit + 1]; }
  /** @param {number} unit */
  mean(unit) { return this.statistics[4 * unit + 2]; }
  /** @param {number} unit */
  deviation(unit) { return this.statistics[4 * unit + 3]; }

  /** The value of a unit at a place. @param {number} unit @param {number} row @param {number} column */
  at(unit, row, column) {
    return HALF[this.half[(unit * this.rows + row) * this.columns + column]] * this.scale;
  }

  /**
   * The units in an order: by number, by their largest value, or by how much they vary.
   * @param {string} order
   */
  ordered(order) {
    const numbers = Array.from({ length: this.units }, (_, unit) => unit);
    if (order === "strongest") numbers.sort((a, b) => this.highest(b) - this.highest(a) || a - b);
    if (order === "variance") numbers.sort((a, b) => this.deviation(b) - this.deviation(a) || a - b);
    return numbers;
  }

  /**
   * The range that a unit's values are shown in.
   * @param {number} unit
   * @param {string} range "unit": each unit's own; "layer": one for all; "symmetric": one for all, about zero
   * @returns {Span}
   */
  span(unit, range) {
    if (range === "symmetric") {
      const most = Math.max(Math.abs(this.low), Math.abs(this.high)) || 1;
      return { low: -most, high: most, map: "diverging" };
    }
    const [low, high] = range === "layer" ? [this.low, this.high] : [this.lowest(unit), this.highest(unit)];
    return { low, high, map: "grey" };
  }

  /**
   * Paints a unit's map into pixels, one for each place, in the colours of its range; what is no number is left clear.
   * @param {number} unit
   * @param {Span} span
   * @param {Uint32Array} into
   * @param {number} start first pixel
   * @param {number} step pixels from one row to the next
   */
  paint(unit, span, into, start, step) {
    const table = colours(span.map);
    const factor = span.high > span.low ? (255 * this.scale) / (span.high - span.low) : 0;
    const offset = span.high > span.low ? (-255 * span.low) / (span.high - span.low) : span.map === "diverging" ? 127.5 : 0;
    let from = unit * this.rows * this.columns;
    for (let row = 0; row < this.rows; row++) {
      let to = start + row * step;
      for (let column = 0; column < this.columns; column++, from++, to++) {
        const value = HALF[this.half[from]] * factor + offset;
        into[to] = value - value !== 0 ? 0 : table[value < 0 ? 0 : value > 255 ? 255 : (value + 0.5) | 0];
      }
    }
  }

  /** The place in which a point of the photo lies, the map laid over the network's input. @param {number} x @param {number} y */
  placeAt(x, y) {
    const { rows, columns, input: [left, top, right, bottom] } = this.header;
    if (!rows || !columns) return null;
    const cell = (/** @type {number} */ point, /** @type {number} */ start, /** @type {number} */ end, /** @type {number} */ count) =>
      Math.max(0, Math.min(count - 1, Math.floor(((point - start) / (end - start)) * count)));
    return { row: cell(y, top, bottom, this.rows), column: cell(x, left, right, this.columns) };
  }

  /** The row and column of a place as an address has them; of averaged places, those of the middle one. @param {number} row @param {number} column */
  cell(row, column) {
    const { averaged, full } = this.header, middle = averaged >> 1;
    return `${Math.min(full[1] - 1, row * averaged + middle)},${Math.min(full[2] - 1, column * averaged + middle)}`;
  }

  /** What a place sees of the photo, [left, top, right, bottom]. @param {number} row @param {number} column */
  windowOf(row, column) {
    const { rows, columns, averaged } = this.header;
    if (!rows || !columns) return null;
    const span = (/** @type {number[][]} */ spans, /** @type {number} */ at) => [
      spans[Math.min(spans.length - 1, at * averaged)][0], spans[Math.min(spans.length - 1, (at + 1) * averaged - 1)][1]];
    const [top, bottom] = span(rows, row), [left, right] = span(columns, column);
    return [left, top, right, bottom];
  }

  /** Where a unit is largest: row, column and value. @param {number} unit */
  peak(unit) {
    let best = -Infinity, at = 0;
    const start = unit * this.rows * this.columns;
    for (let place = 0; place < this.rows * this.columns; place++) {
      const value = HALF[this.half[start + place]];
      if (value > best && value < Infinity) [best, at] = [value, place];
    }
    return { row: Math.floor(at / this.columns), column: at % this.columns, value: best * this.scale };
  }
}

/** Every 16-bit float as a number. */
const HALF = (() => {
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    table[bits] = exponent === 0 ? sign * fraction * 2 ** -24
      : exponent === 31 ? (fraction ? NaN : sign * Infinity)
      : sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return table;
})();

/** @type {Map<string, Maps>} */
const known = new Map();
const MOST = 24;

/**
 * The maps of a layer, from memory where they were asked for before.
 * @param {{network: string, image: string, layer: string}} asked
 * @param {AbortSignal} [signal]
 */
export async function loadMaps(asked, signal) {
  const key = JSON.stringify(asked);
  const before = known.get(key);
  if (before) {
    known.delete(key);
    known.set(key, before);
    return before;
  }
  const maps = new Maps(await getBytes("/api/maps.bin", asked, signal));
  known.set(key, maps);
  if (known.size > MOST) known.delete(/** @type {string} */ (known.keys().next().value));
  return maps;
}
