// @ts-check
/** A box to find a layer by its name, among all values that the network computes; and the sheet of keys. */

import { el, fill } from "../dom.js";

/** A dialog over the page that closes by Escape and by a click beside it. @param {string} label @param {...any} children */
export function dialog(label, ...children) {
  const element = el("dialog", { "aria-label": label, onclick: (/** @type {MouseEvent} */ event) => {
    if (event.target === element) element.close();
  } }, ...children);
  element.addEventListener("close", () => element.remove());
  document.body.append(element);
  element.showModal();
  return /** @type {HTMLDialogElement} */ (element);
}

/**
 * @param {{name: string, kind: string, shape: number[]}[]} layers
 * @param {(layer: string) => void} choose
 */
export function findLayer(layers, choose) {
  const list = el("ul", { class: "found", role: "listbox", id: "found-layers", "aria-label": "Layers" });
  let at = 0;
  /** @type {typeof layers} */
  let fitting = [];
  const box = dialog("Find a layer",
    el("input", { type: "search", placeholder: "Find a layer by name or kind", "aria-label": "Find a layer", autofocus: true,
      role: "combobox", "aria-expanded": "true", "aria-controls": "found-layers",
      oninput: (/** @type {Event} */ event) => search(/** @type {HTMLInputElement} */ (event.target).value),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
          event.preventDefault();
          at = Math.max(0, Math.min(fitting.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)));
          draw();
        } else if (event.key === "Enter") {
          event.preventDefault(); // else it presses the button that has the focus once this is closed
          if (fitting[at]) pick(fitting[at].name);
        }
      } }), list);
  /** @param {string} name */
  const pick = (name) => {
    box.close();
    choose(name);
  };
  /** @param {string} text */
  const search = (text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    fitting = layers.filter((layer) => words.every((word) => `${layer.name} ${layer.kind}`.toLowerCase().includes(word))).slice(0, 60);
    at = 0;
    draw();
  };
  const draw = () => {
    fill(list, ...(fitting.length ? fitting.map((layer, index) => el("li", { id: `found-${index}`, role: "option", "aria-selected": String(index === at),
      onclick: () => pick(layer.name) }, el("b", {}, layer.name), el("span", { class: "muted" }, ` ${layer.kind} · ${layer.shape.join(" × ")}`)))
      : [el("li", { class: "muted" }, "No layer of this network has this in its name or kind.")]));
    list.children[at]?.scrollIntoView?.({ block: "nearest" });
    box.querySelector("input")?.setAttribute("aria-activedescendant", fitting.length ? `found-${at}` : "");
  };
  search("");
}

const KEYS = [
  ["← → ↑ ↓", "in the grid: walk through the units; in the strip: through the layers"],
  ["[ and ]", "the layer before, the layer after"],
  ["← → ↑ ↓ + − Home", "in Volumes: turn the boxes, come nearer, go farther, show all"],
  ["/", "find a layer"],
  ["1 … 5", "the views: look, why, map, dream, compare"],
  ["s", "the order of the units: by number, strongest, variance"],
  ["r", "the range of the tiles: each unit's own, the layer's, about zero"],
  ["l", "the lasso, on the map"],
  ["d", "dark or light"],
  ["Escape", "close a dialog"],
  ["?", "these keys"],
];

/** Shows the keys. */
export function showKeys() {
  const box = dialog("Keys", el("h2", {}, "Keys"),
    el("dl", { class: "keys" }, ...KEYS.flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)])),
    el("p", { class: "muted small" }, "The browser's back button undoes any choice. The address of the page brings the same view again."),
    el("form", { method: "dialog" }, el("button", { autofocus: true }, "Close")));
  return box;
}
