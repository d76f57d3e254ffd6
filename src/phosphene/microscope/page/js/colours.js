// @ts-check
/** Colour maps as 256 packed colours, the server's own, so that a value has the same colour here and in its pictures. */

import { theSession } from "./server.js";

/** @type {Map<string, Uint32Array>} */
const maps = new Map();

/** Reads the maps from the session. */
export async function loadColours() {
  const { colours } = await theSession();
  for (const [name, flat] of Object.entries(colours)) {
    const packed = new Uint32Array(256);
    for (let at = 0; at < 256; at++)
      packed[at] = 0xff000000 | (flat[3 * at + 2] << 16) | (flat[3 * at + 1] << 8) | flat[3 * at];
    maps.set(name, packed);
  }
}

/** The colours of a map, as little-endian RGBA. @param {string} name */
export function colours(name) {
  const found = maps.get(name);
  if (!found) throw new Error(`there is no colour map ${name}`);
  return found;
}

/** A colour map as CSS, from its low end to its high one. @param {string} name */
export function gradient(name) {
  const packed = colours(name);
  const stops = Array.from({ length: 17 }, (_, at) => {
    const colour = packed[Math.min(255, at * 16)];
    return `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
  });
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}
