// @ts-check
/** One unit: where else it answers here, what it answers to in a data set, what it would like to see. */

import { compact, el, fill, percent } from "../dom.js";
import { address, getJson } from "../server.js";
import * as state from "../state.js";
import { copy, figure } from "./figure.js";
import { empty, loading, refused } from "./waiting.js";
import { Work } from "./work.js";

/** @typedef {import("../maps.js").Maps} Maps */

const PEAKS = 5, CROP = 96;

/** The column about the chosen unit. */
export class UnitPane {
  /** @param {{point: (row: number, column: number) => void, leave: () => void}} told */
  constructor(told) {
    this.told = told;
    this.element = el("aside", { class: "unit", "aria-label": "The chosen unit" });
    this.asking = new AbortController();
    /** @type {Work | null} */
    this.work = null;
  }

  /** Nothing is chosen. */
  clear() {
    this.end();
    fill(this.element, empty("Point at a unit to see where it answers. Click it to see what it looks for. Click the photo to see which units answer there."));
  }

  end() {
    this.asking.abort();
    this.asking = new AbortController();
    this.work?.stop();
    this.work = null;
  }

  /**
   * @param {Maps} maps
   * @param {number} unit
   * @param {{network: string, image: string, atlases: string[], fingerprint: string, photo: HTMLImageElement, width: number}} here
   */
  show(maps, unit, here) {
    this.end();
    const { signal } = this.asking, name = `${maps.layer}:${unit}`;
    if (unit >= maps.units) {
      fill(this.element, refused(new Error(`${maps.layer} has units 0 to ${maps.units - 1}, no ${unit}.`)));
      return;
    }
    this.facts = el("dl", { class: "facts" }, ...fact("on this photo", `${compact(maps.lowest(unit))} to ${compact(maps.highest(unit))}, mean ${compact(maps.mean(unit))}`));
    const atlas = state.get("atlas") || here.atlases[0];
    const options = { ...(here.network ? { network: here.network } : {}) };
    const peak = maps.peak(unit), target = `${name}@${maps.cell(peak.row, peak.column)}`;
    fill(this.element,
      el("div", { class: "unit-head" }, el("h2", {}, name),
        el("button", { type: "button", class: "quiet small", title: "Copy the address", onclick: () => copy(name, "The address") }, "Copy")),
      this.facts,
      section("Where else in this photo", this.peaks(maps, unit, here), true),
      section("In the data set", this.patches(name, atlas, here.fingerprint, signal), true),
      lazy("Projected back from here", () => figure("guided", { ...options, images: here.image, target }, { signal, plain: true }).element),
      this.synthesis(name, options, here.image),
      lazy("Colour or form", () => figure("sensitivities", { ...options, images: here.image, unit: name }, { signal, plain: true }).element),
      el("p", { class: "row small" },
        el("a", { href: state.link("dream", { instrument: "synthesize", target: name }), "data-link": "" }, "Dream with it"),
        el("a", { href: state.link("why", { target }), "data-link": "" }, "Why it answers here")));
  }

  /** The places where it answers most here, as cut from the photo. @param {Maps} maps @param {number} unit @param {{photo: HTMLImageElement, width: number}} here */
  peaks(maps, unit, here) {
    const places = highest(maps, unit, PEAKS);
    if (!places.length) return empty("It is the same all over this photo.");
    return el("ul", { class: "crops" }, ...places.map(({ row, column, value }) => {
      const box = maps.windowOf(row, column), canvas = el("canvas", { width: CROP, height: CROP, "aria-hidden": "true" });
      if (box) cut(here.photo, here.width, box, canvas);
      return el("li", { tabIndex: 0, onpointerenter: () => this.told.point(row, column), onfocus: () => this.told.point(row, column),
        onpointerleave: () => this.told.leave(), onblur: () => this.told.leave() }, canvas,
      el("span", { class: "small" }, compact(value), el("span", { class: "muted" }, ` @${maps.cell(row, column)}`)));
    }));
  }

  /** @param {string} name @param {string | undefined} atlas @param {string} fingerprint of the network @param {AbortSignal} signal */
  patches(name, atlas, fingerprint, signal) {
    if (!atlas) return empty("No atlas is open. Start the microscope with --atlas to see what this unit answers to in a data set.");
    const place = el("div", {}, loading("Looking into the atlas …"));
    const layer = name.slice(0, name.lastIndexOf(":"));
    let sweep = "";
    sweepsOf(atlas).then((sweeps) => {
      const own = sweeps.filter((each) => each.fingerprint === fingerprint);
      if (!own.length) throw new Error(`The atlas ${atlas} was built with ${sweeps.map((each) => each.network).join(", ") || "no network"}, not with these weights. An atlas of this network shows what its units answer to.`);
      const layers = own.flatMap((each) => each.layers), holding = own.filter((each) => each.layers.includes(layer)).at(-1);
      if (!holding) throw new Error(`The atlas ${atlas} holds no units of ${layer}; it holds those of ${layers.slice(0, 8).join(", ")}${layers.length > 8 ? ` and ${layers.length - 8} more` : ""}. Building it again with --layers ${layer} adds them.`);
      sweep = holding.name;
      return getJson("/api/run/atlas-patches.json", { atlas, unit: name, sweep }, signal);
    }).then((found) => {
      performance.mark("unit-patches");
      fill(place, el("ul", { class: "crops" }, ...found.patches.map((/** @type {any} */ patch, /** @type {number} */ rank) => el("li", {},
        el("a", { href: state.link("look", { ...state.all(), image: `atlas/${atlas}/${patch.number}` }), "data-link": "", title: `${patch.image}: look at the whole photo` },
          el("img", { src: address("/api/atlas/patch.webp", { atlas, unit: name, rank, sweep }), alt: `Patch of ${patch.image}`, loading: "lazy", width: CROP, height: CROP })),
        el("span", { class: "small" }, compact(patch.value), patch.label ? el("span", { class: "muted" }, ` ${patch.label}`) : null)))),
      found.tied ? el("p", { class: "small muted" }, `The last ${found.tied} have one value, which other photos may reach as well.`) : null);
      this.facts?.append(...fact("sees", found.sees), ...fact("in the data set", `mean ${compact(found.mean)}, above 0 at ${percent(found.active)} of places, at most ${compact(found.largest)}`),
        ...(found.name?.name ? fact("name", `${found.name.name} (${found.name.shared} of ${found.name.of} images, q ${compact(found.name.q)})`) : []));
    }).catch((error) => {
      if (!signal.aborted) fill(place, refused(error));
    });
    return place;
  }

  /** Images of what it would like to see, as they form. @param {string} name @param {Record<string, string>} options @param {string} image */
  synthesis(name, options, image) {
    const work = new Work();
    const kinds = /** @type {[string, string, Record<string, string>][]} */ ([
      ["One", "synthesize", { steps: "128" }], ["Four that differ", "diverse", { steps: "128" }]]);
    return section("What it would like to see", el("div", {}, el("div", { class: "row" },
      ...kinds.map(([words, instrument, own]) => el("button", { type: "button", onclick: () => {
        this.work = work;
        work.start(instrument, { ...options, ...own, target: name });
      } }, words))), work.element), true);
  }
}

/** @typedef {{name: string, network: string, fingerprint: string, layers: string[]}} Sweep */

/** @type {Map<string, Promise<Sweep[]>>} */
const held = new Map();

/** What an atlas holds, of which networks. @param {string} atlas @returns {Promise<Sweep[]>} */
function sweepsOf(atlas) {
  let sweeps = held.get(atlas);
  if (!sweeps) {
    sweeps = getJson("/api/atlas", { atlas }).then((about) => /** @type {Sweep[]} */ (about.sweeps));
    sweeps.catch(() => held.delete(atlas));
    held.set(atlas, sweeps);
  }
  return sweeps;
}

/** @param {string} name @param {string} value */
const fact = (name, value) => [el("dt", {}, name), el("dd", {}, value)];

/** @param {string} title @param {Node} body @param {boolean} open */
const section = (title, body, open) => el("details", { class: "part", open }, el("summary", {}, title), body);

/** A section whose body is made when it is opened. @param {string} title @param {() => Node} make */
function lazy(title, make) {
  const element = section(title, el("div"), false);
  element.addEventListener("toggle", () => {
    if (element.open && !element.dataset.made) {
      element.dataset.made = "yes";
      element.lastElementChild?.replaceWith(make());
    }
  });
  return element;
}

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
function cut(photo, width, [left, top, right, bottom], canvas) {
  const draw = () => {
    const scale = photo.naturalWidth / width, context = canvas.getContext("2d");
    const high = bottom - top, wide = right - left, most = Math.max(high, wide);
    const to = [((most - wide) / most / 2) * canvas.width, ((most - high) / most / 2) * canvas.height, (wide / most) * canvas.width, (high / most) * canvas.height];
    context?.drawImage(photo, left * scale, top * scale, wide * scale, high * scale, to[0], to[1], to[2], to[3]);
  };
  if (photo.complete && photo.naturalWidth) draw();
  else photo.addEventListener("load", draw, { once: true });
}
