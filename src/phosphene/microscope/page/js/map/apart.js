// @ts-check
/** Which images of a map are shown as photos: so many that none covers another. The others stay points, until one comes nearer. */

/**
 * Goes through the images, the chosen ones and those that fit the search first, and takes each that no taken one lies too
 * near to. It does not depend on which part of the map is seen, so that moving the map changes nothing.
 * @param {{count: number, positions: Float32Array}} points
 * @param {number} side of a photo, in the map's units
 * @param {Set<number>} chosen
 * @param {(index: number) => boolean} fits
 * @returns {Uint8Array} 1 for those that are photos
 */
export function apart({ count, positions }, side, chosen, fits) {
  const photos = new Uint8Array(count), taken = /** @type {Map<string, number[]>} */ (new Map());
  const free = (/** @type {number} */ index) => {
    const x = positions[2 * index], y = positions[2 * index + 1], column = Math.floor(x / side), row = Math.floor(y / side);
    for (let right = -1; right <= 1; right++)
      for (let up = -1; up <= 1; up++)
        for (const other of taken.get(`${column + right},${row + up}`) ?? [])
          if (Math.abs(positions[2 * other] - x) < side && Math.abs(positions[2 * other + 1] - y) < side) return false;
    const cell = `${column},${row}`, here = taken.get(cell);
    if (here) here.push(index);
    else taken.set(cell, [index]);
    return true;
  };
  for (const turn of [0, 1, 2])
    for (let index = 0; index < count; index++)
      if ((chosen.has(index) ? 0 : fits(index) ? 1 : 2) === turn && free(index)) photos[index] = 1;
  return photos;
}
