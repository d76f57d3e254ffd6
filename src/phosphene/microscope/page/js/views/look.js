// @ts-check
/** Look: the photo and the answer, the network's layers, the chosen layer's units, and the chosen unit. */

import { gradient } from "../colours.js";
import { compact, counted, el, fill, onceAFrame } from "../dom.js";
import { loadMaps } from "../maps.js";
import { Answer } from "../parts/answer.js";
import { Camera } from "../parts/camera.js";
import { TileGrid } from "../parts/grid.js";
import { findLayer } from "../parts/palette.js";
import { PhotoView } from "../parts/photo.js";
import { Picker } from "../parts/picker.js";
import { Strip, usual } from "../parts/strip.js";
import { UnitPane } from "../parts/unit.js";
import { empty, loading, refused } from "../parts/waiting.js";
import { getJson, theSession } from "../server.js";
import * as state from "../state.js";

/** @typedef {import("../maps.js").Maps} Maps */

const ORDERS = { number: "By number", strongest: "Strongest first", variance: "Most varied first" };
const FORMS = { strip: "Strip", volumes: "Volumes" };
const SORTED = 1500; // ms between two orders of the units while the camera is live
const RANGES = { unit: "Each unit's own range", layer: "One range for the layer", symmetric: "One range about zero" };

/** The view of the page that looks at one layer of a network on one image. */
class Look {
  constructor() {
    /** @type {Maps | null} */
    this.maps = null;
    /** @type {import("../parts/strip.js").Layers | null} */
    this.layers = null;
    this.input = [0, 0, 1, 1];
    this.asking = new AbortController();
    this.photo = new PhotoView({
      point: onceAFrame((x, y) => this.pointPhoto(x, y)), leave: () => this.leave(), choose: (x, y) => !this.camera.on && state.set({ place: `${Math.round(x)},${Math.round(y)}`, unit: null }),
    });
    this.answer = new Answer((guess) => state.link("why", { target: `logits:${guess.index}` }));
    this.picker = new Picker((image) => state.set({ image, place: null, camera: null }), () => state.set({ camera: "live", place: null }));
    this.camera = new Camera({
      ask: () => ({ network: state.get("network"), layer: this.layerName ?? "" }), frame: (frame) => this.frame(frame),
      froze: (image) => state.set({ image, camera: null }), ended: () => state.set({ camera: null }),
      failed: () => this.open().then(() => this.showChosen(), () => {}),
    });
    this.live = false;
    /** @type {{unit: number, place: {row: number, column: number} | null} | null} */
    this.pointing = null;
    this.strip = new Strip((layer) => state.set({ layer, unit: null, place: null }));
    this.grid = new TileGrid({
      choose: (unit) => state.set({ unit, place: null }), point: (unit, place) => this.pointUnit(unit, place), leave: () => this.leave(),
    });
    /** @type {import("../volumes/view.js").VolumesView | null} */
    this.volumes = null;
    this.form = el("div", { class: "switch", role: "group", "aria-label": "How the layers are shown" },
      ...Object.entries(FORMS).map(([form, words]) => el("button", { type: "button", "data-form": form, "aria-pressed": "false",
        onclick: () => state.set({ show: form === "strip" ? null : form, pose: null }) }, words)));
    this.still = el("p", { class: "volumes-still small", hidden: true }, "The boxes show the image from before the camera; freeze a frame to see it in them.");
    this.order = select(ORDERS, "The order of the units", (order) => state.set({ order }, { replace: true }));
    this.range = select(RANGES, "The range of the tiles", (range) => state.set({ range }, { replace: true }));
    this.heading = el("h1", { class: "layer-name" }, "Look");
    this.facts = el("p", { class: "muted small layer-facts" });
    this.foot = el("div", { class: "grid-foot small" });
    this.middle = el("div", { class: "grid-place" }, this.grid.element);
    this.pane = new UnitPane({ point: (row, column) => this.pointUnit(this.chosen(), { row, column }), leave: () => this.leave() });
    this.unit = this.pane.element;
    this.status = el("p", { class: "pointed small", "aria-live": "off" });
    this.element = el("div", { class: "look" },
      el("div", { class: "look-photo" }, this.photo.element, this.status, this.answer.element, this.camera.element, this.picker.element),
      el("div", { class: "look-layer" }, this.drawn = el("div", { class: state.get("show") === "volumes" ? "layers-drawn in-space" : "layers-drawn" }, this.strip.element, this.form, this.still),
        el("div", { class: "layer-head" }, el("div", {}, this.heading, this.facts),
          this.controls = el("div", { class: "row" }, this.order, this.range,
            el("button", { type: "button", class: "quiet", title: "Find a layer (/)", onclick: () => this.find() }, "Find a layer"))),
        this.middle, this.foot),
      this.unit);
    this.picker.load();
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    const differs = (/** @type {string[]} */ ...names) => !before || state.differ(now, before, names);
    this.order.value = state.get("order") || "number";
    this.range.value = state.get("range") || "unit";
    if (before && this.live && differs("image") && !differs("camera")) return state.set({ camera: null }, { replace: true });
    const live = state.get("camera") === "live", turned = live !== this.live;
    this.live = live;
    this.camera.element.hidden = !live;
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
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    }
  }

  /** A network and an image: their answer, and the layers. */
  async open() {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking, network = state.get("network");
    this.maps = null;
    fill(this.middle, loading("Opening the network …"));
    this.answer.clear();
    let image = state.get("image");
    try {
      if (!image) image = (await getJson("/api/images", {}, signal)).images[0];
      this.image = image;
      this.picker.draw(image);
      const about = await getJson("/api/image.json", { image }, signal);
      this.photo.show(image, about);
      const [layers, answer] = await Promise.all([
        getJson("/api/layers", { network }, signal), getJson("/api/answer", { network, image }, signal).catch((error) => {
          if (signal.aborted) throw error;
          return { classes: [], why: error.message }; // a network that fails half-way still has the layers before
        }),
      ]);
      this.layers = layers;
      if (answer.seen) this.photo.showSeen(answer.seen);
      this.answer.show(answer);
      await this.openLayer();
    } catch (error) {
      if (signal.aborted) throw error;
      this.nothing();
      fill(this.middle, refused(error, () => this.open()));
    }
  }

  /** Takes away what the network before has shown. */
  nothing() {
    this.layers = null;
    this.answer.show({ classes: [], why: "There is no answer to show." });
    this.strip.clear();
    this.volumes?.close();
    this.volumes?.element.remove();
    this.volumes = null;
    this.drawn.classList.remove("in-space");
    this.strip.element.hidden = false;
    [this.heading.textContent, this.facts.textContent] = ["Look", ""];
    this.controls.hidden = true;
    fill(this.foot);
  }

  /** The layer's maps. */
  async openLayer() {
    if (!this.layers) return;
    const { signal } = this.asking;
    const layer = state.get("layer") || usual(this.layers);
    this.layerName = layer;
    this.controls.hidden = false;
    if (this.strip.rows.some((row) => row.name === layer)) this.strip.select(layer);
    if (this.strip.shown !== this.layers || !this.strip.rows.some((row) => row.name === layer)) {
      this.strip.show(this.layers, layer);
    }
    this.showLayers();
    const known = this.layers.layers.find((each) => each.name === layer);
    this.heading.textContent = layer;
    this.facts.textContent = known ? `${known.kind} · ${known.shape.join(" × ")} · receptive field ${known.field}` : "";
    if (this.camera.on && this.maps) return; // the next frame brings its maps
    performance.mark("layer-asked", { detail: layer });
    const late = setTimeout(() => {
      if (this.layerName === layer && !signal.aborted) fill(this.middle, loading(`Computing ${layer} …`));
    }, 250);
    try {
      const maps = await loadMaps({ network: state.get("network"), image: this.image ?? "", layer }, signal);
      if (signal.aborted || this.layerName !== layer) return;
      this.maps = maps;
      this.input = maps.header.input;
      clearTimeout(late);
      if (!this.grid.element.isConnected) fill(this.middle, this.grid.element);
      this.showGrid();
    } catch (error) {
      clearTimeout(late);
      if (signal.aborted) throw error;
      if (this.layerName === layer) {
        this.maps = null;
        fill(this.middle, refused(error));
        fill(this.foot);
      }
    } finally {
      clearTimeout(late);
    }
  }

  /** The layers as a strip, or as boxes with values on their faces. */
  async showLayers() {
    const { signal } = this.asking, form = state.get("show") === "volumes" ? "volumes" : "strip";
    for (const button of this.form.children) button.setAttribute("aria-pressed", String(button.dataset.form === form));
    this.strip.element.hidden = form === "volumes";
    this.still.hidden = form === "strip" || !this.camera.on;
    this.drawn.classList.toggle("in-space", form === "volumes");
    if (form === "strip") {
      this.volumes?.close();
      this.volumes?.element.remove();
      this.volumes = null;
      return;
    }
    const { VolumesView } = await import("../volumes/view.js");
    if (signal.aborted || state.get("show") !== "volumes" || !this.layerName) return;
    if (!this.volumes) {
      this.volumes = new VolumesView({ choose: (layer) => state.set({ layer, unit: null }), strip: () => state.set({ show: null, pose: null }),
        pose: (pose) => state.set({ pose }, { replace: true }) });
      this.drawn.prepend(this.volumes.element);
    }
    await this.volumes.show({ network: state.get("network"), image: this.image ?? "" }, this.layerName, state.get("pose"), signal);
  }

  /** A frame of the camera and its answer. @param {import("../parts/camera.js").Frame} frame */
  frame({ canvas, maps, header }) {
    this.photo.showFrame(canvas);
    this.photo.showSeen(header.seen);
    this.input = header.input;
    this.answer.show(header);
    if (maps.layer !== this.layerName) return; // another one was chosen since
    const same = this.maps?.layer === maps.layer && this.maps.units === maps.units && this.maps.rows === maps.rows && this.maps.columns === maps.columns;
    const sorted = performance.now() - (this.sorted ?? 0) > SORTED || !same;
    this.maps = maps;
    if (sorted) this.sorted = performance.now();
    if (!this.grid.element.isConnected) fill(this.middle, this.grid.element);
    this.showGrid(!sorted);
    if (this.pointing) this.pointUnit(this.pointing.unit, this.pointing.place);
    else this.rest();
  }

  /** @param {boolean} [steady] whether the units stay in their order */
  showGrid(steady = false) {
    if (!this.maps) return;
    const range = state.get("range") || "unit";
    if (steady) this.grid.renew(this.maps);
    else this.grid.show(this.maps, state.get("order") || "number", range, this.chosen());
    const { header, units, low, high } = this.maps;
    const span = this.maps.span(0, range);
    const ends = range === "unit" ? "black is the unit's lowest value, white its highest"
      : `${compact(span.low)} to ${compact(span.high)}`;
    fill(this.foot, el("span", {}, counted(units, "unit")), el("span", {}, `values ${compact(low)} to ${compact(high)}`),
      el("span", { class: "bar-key", style: `background:${gradient(span.map)}`, "aria-hidden": "true" }), el("span", {}, ends),
      header.averaged > 1 ? el("span", {}, `averaged over ${header.averaged} × ${header.averaged} of ${header.full[1]} × ${header.full[2]} places`) : null,
      header.finite ? null : el("strong", {}, "some values are not finite; they are left clear"));
  }

  chosen() {
    const unit = state.get("unit");
    return /^\d+$/.test(unit) ? Number(unit) : -1;
  }

  /** What is chosen: a place of the photo, a unit, or nothing. */
  async showChosen() {
    const unit = this.chosen(), place = /^(\d+),(\d+)$/.exec(state.get("place"));
    if (this.camera.on) {
      this.pane.end();
      return fill(this.unit, empty("The camera is live: point at a unit to see where it answers. Freeze a frame to look closer at a unit or a place in it."));
    }
    if (place && this.maps) return this.place(Number(place[1]), Number(place[2]));
    if (unit < 0 || !this.maps) {
      this.pane.clear();
      this.leave();
      return;
    }
    this.rest();
    const { atlases } = await theSession();
    this.pane.show(this.maps, unit, { network: state.get("network"), image: this.image ?? "", atlases,
      fingerprint: this.layers?.fingerprint ?? "", photo: this.photo.image, width: this.photo.width });
  }

  /** What lies over the photo while nothing is pointed at: the chosen unit. */
  rest() {
    const unit = this.chosen();
    if (!this.maps || unit < 0 || unit >= this.maps.units) return this.photo.clear();
    this.photo.overlay(this.maps, unit, this.input);
    const peak = this.maps.peak(unit);
    this.photo.showWindow(this.maps.windowOf(peak.row, peak.column));
    this.status.textContent = `${this.maps.layer}:${unit}@${this.maps.cell(peak.row, peak.column)} is largest there: ${compact(peak.value)}`;
  }

  leave() {
    this.pointing = null;
    this.status.textContent = "";
    this.rest();
  }

  /** @param {number} unit @param {{row: number, column: number} | null} place */
  pointUnit(unit, place) {
    if (!this.maps || unit >= this.maps.units) return;
    this.pointing = { unit, place };
    this.photo.overlay(this.maps, unit, this.input);
    const { row, column } = place ?? this.maps.peak(unit);
    this.photo.showWindow(this.maps.windowOf(row, column));
    this.status.textContent = `${this.maps.layer}:${unit}@${this.maps.cell(row, column)} = ${compact(this.maps.at(unit, row, column))}`;
  }

  /** @param {number} x @param {number} y */
  pointPhoto(x, y) {
    if (!this.maps) return;
    const place = this.maps.placeAt(x, y), unit = this.chosen();
    if (!place) return;
    this.photo.showWindow(this.maps.windowOf(place.row, place.column));
    const value = unit >= 0 && unit < this.maps.units ? `:${unit}@${this.maps.cell(place.row, place.column)} sees this; its value is ${compact(this.maps.at(unit, place.row, place.column))}` : `@${this.maps.cell(place.row, place.column)} sees this`;
    this.status.textContent = `${this.maps.layer}${value}.${this.camera.on ? "" : " Click for the strongest units here."}`;
  }

  /** What fires most at a place of the photo, at each layer. @param {number} x @param {number} y */
  async place(x, y) {
    this.pane.end();
    const { signal } = this.pane.asking;
    fill(this.unit, loading("Looking at every layer …"));
    try {
      const { layers } = await getJson("/api/place", { network: state.get("network"), image: this.image, x, y }, signal);
      fill(this.unit, el("h2", {}, `What answers at ${x}, ${y}`),
        el("p", { class: "small muted" }, "The strongest units of each layer where your point lies, in the photo's pixels."),
        ...layers.map((/** @type {any} */ each) => el("section", { class: "place-layer",
          onpointerenter: () => this.photo.showWindow(each.box, each.layer), onpointerleave: () => this.leave() },
        el("h3", {}, `${each.layer}@${each.row},${each.column}`),
        el("ul", { class: "place-units" }, ...each.units.map((/** @type {any} */ one) => el("li", {},
          el("a", { href: state.link("look", { ...state.all(), layer: each.layer, unit: one.unit, place: "" }), "data-link": "" }, `${one.unit}`),
          el("span", { class: "muted" }, ` ${compact(one.value)}`)))))));
    } catch (error) {
      if (!signal.aborted) fill(this.unit, refused(error));
    }
  }

  find() {
    if (this.layers) findLayer(this.layers.layers, (layer) => state.set({ layer, unit: null }));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const turn = (/** @type {string} */ name, /** @type {object} */ choices) => {
      const names = Object.keys(choices), now = state.get(name) || names[0];
      state.set({ [name]: names[(names.indexOf(now) + 1) % names.length] }, { replace: true });
    };
    if (event.key === "/") this.find();
    else if (event.key === "[" || event.key === "]") state.set({ layer: this.strip.neighbour(event.key === "]" ? 1 : -1), unit: null });
    else if (event.key === "s") turn("order", ORDERS);
    else if (event.key === "r") turn("range", RANGES);
    else return false;
    return true;
  }

  close() {
    this.camera.close();
    this.volumes?.close();
    this.asking.abort();
    this.pane.end();
  }
}

/** @param {Record<string, string>} choices @param {string} label @param {(choice: string) => void} choose */
function select(choices, label, choose) {
  return el("select", { "aria-label": label, title: label, onchange: (/** @type {Event} */ event) =>
    choose(/** @type {HTMLSelectElement} */ (event.target).value) },
  ...Object.entries(choices).map(([value, words]) => el("option", { value }, words)));
}

export const open = () => new Look();
