// @ts-check
/** One network of two that are compared: its photo, answer, layers and units. */

import { el, fill, onceAFrame } from "../dom.js";
import { loadMaps } from "../maps.js";
import { getJson } from "../server.js";
import * as state from "../state.js";
import { Answer } from "./answer.js";
import { TileGrid } from "./grid.js";
import { findLayer } from "./palette.js";
import { PhotoView } from "./photo.js";
import { Pointing } from "./pointing.js";
import { sayNetwork, Strip } from "./strip.js";
import { order, range, sayRange } from "./tools.js";
import { loading, refused } from "./waiting.js";

/** @typedef {{classes: import("./answer.js").Guess[], head?: string, why?: string, seen: number[], input: number[]}} Answered */

const ASKED = 100; // classes, so that one network's first classes can be looked up in the other's answer

export class Side {
  /**
   * @param {string} label
   * @param {{network: (name: string) => void, layer: (name: string) => void, unit: (unit: number) => void, again: () => void}} told
   * @param {AbortSignal} signal of the view that holds it
   */
  constructor(label, told, signal) {
    this.told = told;
    this.network = "";
    /** @type {import("./strip.js").Layers | null} */
    this.layers = null;
    /** @type {Answered | null} */
    this.answered = null;
    this.layer = "";
    this.networks = el("select", { "aria-label": `${label} network`, onchange: () => told.network(this.networks.value) });
    this.photo = new PhotoView({ point: onceAFrame((x, y) => this.pointing.point(x, y)), leave: () => this.pointing.rest() });
    this.pointing = new Pointing(this.photo);
    this.answer = new Answer((guess) => state.link("why", { network: this.network, target: `logits:${guess.index}` }));
    this.strip = new Strip(told.layer);
    this.grid = new TileGrid({ choose: told.unit, point: (unit, place) => this.pointing.unit(unit, place), leave: () => this.pointing.rest() }, signal);
    for (const [part, name] of /** @type {[{element: HTMLElement}, string][]} */ ([[this.answer, "answer"], [this.strip, "layers"], [this.grid, "units"]]))
      part.element.setAttribute("aria-label", `${label} network's ${name}`);
    this.heading = el("h2", {}, "Layer");
    this.facts = el("p", { class: "muted small" });
    this.middle = el("div", { class: "grid-place" }, this.grid.element);
    this.foot = el("div", { class: "grid-foot small" });
    this.find = () => this.layers && findLayer(this.layers.layers, told.layer);
    this.element = el("section", { class: "side", "aria-label": `${label} network` },
      el("div", { class: "side-head" }, this.networks),
      el("div", { class: "side-answer" }, el("div", {}, this.photo.element, this.pointing.status), this.answer.element),
      this.strip.element,
      el("div", { class: "layer-head" }, el("div", {}, this.heading, this.facts),
        el("button", { type: "button", class: "quiet", onclick: this.find }, "Find a layer")),
      this.middle, this.foot, this.about = el("div", { class: "network-about" }));
  }

  /** @param {string[]} names @param {string} chosen */
  offer(names, chosen) {
    this.network = chosen;
    fill(this.networks, ...(names.includes(chosen) ? names : [chosen, ...names]).map((name) => el("option", { value: name, selected: name === chosen }, name)));
  }

  /** The network's layers and its answer. @param {string} image @param {any} about @param {AbortSignal} signal */
  async open(image, about, signal) {
    this.pointing.maps = this.layers = this.answered = null;
    this.photo.show(image, about);
    this.answer.clear();
    fill(this.middle, loading("Opening the network …"));
    const layers = this.openLayers(signal);
    await Promise.all([layers, this.openAnswer(image, signal, layers)]);
  }

  /** @param {AbortSignal} signal */
  async openLayers(signal) {
    try {
      this.layers = await getJson("/api/layers", { network: this.network }, signal);
      sayNetwork(this.about, this.layers);
    } catch (error) {
      if (signal.aborted) throw error;
      this.strip.clear();
      this.heading.textContent = "Layer";
      this.facts.textContent = "";
      sayNetwork(this.about, null);
      fill(this.foot);
      fill(this.middle, refused(error, () => this.told.again()));
    }
  }

  /** What the network says of the image; a network that fails half-way says why, and its layers stand all the same. @param {string} image @param {AbortSignal} signal @param {Promise<void>} layers */
  async openAnswer(image, signal, layers) {
    try {
      const answer = await getJson("/api/answer", { network: this.network, image, k: ASKED }, signal);
      this.answered = answer;
      this.pointing.input = answer.input;
      this.photo.showSeen(answer.seen);
      this.answer.show({ ...answer, classes: answer.classes.slice(0, 5) });
    } catch (error) {
      if (signal.aborted) throw error;
      await layers;
      if (this.layers) fill(this.answer.element, refused(error, () => this.told.again()));
      else this.answer.show({ classes: [], why: "There is no answer to show." }); // where the layers would stand is said why
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
      this.pointing.maps = maps;
      if (!this.grid.element.isConnected) fill(this.middle, this.grid.element);
    } catch (error) {
      if (signal.aborted) throw error;
      if (this.layer !== layer) return;
      this.pointing.maps = null;
      fill(this.foot);
      fill(this.middle, refused(error, () => this.told.again()));
    } finally {
      clearTimeout(late);
      if (this.pointing.maps && !signal.aborted && !this.grid.element.isConnected) fill(this.middle, this.grid.element);
    }
  }

  /** @param {number} chosen */
  show(chosen) {
    const { maps } = this.pointing;
    this.pointing.chosen = chosen;
    if (!maps) return;
    this.grid.show(maps, order(), range(), chosen);
    sayRange(this.foot, maps);
    this.pointing.rest();
  }
}
