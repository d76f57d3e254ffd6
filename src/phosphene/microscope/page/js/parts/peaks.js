// @ts-check
/** Where a unit answers most on a photo: its local maxima, and what it sees from each. */

/** @typedef {import("../maps.js").Maps} Maps */

/** The highest places of a unit that are the highest among their neighbours. @param {Maps} maps @param {number} unit @param {number} most */
export function highest(maps, unit, most) {
  const found = [];
  for (let row = 0; row < maps.rows; row++)
    for (let column = 0; column < maps.columns; column++) {
      const value = maps.at(unit, row, column);
      let highest = value > maps.lowest(unit);
      for (let down = -1; down <= 1 && highest; down++)
        for (let right = -1; right <= 1 && highest; right++) {
          const r = row + down, c = column + right;
          if ((down || right) && r >= 0 && c >= 0 && r < maps.rows && c < maps.columns) {
            const other = maps.at(unit, r, c);
            highest = down < 0 || (down === 0 && right < 0) ? value > other : value >= other;
          }
        }
      if (highest) found.push({ row, column, value });
    }
  return found.sort((a, b) => b.value - a.value).slice(0, most);
}

/** Draws what a window sees of the photo into a square. @param {HTMLImageElement} photo @param {number} width of the photo itself @param {number[]} box @param {HTMLCanvasElement} canvas */
export function cut(photo, width, [left, top, right, bottom], canvas) {
  const draw = () => {
    const scale = photo.naturalWidth / width, context = canvas.getContext("2d");
    const high = bottom - top, wide = right - left, most = Math.max(high, wide);
    const to = [((most - wide) / most / 2) * canvas.width, ((most - high) / most / 2) * canvas.height, (wide / most) * canvas.width, (high / most) * canvas.height];
    context?.drawImage(photo, left * scale, top * scale, wide * scale, high * scale, to[0], to[1], to[2], to[3]);
  };
  if (photo.complete && photo.naturalWidth) draw();
  else photo.addEventListener("load", draw, { once: true });
}
