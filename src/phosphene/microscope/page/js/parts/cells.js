// @ts-check
/** A heat map of two networks' layers, whose cells open both layers: by a click on the map, or by the rows of its table. */

import { el } from "../dom.js";

/** @typedef {{layers: [string[], string[]], values: (number | null)[][]}} Matrix rows are the first network's layers */

/**
 * @param {HTMLElement} figure with the drawing, and a table with a row for each layer of the first network
 * @param {Matrix} matrix
 * @param {(one: string, other: string) => string} link where both layers are shown
 * @param {(one: string, other: string) => void} choose
 */
export function openCells(figure, { layers: [rows, columns], values }, link, choose) {
  const map = /** @type {SVGImageElement | null} */ (figure.querySelector('.figure-body image[style*="pixelated"]'));
  if (map) {
    const pointed = el("p", { class: "small muted cells-pointed" }, POINT);
    const cell = (/** @type {MouseEvent} */ event) => {
      const box = map.getBoundingClientRect();
      const at = (/** @type {number} */ share, /** @type {string[]} */ names) => Math.max(0, Math.min(names.length - 1, Math.floor(share * names.length)));
      return [at((event.clientY - box.top) / box.height, rows), at((event.clientX - box.left) / box.width, columns)];
    };
    map.classList.add("cells");
    map.addEventListener("click", (event) => {
      const [row, column] = cell(event);
      choose(rows[row], columns[column]);
    });
    map.addEventListener("mousemove", (event) => {
      const [row, column] = cell(event), value = values[row][column];
      pointed.textContent = `${rows[row]} and ${columns[column]}: ${value === null ? "not measured" : value.toFixed(2).replace("-", "−")}. Click to see both.`;
    });
    map.addEventListener("mouseleave", () => { pointed.textContent = POINT; });
    figure.querySelector(".figure-body")?.after(pointed);
  }
  for (const line of figure.querySelectorAll("tbody tr")) {
    const [one, other] = line.querySelectorAll("td"), [name, alike] = [one, other].map((each) => each?.textContent ?? "");
    if (rows.includes(name) && columns.includes(alike)) one.replaceChildren(el("a", { href: link(name, alike), "data-link": "", title: "See both layers" }, name));
  }
}

const POINT = "Point at a cell for its number; click it to see both layers side by side.";
