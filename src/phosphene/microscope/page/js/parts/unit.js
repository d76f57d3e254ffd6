// @ts-check
/** One unit: where else it answers here, what it answers to in a data set, what it would like to see. */

import { compact, el, fill } from "../dom.js";
import * as state from "../state.js";
import { copy, figure } from "./figure.js";
import { inTheData } from "./patches.js";
import { cut, highest } from "./peaks.js";
import { Synthesis } from "./synthesis.js";
import { empty, refused } from "./waiting.js";

/** @typedef {import("../maps.js").Maps} Maps */

const PEAKS = 5, CROP = 96;

/** The column about the chosen unit. */
export class UnitPane {
  /** @param {{point: (row: number, column: number) => void, leave: () => void}} told */
  constructor(told) {
    this.told = told;
    this.element = el("aside", { class: "unit", "aria-label": "The chosen unit" });
    this.asking = new AbortController();
    /** @type {Synthesis | null} */
    this.synthesis = null;
  }

  /** Nothing is chosen. */
  clear() {
    this.end();
    fill(this.element, empty("Point at a unit to see where it answers. Click it to see what it looks for. Click the photo to see which units answer there."));
  }

  end() {
    this.asking.abort();
    this.asking = new AbortController();
    this.synthesis = null;
  }

  /**
   * @param {Maps} maps
   * @param {number} unit
   * @param {{network: string, image: string, atlases: string[], folder: number, fingerprint: string, photo: HTMLImageElement, width: number}} here
   */
  show(maps, unit, here) {
    this.end();
    const { signal } = this.asking, name = `${maps.layer}:${unit}`;
    if (unit >= maps.units) {
      fill(this.element, refused(new Error(`${maps.layer} has units 0 to ${maps.units - 1}, no ${unit}.`)));
      return;
    }
    const atlas = state.get("atlas") || here.atlases[0];
    this.facts = el("dl", { class: atlas ? "facts awaiting" : "facts" }, ...fact("on this photo", `${compact(maps.lowest(unit))} to ${compact(maps.highest(unit))}, mean ${compact(maps.mean(unit))}`));
    const options = { ...(here.network ? { network: here.network } : {}) };
    const peak = maps.peak(unit), target = `${name}@${maps.cell(peak.row, peak.column)}`;
    const question = { unit: name, atlas, network: here.network, fingerprint: here.fingerprint };
    this.synthesis = new Synthesis({ ...question, folder: here.folder }, signal);
    fill(this.element,
      el("div", { class: "unit-head" }, el("h2", {}, name),
        el("button", { type: "button", class: "quiet small", title: "Copy the unit's name", onclick: () => copy(name, "The unit's name") }, "Copy")),
      this.facts,
      section("Where else in this photo", this.peaks(maps, unit, here), true),
      section("In the data set", inTheData(question, (rows) => this.facts?.append(...rows.flatMap(([what, value]) => fact(what, value))), signal), true),
      lazy("Projected back to this photo", () => figure("guided", { ...options, images: here.image, target }, { signal, plain: true }).element),
      section("What it would like to see", this.synthesis.element, true),
      lazy("Colour or form", () => figure("sensitivities", { ...options, images: here.image, unit: name }, { signal, plain: true }).element),
      el("p", { class: "row small" },
        el("a", { href: state.link("dream", { instrument: "synthesize", target: name }), "data-link": "" }, "Dream with it"),
        el("a", { href: state.link("why", { target }), "data-link": "" }, "Why it answers here")));
    this.synthesis.update();
  }

  /** The places where it answers most here, as cut from the photo. @param {Maps} maps @param {number} unit @param {{photo: HTMLImageElement, width: number}} here */
  peaks(maps, unit, here) {
    const places = highest(maps, unit, PEAKS);
    if (!places.length) return empty("This unit has the same value everywhere on this photo.");
    return el("ul", { class: "crops" }, ...places.map(({ row, column, value }) => {
      const box = maps.windowOf(row, column), canvas = el("canvas", { width: CROP, height: CROP, "aria-hidden": "true" });
      if (box) cut(here.photo, here.width, box, canvas);
      return el("li", { tabIndex: 0, onpointerenter: () => this.told.point(row, column), onfocus: () => this.told.point(row, column),
        onpointerleave: () => this.told.leave(), onblur: () => this.told.leave() }, canvas,
      el("span", { class: "small" }, compact(value), el("span", { class: "muted" }, ` @${maps.cell(row, column)}`)));
    }));
  }
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
