// @ts-check
/** The column beside the map: the neighbours of a chosen image, or which units several chosen ones share. */

import { counted, el, fill } from "../dom.js";
import { table } from "../parts/figure.js";
import { empty, loading, refused } from "../parts/waiting.js";
import { address, getJson } from "../server.js";
import * as state from "../state.js";
import { Turns } from "../turns.js";

/** @typedef {import("./points.js").Points} Points */

const SHOWN = 12; // of several chosen images
const LABELS = 6; // of theirs that are counted
const UNITS = 30; // that they share

export class Chosen {
  /** @param {AbortSignal} signal of the view that holds it */
  constructor(signal) {
    this.turns = new Turns(signal);
    this.element = el("section", { class: "split-side", "aria-label": "The chosen images" });
  }

  clear() {
    this.turns.end();
    fill(this.element);
  }

  /** @param {string} atlas @param {Points} points @param {number[]} indices of the chosen images on the map */
  async show(atlas, points, indices) {
    const signal = this.turns.next(), place = el("div", {}), numbers = indices.map((index) => points.ids[index]);
    if (!indices.length) return fill(this.element, el("h1", {}, "Map"), empty("Click an image to see its neighbours. Draw a lasso round some to see which units they share. Drag to move the map, turn the wheel to come nearer."));
    const one = indices.length === 1;
    if (one) this.one(atlas, points.header.keys[indices[0]], numbers[0], place);
    else this.several(atlas, points, indices, place);
    try {
      await (one ? neighbours(place, atlas, numbers[0], signal) : shared(place, atlas, numbers, signal));
    } catch (error) {
      if (!signal.aborted) fill(place, refused(error, () => this.show(atlas, points, indices)));
    }
  }

  /** @param {string} atlas @param {string} key @param {number} number @param {HTMLElement} place of its neighbours */
  one(atlas, key, number, place) {
    fill(this.element, el("h1", {}, key), photo(atlas, number, 640, "The whole photo"),
      el("p", { class: "row" }, el("a", { href: state.link("look", { image: imageOf(atlas, number) }), "data-link": "" }, "Look at it")),
      el("h2", {}, "Neighbours"), place);
  }

  /** @param {string} atlas @param {Points} points @param {number[]} indices @param {HTMLElement} place of the units that they share */
  several(atlas, points, indices, place) {
    const counts = new Map();
    for (const index of indices) {
      const label = points.label(index) ?? "without a label";
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const labels = [...counts].sort((a, b) => b[1] - a[1]).slice(0, LABELS).map(([label, count]) => `${label} ${count}`).join(", ");
    fill(this.element, el("h1", {}, counted(indices.length, "image")), el("p", { class: "muted small" }, labels),
      el("ul", { class: "crops" }, ...indices.slice(0, SHOWN).map((index) => points.ids[index]).map((number) => el("li", {}, crop(atlas, number, `Image ${number}`)))),
      el("h2", {}, "Units that they share"), place);
  }
}

/** The images of an atlas that are nearest to one. @param {HTMLElement} place @param {string} atlas @param {number} number @param {AbortSignal} signal */
async function neighbours(place, atlas, number, signal) {
  fill(place, loading("Looking for neighbours …"));
  const { queries } = await getJson("/api/run/atlas-neighbours.json", { atlas, query: String(number), k: "8" }, signal);
  const near = queries[0].neighbours.filter((/** @type {any} */ each) => each.number !== number);
  fill(place, el("ul", { class: "crops" }, ...near.map((/** @type {any} */ each) => el("li", {}, crop(atlas, each.number, each.key),
    el("span", { class: "small" }, each.label ?? "", el("span", { class: "muted" }, ` ${each.distance.toPrecision(3)}`))))));
}

/** The units whose strongest patches come from some images, each a link to it in the network that built the atlas. @param {HTMLElement} place @param {string} atlas @param {number[]} numbers @param {AbortSignal} signal */
async function shared(place, atlas, numbers, signal) {
  fill(place, loading("Asking which units they share …"));
  const { network, sweep, built } = await getJson("/api/atlas/network.json", { atlas, network: state.get("network") }, signal);
  const answer = await getJson("/api/run/atlas-shared.json", { atlas, numbers: numbers.join(","), sweep }, signal);
  const sure = answer.units.filter((/** @type {any} */ unit) => unit.q <= answer.level).slice(0, UNITS);
  if (!sure.length) return fill(place, empty("No unit has more of its strongest patches in these images than chance explains."));
  const rows = sure.map((/** @type {any} */ unit) => [unit.unit, `${unit.among} of ${unit.of}`, unit.lift, unit.q]);
  const listing = table({ header: ["unit", "patches from them", "times more than chance", "q"], rows });
  if (network) listing.querySelectorAll("tbody tr td:first-child").forEach((/** @type {Element} */ cell) => {
    const text = cell.textContent ?? "", colon = text.lastIndexOf(":");
    fill(cell, el("a", { href: state.link("look", { network, layer: text.slice(0, colon), unit: text.slice(colon + 1), image: imageOf(atlas, numbers[0]) }), "data-link": "" }, text));
  });
  fill(place, el("p", { class: "small muted" }, network ? `Units of ${network}.`
    : `Units of ${built}. This network is not among those of this microscope, so its units can't be opened here. Start it with --network ${built} to open them.`), listing);
}

/** The name of an image of an atlas. @param {string} atlas @param {number} number */
const imageOf = (atlas, number) => `atlas/${atlas}/${number}`;

/** A small image that chooses itself. @param {string} atlas @param {number} number @param {string} title */
const crop = (atlas, number, title) => el("button", { type: "button", class: "crop", title, "aria-label": title, onclick: () => state.set({ chosen: String(number) }) }, photo(atlas, number, 128, ""));

/** @param {string} atlas @param {number} number @param {number} side @param {string} alt */
const photo = (atlas, number, side, alt) => el("img", { src: address("/api/image.webp", { image: imageOf(atlas, number), side }), alt, loading: "lazy", class: side > 200 ? "map-photo" : null });
