// @ts-check
/** Map: the atlas as points and, nearer, as its photos; neighbours of a photo, and what the photos of a lasso share. */

import { el, fill } from "../dom.js";
import { Chosen } from "../map/chosen.js";
import { Hands } from "../map/hands.js";
import { Plot } from "../map/plot.js";
import { Points } from "../map/points.js";
import { empty, loading, refused } from "../parts/waiting.js";
import { getBytes, theSession } from "../server.js";
import * as state from "../state.js";
import { Turns } from "../turns.js";

class AtlasMap {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.turns = new Turns(signal);
    this.name = "";
    /** @type {Set<number>} where the chosen images stand */
    this.chosen = new Set();
    this.plot = new Plot(() => ({ atlas: this.name, method: state.get("method"), label: state.get("label"), chosen: this.chosen, loop: this.hands.loop }), signal);
    this.hands = new Hands(this.plot, { choose: (indices) => state.set({ chosen: indices.map((index) => this.plot.points?.ids[index]).join(",") }),
      lasso: (on) => this.lasso.setAttribute("aria-pressed", String(on)) });
    this.side = new Chosen(signal);
    this.words = el("p", { class: "small muted map-words" });
    this.atlas = el("select", { "aria-label": "The atlas", onchange: () => state.set({ atlas: this.atlas.value, chosen: null }) });
    this.method = el("select", { "aria-label": "The kind of map", onchange: () => state.set({ method: this.method.value }) },
      el("option", { value: "" }, "t-SNE"), el("option", { value: "pca" }, "PCA"));
    this.search = el("input", { type: "search", placeholder: "Find a label", "aria-label": "Find a label", list: "map-labels",
      oninput: () => state.set({ label: this.search.value }, { replace: true }) });
    this.labels = el("datalist", { id: "map-labels" });
    this.lasso = el("button", { type: "button", "aria-pressed": "false", title: "Draw a line round some images (l)", onclick: () => this.hands.turnLasso() }, "Lasso");
    this.element = el("div", { class: "split" }, this.side.element, el("section", { class: "map-main", "aria-label": "The map" },
      el("div", { class: "row map-tools" }, this.atlas, this.method, this.search, this.lasso,
        el("button", { type: "button", class: "quiet", onclick: () => this.plot.reset() }, "Whole map"), this.labels), this.plot.pane, this.words));
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    try {
      if (!before || state.differ(now, before, ["atlas", "method"])) await this.open();
      const { points } = this.plot;
      if (!points) return;
      const indices = points.placesOf(parsed(state.get("chosen")));
      this.chosen = new Set(indices);
      if (!before || state.differ(now, before, ["chosen", "atlas"])) this.side.show(this.name, points, indices);
      this.search.value = state.get("label");
      this.plot.draw();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError"))
        fill(this.plot.pane, refused(error, () => this.update({ view: state.view(), parameters: state.all() }, null)));
    }
  }

  /** Reads the map that the address names. */
  async open() {
    const signal = this.turns.next(), { plot } = this;
    plot.show(null);
    const { atlases } = await theSession();
    if (!atlases.length) {
      this.side.clear();
      fill(plot.pane, empty("No atlas is open. 'phosphene atlas build FOLDER --to my.atlas' makes an atlas of your photos. 'phosphene microscope --atlas my.atlas' shows it here."));
      return;
    }
    this.name = state.get("atlas") || atlases[0];
    fill(this.atlas, ...atlases.map((each) => el("option", { value: each }, each)));
    this.atlas.value = this.name;
    this.method.value = state.get("method") === "pca" ? "pca" : "";
    fill(plot.pane, loading("Making the map …"));
    const points = new Points(await getBytes("/api/atlas/points.bin", { atlas: this.name, method: state.get("method") }, signal));
    if (signal.aborted) return;
    fill(this.labels, ...points.header.labels.map((label) => el("option", { value: label })));
    this.words.textContent = points.header.words;
    plot.show(points);
    performance.mark("map-drawn");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key !== "l") return false;
    this.hands.turnLasso();
    return true;
  }
}

/** The numbers of images in the address. @param {string} text */
const parsed = (text) => text.split(",").filter((each) => /^\d+$/.test(each)).map(Number);

/** @param {AbortSignal} signal */
export const open = (signal) => new AtlasMap(signal);
