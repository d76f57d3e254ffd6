// @ts-check
/** The images of an atlas as points: where they lie, their labels and numbers, as the server packs them; and plane geometry. */

/** @typedef {{count: number, labels: string[], keys: string[], layer: string, words: string, sprite: number, across: number}} Header */
/** @typedef {[number, number]} Point */

export class Points {
  /** @param {ArrayBuffer} bytes of /api/atlas/points.bin */
  constructor(bytes) {
    const length = new DataView(bytes).getUint32(0, true);
    /** @type {Header} */
    this.header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
    const { count } = this.header;
    let at = 4 + length;
    this.positions = new Float32Array(bytes, at, 2 * count);
    this.codes = new Int32Array(bytes, at + 8 * count, count);
    at += 12 * count;
    this.ids = new Float64Array(bytes, at + ((8 - (at % 8)) % 8), count);
    this.indices = new Map(Array.from(this.ids, (id, index) => [id, index]));
  }

  get count() { return this.header.count; }

  /** The label of an image, or null. @param {number} index */
  label(index) {
    return this.codes[index] < 0 ? null : this.header.labels[this.codes[index]];
  }

  /** Where images of these numbers stand; those that the map does not have are left out. @param {number[]} numbers */
  placesOf(numbers) {
    return numbers.flatMap((number) => this.indices.has(number) ? [/** @type {number} */ (this.indices.get(number))] : []);
  }

  /** The smallest box that holds all: left, top, right, bottom. */
  bounds() {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let at = 0; at < this.positions.length; at += 2) {
      left = Math.min(left, this.positions[at]);
      right = Math.max(right, this.positions[at]);
      top = Math.min(top, this.positions[at + 1]);
      bottom = Math.max(bottom, this.positions[at + 1]);
    }
    return [left, top, right, bottom];
  }
}

/** Whether a point lies within a closed line. @param {Point} point @param {Point[]} line */
export function within([x, y], line) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [ax, ay] = line[i], [bx, by] = line[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
