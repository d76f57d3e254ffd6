// @ts-check
/** Look: the photo and the answer, the network's layers, the chosen layer's units, and the chosen unit. */

import { el, fill, onceAFrame } from "../dom.js";
import { loadMaps } from "../maps.js";
import { Answer } from "../parts/answer.js";
import { Camera } from "../parts/camera.js";
import { TileGrid } from "../parts/grid.js";
import { LayersDrawn } from "../parts/layers-drawn.js";
import { findLayer } from "../parts/palette.js";
import { PhotoView } from "../parts/photo.js";
import { Picker } from "../parts/picker.js";
import { Pointing } from "../parts/pointing.js";
import { sayNetwork, usual } from "../parts/strip.js";
import { showThere } from "../parts/there.js";
import { GridTools, order, range, sayRange, toolKey } from "../parts/tools.js";
import { UnitPane } from "../parts/unit.js";
import { empty, loading, refused } from "../parts/waiting.js";
import { getJson, theSession } from "../server.js";
import * as state from "../state.js";
import { Turns } from "../turns.js";

/** @typedef {import("../maps.js").Maps} Maps */

const SORTED = 1500; // ms between two orders of the units while the camera is live
const CLICK = "Click for the strongest units here.";
const LIVE = "The camera is live: point at a unit to see where it answers. Freeze a frame to look closer at a unit or a place in it.";

/** The view of the page that looks at one layer of a network on one image. */
class Look {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    /** @type {import("../parts/strip.js").Layers | null} */
    this.layers = null;
    this.turns = new Turns(signal);
    this.signal = signal;
    this.live = false;
    this.photo = new PhotoView({ point: onceAFrame((x, y) => this.pointing.point(x, y)), leave: () => this.pointing.rest(),
      choose: (x, y) => !this.camera.on && state.set({ place: `${Math.round(x)},${Math.round(y)}`, unit: null, see: null }) });
    this.pointing = new Pointing(this.photo, CLICK);
    this.answer = new Answer((guess) => state.link("why", { target: `logits:${guess.index}` }));
    this.picker = new Picker((image) => state.set({ image, place: null, camera: null }), signal, () => state.set({ camera: "live", place: null }));
    this.camera = new Camera({
      ask: () => ({ network: state.get("network"), layer: this.layerName ?? "" }), frame: (frame) => this.frame(frame),
      froze: (image) => state.set({ image, camera: null }), ended: () => state.set({ camera: null }),
      failed: () => this.open().then(() => this.showChosen(), () => {}),
    });
    this.drawn = new LayersDrawn((layer) => state.set({ layer, unit: null, place: null, see: null }));
    this.grid = new TileGrid({ choose: (unit) => state.set({ unit, place: null, see: null }), point: (unit, place) => this.pointing.unit(unit, place),
      leave: () => this.pointing.rest() }, signal);
    this.tools = new GridTools();
    this.heading = el("h1", { class: "layer-name" }, "Look");
    this.facts = el("p", { class: "muted small layer-facts" });
    this.foot = el("div", { class: "grid-foot small" });
    this.middle = el("div", { class: "grid-place" }, this.grid.element);
    this.pane = new UnitPane({ point: (row, column) => this.pointing.unit(this.chosen(), { row, column }), leave: () => this.pointing.rest() });
    this.element = el("div", { class: "look" },
      el("div", { class: "look-photo" }, this.photo.element, this.pointing.status, this.answer.element, this.camera.element, this.picker.element, this.about = el("div", { class: "network-about" })),
      el("div", { class: "look-layer" }, this.drawn.element,
        el("div", { class: "layer-head" }, el("div", {}, this.heading, this.facts),
          this.controls = el("div", { class: "row" }, this.tools.order, this.tools.range,
            el("button", { type: "button", class: "quiet", title: "Find a layer (/)", onclick: () => this.find() }, "Find a layer"))),
        this.middle, this.foot),
      this.pane.element);
    this.picker.load();
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    const differs = (/** @type {string[]} */ ...names) => !before || state.differ(now, before, names);
    this.tools.update();
    if (before && this.live && differs("image") && !differs("camera")) return state.set({ camera: null }, { replace: true });
    const live = state.get("camera") === "live", turned = live !== this.live;
    this.live = live;
    this.camera.element.hidden = !live;
    this.pointing.invitation = live ? "" : CLICK;
    if (turned && !live) this.camera.close();
    try {
      if (differs("network", "image") || (turned && !live)) await this.open();
      else if (differs("layer")) await this.openLayer();
      else if (differs("order", "range")) this.showGrid();
      else if (differs("unit")) this.grid.choose(this.chosen());
      if (!differs("network", "image", "layer") && differs("show", "pose", "theme")) this.showLayers();
      if (turned && live) {
        this.camera.start();
        this.showLayers();
      }
      if (differs("network", "image", "layer", "unit", "place", "camera")) await this.showChosen();
      else if (differs("see")) this.pane.synthesis?.update();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    }
  }

  /** A network and an image: their answer, and the layers. */
  async open() {
    const signal = this.asking = this.turns.next(), network = state.get("network");
    this.pointing.maps = null;
    fill(this.middle, loading("Opening the network …"));
    this.answer.clear();
    try {
      const image = this.image = state.get("image") || (await getJson("/api/images", {}, signal)).images[0];
      this.picker.draw(image);
      const about = await getJson("/api/image.json", { image }, signal);
      this.photo.show(image, about);
      const [layers, answer] = await Promise.all([
        getJson("/api/layers", { network }, signal), // a network that fails half-way still has the layers before
        getJson("/api/answer", { network, image }, signal).catch((error) => signal.aborted ? Promise.reject(error) : { classes: [], why: error.message }),
      ]);
      this.layers = layers;
      sayNetwork(this.about, layers);
      if (answer.seen) this.photo.showSeen(answer.seen);
      this.answer.show(answer);
      await this.openLayer();
    } catch (error) {
      if (signal.aborted) throw error;
      this.nothing();
      fill(this.middle, refused(error, () => this.again()));
    }
  }

  /** Takes away what the network before has shown. */
  nothing() {
    this.layers = null;
    this.answer.show({ classes: [], why: "There is no answer to show." });
    sayNetwork(this.about, null);
    this.drawn.clear();
    [this.heading.textContent, this.facts.textContent] = ["Look", ""];
    this.controls.hidden = true;
    fill(this.foot);
  }

  /** All of it once more, after it failed. */
  again() {
    return this.update({ view: state.view(), parameters: state.all() }, null);
  }

  /** The layer's maps. */
  async openLayer() {
    if (!this.layers) return;
    const signal = this.asking ?? this.signal, layer = state.get("layer") || usual(this.layers);
    this.layerName = layer;
    this.controls.hidden = false;
    this.drawn.select(this.layers, layer);
    this.showLayers();
    const known = this.layers.layers.find((each) => each.name === layer);
    this.heading.textContent = layer;
    this.facts.textContent = known ? `${known.kind} · ${known.shape.join(" × ")} · receptive field ${known.field}` : "";
    if (this.camera.on && this.pointing.maps) return; // the next frame brings its maps
    performance.mark("layer-asked", { detail: layer });
    const late = setTimeout(() => {
      if (this.layerName === layer && !signal.aborted) fill(this.middle, loading(`Computing ${layer} …`));
    }, 250);
    try {
      const maps = await loadMaps({ network: state.get("network"), image: this.image ?? "", layer }, signal);
      if (signal.aborted || this.layerName !== layer) return;
      this.pointing.maps = maps;
      this.pointing.input = maps.header.input;
      this.showGrid();
    } catch (error) {
      if (signal.aborted) throw error;
      if (this.layerName !== layer) return;
      this.pointing.maps = null;
      fill(this.middle, refused(error, () => this.again()));
      fill(this.foot);
    } finally {
      clearTimeout(late);
    }
  }

  showLayers() {
    return this.drawn.show({ network: state.get("network"), image: this.image ?? "" }, this.layerName ?? "", this.camera.on, this.asking ?? this.signal);
  }

  /** A frame of the camera and its answer. @param {import("../parts/camera.js").Frame} frame */
  frame({ canvas, maps, header }) {
    this.photo.showFrame(canvas);
    this.photo.showSeen(header.seen);
    this.pointing.input = header.input;
    this.answer.show(header);
    if (maps.layer !== this.layerName) return; // another one was chosen since
    const before = this.pointing.maps;
    const same = before?.layer === maps.layer && before.units === maps.units && before.rows === maps.rows && before.columns === maps.columns;
    const sorted = performance.now() - (this.sorted ?? 0) > SORTED || !same;
    if (sorted) this.sorted = performance.now();
    this.pointing.maps = maps;
    this.showGrid(!sorted);
    this.pointing.show(maps, this.chosen());
  }

  /** @param {boolean} [steady] whether the units stay in their order */
  showGrid(steady = false) {
    const { maps } = this.pointing;
    if (!maps) return;
    if (!this.grid.element.isConnected) fill(this.middle, this.grid.element);
    if (steady) this.grid.renew(maps);
    else this.grid.show(maps, order(), range(), this.chosen());
    sayRange(this.foot, maps);
  }

  chosen() {
    const unit = state.get("unit");
    return /^\d+$/.test(unit) ? Number(unit) : -1;
  }

  /** What is chosen: a place of the photo, a unit, or nothing. */
  async showChosen() {
    const unit = this.chosen(), place = /^(\d+),(\d+)$/.exec(state.get("place")), { maps } = this.pointing;
    this.pointing.chosen = unit;
    if (this.camera.on) {
      this.pane.end();
      return fill(this.pane.element, empty(LIVE));
    }
    if (place && maps) return this.place(Number(place[1]), Number(place[2]));
    this.pointing.rest();
    if (unit < 0 || !maps) return this.pane.clear();
    const { atlases, folder } = await theSession();
    if (unit !== this.chosen() || maps !== this.pointing.maps) return; // another one was chosen since
    this.pane.show(maps, unit, { network: state.get("network"), image: this.image ?? "", atlases, folder,
      fingerprint: this.layers?.fingerprint ?? "", photo: this.photo.image, width: this.photo.width });
  }

  /** What fires most at a place of the photo, at each layer. @param {number} x @param {number} y */
  place(x, y) {
    this.pane.end();
    return showThere(this.pane.element, { network: state.get("network"), image: this.image ?? "", x, y },
      { box: (box, layer) => this.photo.showWindow(box, layer), leave: () => this.pointing.rest() }, this.pane.asking.signal);
  }

  find() {
    if (this.layers) findLayer(this.layers.layers, (layer) => state.set({ layer, unit: null, see: null }));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "/") this.find();
    else if (event.key === "[" || event.key === "]") state.set({ layer: this.drawn.strip.neighbour(event.key === "]" ? 1 : -1), unit: null, see: null });
    else return toolKey(event);
    return true;
  }

  close() {
    this.camera.close();
    this.drawn.close();
    this.pane.end();
  }
}

/** @param {AbortSignal} signal */
export const open = (signal) => new Look(signal);
