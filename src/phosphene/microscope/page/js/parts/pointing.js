// @ts-check
/** What lies over the photo: the map of the unit that is pointed at, or else of the chosen one, and the part that it sees. */

import { compact, el } from "../dom.js";

/** @typedef {import("../maps.js").Maps} Maps @typedef {{row: number, column: number}} Place */

export class Pointing {
  /** @param {import("./photo.js").PhotoView} photo @param {string} [invitation] what a click on the photo does */
  constructor(photo, invitation = "") {
    this.photo = photo;
    this.invitation = invitation;
    /** @type {Maps | null} */
    this.maps = null;
    this.input = [0, 0, 1, 1]; // the network's whole input, in the photo's pixels
    this.chosen = -1;
    /** @type {{unit: number, place: Place | null} | null} the unit that is pointed at */
    this.at = null;
    this.status = el("p", { class: "pointed small", "aria-live": "off" });
  }

  /** Shows the same as before, of other values. @param {Maps | null} maps @param {number} chosen */
  show(maps, chosen) {
    [this.maps, this.chosen] = [maps, chosen];
    if (this.at) this.unit(this.at.unit, this.at.place);
    else this.rest();
  }

  /** Nothing is pointed at: the chosen unit, or nothing. */
  rest() {
    this.at = null;
    this.status.textContent = "";
    if (!this.maps || this.chosen < 0 || this.chosen >= this.maps.units) return this.photo.clear();
    const { row, column, value } = this.maps.peak(this.chosen);
    this.over(this.chosen, { row, column });
    this.status.textContent = `Largest here: ${this.maps.layer}:${this.chosen}@${this.maps.cell(row, column)} = ${compact(value)}`;
  }

  /** A unit, at one place, or at its peak. @param {number} unit @param {Place | null} place */
  unit(unit, place) {
    if (!this.maps || unit < 0 || unit >= this.maps.units) return;
    this.at = { unit, place };
    const { row, column } = place ?? this.maps.peak(unit);
    this.over(unit, { row, column });
    this.status.textContent = `${this.maps.layer}:${unit}@${this.maps.cell(row, column)} = ${compact(this.maps.at(unit, row, column))}`;
  }

  /** The place of the layer that sees a point of the photo, and the chosen unit's value there. @param {number} x @param {number} y */
  point(x, y) {
    const { maps, chosen } = this, place = maps?.placeAt(x, y);
    if (!place || !maps) return;
    const { row, column } = place, cell = maps.cell(row, column);
    this.photo.showWindow(maps.windowOf(row, column));
    const value = chosen >= 0 && chosen < maps.units ? ` Unit ${chosen} is ${compact(maps.at(chosen, row, column))} there.` : "";
    this.status.textContent = `${maps.layer}@${cell} sees this part.${value}${this.invitation && ` ${this.invitation}`}`;
  }

  /** @param {number} unit @param {Place} place */
  over(unit, { row, column }) {
    const maps = /** @type {Maps} */ (this.maps);
    this.photo.overlay(maps, unit, this.input);
    this.photo.showWindow(maps.windowOf(row, column));
  }
}
