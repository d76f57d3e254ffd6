// @ts-check
/** How deep a layer lies in its network, so that layers of two networks can be put side by side. */

/** @typedef {import("./strip.js").Layers} Layers */

/**
 * From 0, the strip's first layer, to 1, its last; a value between two layers of the strip lies between their depths.
 * @param {Layers} layers @param {string} layer
 */
export function depth(layers, layer) {
  const last = Math.max(1, layers.strip.length - 1), at = layers.strip.findIndex((row) => row.name === layer);
  if (at >= 0) return at / last;
  const order = new Map(layers.layers.map((each, place) => [each.name, place])), own = order.get(layer) ?? 0;
  const before = layers.strip.filter((row) => (order.get(row.name) ?? 0) < own).length;
  return Math.max(0, Math.min(1, (before - 0.5) / last));
}

/** The layer of a network's strip that lies nearest to a depth. @param {Layers} layers @param {number} wanted */
export function atDepth(layers, wanted) {
  const last = layers.strip.length - 1;
  return layers.strip[Math.round(wanted * Math.max(0, last))]?.name ?? layers.layers[0]?.name ?? "";
}
