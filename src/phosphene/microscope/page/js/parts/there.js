// @ts-check
/** What answers most at a point of the photo, at each layer. */

import { compact, el, fill } from "../dom.js";
import { getJson } from "../server.js";
import * as state from "../state.js";
import { loading, refused } from "./waiting.js";

/**
 * @param {Element} element where it is shown
 * @param {{network: string, image: string, x: number, y: number}} asked the point in the photo's pixels
 * @param {{box: (box: number[], layer: string) => void, leave: () => void}} told of the layer that is pointed at
 * @param {AbortSignal} signal
 */
export async function showThere(element, asked, told, signal) {
  fill(element, loading("Looking at every layer …"));
  try {
    const { layers } = await getJson("/api/place", asked, signal);
    fill(element, el("h2", {}, `What answers at ${asked.x}, ${asked.y}`),
      el("p", { class: "small muted" }, "The strongest units of each layer at the point that you clicked (in the photo's pixels)."),
      ...layers.map((/** @type {any} */ each) => el("section", { class: "place-layer",
        onpointerenter: () => told.box(each.box, each.layer), onpointerleave: () => told.leave() },
      el("h3", {}, `${each.layer}@${each.row},${each.column}`),
      el("ul", { class: "place-units" }, ...each.units.map((/** @type {any} */ one) => el("li", {},
        el("a", { href: state.link("look", { ...state.all(), layer: each.layer, unit: one.unit, place: "" }), "data-link": "" }, `${one.unit}`),
        el("span", { class: "muted" }, ` ${compact(one.value)}`)))))));
  } catch (error) {
    if (!signal.aborted) fill(element, refused(error, () => showThere(element, asked, told, signal)));
  }
}
