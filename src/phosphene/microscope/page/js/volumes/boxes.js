// @ts-check
/** The boxes of a network's layers: their bytes from the server (see volumes.py), and where each stands. */

import { getBytes } from "../server.js";

/**
 * @typedef {[number, number, number]} Point
 * @typedef {{layer: string, shape: number[], low: number, high: number, finite: boolean, front: number[], side: number[],
 *   top: number[]}} Volume the faces' sizes are [rows, columns]
 * @typedef {{low: Point, size: Point}} Box its least corner and its size; x to the right, y up, z to the eye
 */

/** The layers of a network on one image, and the values on their faces. */
export class Volumes {
  /** @param {ArrayBuffer} bytes */
  constructor(bytes) {
    const length = new DataView(bytes).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    /** @type {Volume[]} */
    this.layers = header.layers;
    /** @type {string[]} */
    this.leftOut = header.left_out;
    const values = new Uint8Array(bytes, 4 + length);
    let start = 0;
    /** Of each layer the values of its three faces. @type {{rows: number, columns: number, values: Uint8Array}[][]} */
    this.faces = this.layers.map((each) => [each.front, each.side, each.top].map(([rows, columns]) => {
      const face = { rows, columns, values: values.subarray(start, start + rows * columns) };
      start += rows * columns;
      return face;
    }));
  }
}

/** @type {Map<string, Volumes>} */
const known = new Map();
const MOST = 6;

/** The boxes, from memory where they were asked for before. @param {{network: string, image: string}} asked @param {AbortSignal} [signal] */
export async function loadVolumes(asked, signal) {
  const key = JSON.stringify(asked), before = known.get(key);
  if (before) return before;
  const volumes = new Volumes(await getBytes("/api/volumes.bin", asked, signal));
  known.set(key, volumes);
  if (known.size > MOST) known.delete(/** @type {string} */ (known.keys().next().value));
  return volumes;
}

const DEEP = 0.6, APART = 1.3, LABEL = 1.6;

/** How long a side is: one more for each doubling. @param {number} count */
const long = (count) => Math.log2(count + 1);

/**
 * Boxes in lines, like words of a text, in as many lines as make them largest in a view of this aspect. Their fronts
 * stand in one plane; behind each is room for its side to be seen.
 * @param {Volume[]} layers
 * @param {number} aspect width over height
 * @returns {{boxes: Box[], lines: number[][]}} lines hold the numbers of their boxes
 */
export function arranged(layers, aspect) {
  const sizes = layers.map(({ shape: [channels, rows, columns] }) => /** @type {Point} */ ([long(columns), long(rows), DEEP * long(channels)]));
  const steps = sizes.map(([wide, , deep]) => wide + APART + 0.45 * deep);
  const all = steps.reduce((sum, step) => sum + step, 0);
  /** @type {{scale: number, lines: number[][]}} */
  let best = { scale: 0, lines: [] };
  for (let count = 1; count <= layers.length; count++) {
    const lines = broken(steps, all / count);
    const wide = Math.max(...lines.map((line) => sum(line, steps)));
    const high = lines.reduce((total, line) => total + tall(line, sizes), 0);
    // seen from the first pose, a line is a little shorter, and lower at its end
    const scale = Math.min(aspect / (0.94 * wide), 1 / (high + 0.1 * wide));
    if (scale > best.scale) best = { scale, lines };
    else if (lines.length >= 3 && scale < 0.7 * best.scale) break;
  }
  /** @type {Box[]} */
  const boxes = Array(layers.length);
  let y = 0;
  for (const line of best.lines) {
    y -= tall(line, sizes);
    let x = 0;
    for (const at of line) {
      const [wide, high, deep] = sizes[at];
      boxes[at] = { low: [x, y + LABEL, -deep], size: [wide, high, deep] };
      x += steps[at];
    }
  }
  return { boxes, lines: best.lines };
}

/** @param {number[]} line @param {number[]} steps */
const sum = (line, steps) => line.reduce((total, at) => total + steps[at], 0);

/** @param {number[]} line @param {Point[]} sizes */
const tall = (line, sizes) => LABEL + Math.max(...line.map((at) => sizes[at][1] + 0.4 * sizes[at][2])) + 0.4;

/** Numbers of boxes in lines of about this width. @param {number[]} steps @param {number} width */
function broken(steps, width) {
  /** @type {number[][]} */
  const lines = [[]];
  let filled = 0;
  steps.forEach((step, at) => {
    const line = lines[lines.length - 1];
    if (line.length && filled + step / 2 > width * lines.length) lines.push([at]);
    else line.push(at);
    filled += step;
  });
  return lines;
}
