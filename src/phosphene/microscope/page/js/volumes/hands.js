// @ts-check
/** How pointers, the wheel and keys move the eye: one finger turns, two move and bring nearer. */

/** @typedef {import("./orbit.js").Orbit} Orbit */

const TURN = 0.12, STEP = 1.25, STILL = 4; // radians and a factor a key; pixels that a click may travel

/**
 * @param {HTMLElement} element
 * @param {Orbit} orbit
 * @param {{moved: () => void, point: (x: number, y: number) => void, leave: () => void, choose: (x: number, y: number) => void}} told places from −1 to 1
 */
export function follow(element, orbit, told) {
  /** @type {Map<number, PointerEvent>} */
  const held = new Map();
  let travelled = 0;

  /** @param {MouseEvent} event @returns {[number, number]} */
  const place = (event) => {
    const frame = element.getBoundingClientRect();
    return [(2 * (event.clientX - frame.left)) / frame.width - 1, 1 - (2 * (event.clientY - frame.top)) / frame.height];
  };

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    if (!held.size) travelled = 0;
    held.set(event.pointerId, event);
  });

  element.addEventListener("pointermove", (event) => {
    const before = held.get(event.pointerId);
    if (!before) return event.pointerType === "touch" ? undefined : told.point(...place(event));
    const [x, y] = place(event), [oldX, oldY] = place(before);
    travelled += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
    held.set(event.pointerId, event);
    const other = [...held.values()].find((each) => each.pointerId !== event.pointerId);
    if (other) {
      const [otherX, otherY] = place(other);
      const apart = (/** @type {MouseEvent} */ one) => Math.max(1, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY));
      orbit.pan((oldX - x) / 2, (oldY - y) / 2);
      orbit.approach(apart(event) / apart(before), (x + otherX) / 2, (y + otherY) / 2);
    } else if (event.shiftKey || event.buttons & 6) orbit.pan(oldX - x, oldY - y);
    else orbit.turn((x - oldX) * 1.6, (oldY - y) * 0.9);
    if (travelled > STILL) told.moved();
  });

  element.addEventListener("pointerup", (event) => {
    held.delete(event.pointerId);
    if (travelled <= STILL && event.button === 0) told.choose(...place(event));
  });
  element.addEventListener("pointercancel", (event) => held.delete(event.pointerId));
  element.addEventListener("pointerleave", () => told.leave());
  element.addEventListener("contextmenu", (event) => event.preventDefault());

  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = Math.max(-240, Math.min(240, event.deltaY * [1, 30, 300][event.deltaMode]));
    orbit.approach(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), ...place(event));
    told.moved();
  }, { passive: false });

  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[event.key];
    if (way && event.shiftKey) orbit.pan(way[0] * TURN, way[1] * TURN);
    else if (way) orbit.turn(-way[0] * TURN, way[1] * TURN);
    else if (event.key === "+" || event.key === "=") orbit.approach(STEP);
    else if (event.key === "-") orbit.approach(1 / STEP);
    else if (event.key === "Home") orbit.reset();
    else return;
    event.preventDefault();
    event.stopPropagation();
    told.moved();
  });
}
