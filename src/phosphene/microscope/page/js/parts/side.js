// @ts-check
/** One network of two that are compared: its photo, answer, layers and units. */

import { gradient } from "../colours.js";
import { compact, counted, el, fill, onceAFrame } from "../dom.js";
import { loadMaps } from "../maps.js";
import { getJson } from "../server.js";
import * as state from "../state.js";
import { Answer } from "./answer.js";
import { TileGrid } from "./grid.js";
import { findLayer } from "./palette.js";
import { PhotoView } from "./photo.js";
import { Strip } from "./strip.js";
import { loading, refused } from "./waiting.js";

/** @typedef {{classes: import("./answer.js").Guess[], head?: string, why?: string, seen: number[], input: number[]}} Answered */

const ASKED = 100; // classes, so that one network's first classes can be looked up in the other's answer

export class Side {
  /**
   * @param {string} label
   * @param {{network: (name: string) => void, layer: (name: string) => void, unit: (unit: number) => void}} told
   */
  constructor(label, told) {
    this.network = "";
    /** @type {import("./strip.js").Layers | null} */
    this.layers = null;
    /** @type {Answered | null} */
    this.answered = null;
    /** @type {import("../maps.js").Maps | null} */
    this.maps = null;
    this.layer = "";
    this.chosen = -1;
    this.networks = el("select", { "aria-label": `${label} network`, onchange: () => told.network(this.networks.value) });
    this.photo = new PhotoView({ point: onceAFrame((x, y) => this.pointPhoto(x, y)), leave: () => this.rest() });
    this.answer = new Answer((guess) => state.link("why", { network: this.network, target: `logits:${guess.index}` }));
    this.strip = new Strip(told.layer);
    this.grid = new TileGrid({ choose: told.unit, point: (unit, place) => this.pointUnit(unit, place), leave: () => this.rest() });
    for (const [part, name] of /** @type {[{element: HTMLElement}, string][]} */ ([[this.answer, "answer"], [this.strip, "layers"], [this.grid, "units"]]))
      part.element.setAttribute("aria-label", `${label} network's ${name}`);
    this.heading = el("h2", {}, "Layer");
    this.facts = el("p", { class: "muted small" });
    this.status = el("p", { class: "pointed small", "aria-live": "off" });
    this.middle = el("div", { class: "grid-place" }, this.grid.element);
    this.foot = el("div", { class: "grid-foot small" });
    this.find = () => this.layers && findLayer(this.layers.layers, told.layer);
    this.element = el("section", { class: "side", "aria-label": `${label} network` },
      el("div", { class: "side-head" }, this.networks),
      el("div", { class: "side-answer" }, el("div", {}, this.photo.element, this.status), this.answer.element),
      this.strip.element,
      el("div", { class: "layer-head" }, el("div", {}, this.heading, this.facts),
        el("button", { type: "button", class: "quiet", onclick: this.find }, "Find a layer")),
      this.middle, this.foot);
  }

  /** @param {string[]} names @param {string} chosen */
  offer(names, chosen) {
    this.network = chosen;
    fill(this.networks, ...(names.includes(chosen) ? names : [chosen, ...names]).map((name) => el("option", { value: name, selected: name === chosen }, name)));
  }

  /** The network's layers and its answer. @param {string} image @param {any} about @param {AbortSignal} signal */
  async open(image, about, signal) {
    this.maps = this.layers = this.answered = null;
    this.photo.show(image, about);
    this.answer.clear();
    fill(this.middle, loading("Opening the network …"));
    try {
      const [layers, answer] = await Promise.all([getJson("/api/layers", { network: this.network }, signal),
        getJson("/api/answer", { network: this.network, image, k: ASKED }, signal)]);
      this.layers = layers;
      this.answered = answer;
      this.photo.showSeen(answer.seen);
      this.answer.show({ ...answer, classes: answer.classes.slice(0, 5) });
    } catch (error) {
      if (signal.aborted) throw error;
      fill(this.strip.element);
      fill(this.foot);
      this.answer.show({ classes: [], why: "There is no answer to show." });
      fill(this.middle, refused(error, () => this.open(image, about, signal)));
    }
  }

  /** @param {string} image @param {string} layer @param {AbortSignal} signal */
  async openLayer(image, layer, signal) {
    if (!this.layers) return;
    this.layer = layer;
    if (this.strip.shown !== this.layers || !this.strip.rows.some((row) => row.name === layer)) {
      this.strip.shown = this.layers;
      this.strip.show(this.layers, layer);
    } else this.strip.select(layer);
    const known = this.layers.layers.find((each) => each.name === layer);
    this.heading.textContent = layer;
    this.facts.textContent = known ? `${known.kind} · ${known.shape.join(" × ")} · receptive field ${known.field}` : "";
    const late = setTimeout(() => {
      if (this.layer === layer && !signal.aborted) fill(this.middle, loading(`Computing ${layer} …`));
    }, 250);
    try {
      const maps = await loadMaps({ network: this.network, image, layer }, signal);
      if (this.layer !== layer) return;
      this.maps = maps;
      if (!this.grid.element.isConnected) fill(this.middle, this.grid.element);
    } catch (error) {
      if (signal.aborted) throw error;
      if (this.layer !== layer) return;
      this.maps = null;
      fill(this.foot);
      fill(this.middle, refused(error));
    } finally {
      clearTimeout(late);
      if (this.maps && !signal.aborted && !this.grid.element.isConnected) fill(this.middle, this.grid.element);
    }
  }

  /** @param {string} order @param {string} range @param {number} chosen */
  show(order, range, chosen) {
    this.chosen = chosen;
    if (!this.maps) return;
    this.grid.show(this.maps, order, range, chosen);
    const { header, units, low, high } = this.maps, span = this.maps.span(0, range);
    fill(this.foot, el("span", {}, counted(units, "unit")), el("span", {}, `values ${compact(low)} to ${compact(high)}`),
      el("span", { class: "bar-key", style: `background:${gradient(span.map)}`, "aria-hidden": "true" }),
      el("span", {}, range === "unit" ? "black: the unit's lowest value, white: its highest" : `${compact(span.low)} to ${compact(span.high)}`),
      header.finite ? null : el("strong", {}, "some values are not finite; they are left clear"));
    this.rest();
  }

  /** The chosen unit's map over the photo. */
  rest() {
    if (!this.maps || this.chosen < 0 || this.chosen >= this.maps.units) {
      this.status.textContent = "";
      return this.photo.clear();
    }
    this.pointUnit(this.chosen, null);
  }

  /** @param {number} unit @param {{row: number, column: number} | null} place its peak where none is given */
  pointUnit(unit, place) {
    if (!this.maps || !this.answered) return;
    this.photo.overlay(this.maps, unit, this.answered.input);
    const { row, column } = place ?? this.maps.peak(unit);
    this.photo.showWindow(this.maps.windowOf(row, column));
    this.status.textContent = `${this.maps.layer}:${unit}@${row},${column} = ${compact(this.maps.at(unit, row, column))}`;
  }

  /** What the layer sees where the photo is pointed at. @param {number} x @param {number} y */
  pointPhoto(x, y) {
    const place = this.maps?.placeAt(x, y);
    if (!place || !this.maps) return;
    this.photo.showWindow(this.maps.windowOf(place.row, place.column));
    const { row, column } = place;
    const value = this.chosen >= 0 && this.chosen < this.maps.units ? `:${this.chosen}@${row},${column} sees this; its value is ${compact(this.maps.at(this.chosen, row, column))}` : `@${row},${column} sees this`;
    this.status.textContent = `${this.maps.layer}${value}.`;
  }
}
