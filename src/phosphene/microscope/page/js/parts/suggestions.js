// @ts-check
/** What the browser offers while one types: class names, for `list="class-names"`, and layers, for `list="layer-names"`. */

import { el, fill } from "../dom.js";
import { getJson } from "../server.js";
import { Turns } from "../turns.js";

/** A list of class names that follows what is typed. @param {() => string} network @param {AbortSignal} signal of the view that holds it */
export function classNames(network, signal) {
  const list = el("datalist", { id: "class-names" }), turns = new Turns(signal);
  let last = "";
  document.addEventListener("input", async (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.getAttribute?.("list") !== "class-names" || input.value === last || input.value.length < 2) return;
    last = input.value;
    try {
      const { classes } = await getJson("/api/classes", { network: network(), search: input.value }, turns.next());
      fill(list, ...classes.map((/** @type {{label: string}} */ each) => el("option", { value: each.label })));
    } catch { /* without suggestions then */ }
  }, { signal });
  return list;
}

/** A list of a network's layers, for `fill`. @param {string[]} names */
export const layerNames = (names) => names.map((name) => el("option", { value: name }));
