// @ts-check
/** Compare: two networks on the same image, with the same tools, their layers linked by depth; or on the whole folder. */

import { el, fill } from "../dom.js";
import { atDepth, depth } from "../parts/depth.js";
import { differences } from "../parts/differences.js";
import { Many } from "../parts/many.js";
import { Picker } from "../parts/picker.js";
import { Side } from "../parts/side.js";
import { usual } from "../parts/strip.js";
import { GridTools, toolKey } from "../parts/tools.js";
import { refused } from "../parts/waiting.js";
import { getJson, theSession } from "../server.js";
import * as state from "../state.js";

/** What two networks are compared on, by the address. */
const ON = { "": "This photo", folder: "The folder" };

class Compare {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.asking = new AbortController();
    this.askingMany = new AbortController();
    this.opened = ""; // what the sides show
    const again = () => {
      this.opened = "";
      void this.update({ view: state.view(), parameters: state.all() }, null);
    };
    this.first = new Side("First", { again, network: (network) => state.set({ network, layer: null, unit: null, otherlayer: null }),
      layer: (layer) => this.chooseLayer(layer, true), unit: (unit) => state.set({ unit }) }, signal);
    this.second = new Side("Second", { again, network: (other) => state.set({ other, otherlayer: null, otherunit: null }),
      layer: (layer) => this.chooseLayer(layer, false), unit: (otherunit) => state.set({ otherunit }) }, signal);
    this.picker = new Picker((image) => state.set({ image }), signal);
    this.words = el("div", { class: "compare-words", role: "status" });
    this.together = el("input", { type: "checkbox", id: "together", onchange: () => this.link(this.together.checked) });
    this.linked = el("p", { class: "small muted", role: "status" });
    this.choices = new GridTools();
    this.sides = el("div", { class: "compare-sides" }, this.first.element, this.second.element);
    this.many = new Many();
    this.on = el("div", { class: "switch", role: "group", "aria-label": "What they are compared on" },
      ...Object.entries(ON).map(([on, words]) => el("button", { type: "button", "data-on": on, "aria-pressed": "false", onclick: () => state.set({ on: on || null }) }, words)));
    this.element = el("div", { class: "compare" },
      this.head = el("div", { class: "compare-head" },
        el("section", { "aria-label": "How the answers differ" }, el("div", { class: "row" }, el("h1", {}, "Compare"), this.on), this.words), this.picker.element),
      this.tools = el("section", { class: "compare-tools row", "aria-label": "How both are shown" },
        this.choices.order, this.choices.range, el("button", { type: "button", onclick: () => this.swap() }, "⇄ Change sides"),
        el("label", { class: "check" }, this.together, "Layers together"), this.linked),
      this.sides, this.many.element);
    this.picker.load();
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    const differs = (/** @type {string[]} */ ...names) => !before || state.differ(now, before, names);
    this.choices.update();
    this.together.checked = this.isLinked();
    const many = state.get("on") === "folder";
    for (const button of this.on.children) button.setAttribute("aria-pressed", String((button.dataset.on === "folder") === many));
    this.element.classList.toggle("on-folder", many);
    this.many.element.hidden = !many;
    this.sides.hidden = this.tools.hidden = this.words.hidden = this.picker.element.hidden = many;
    try {
      if (many) return differs("network", "other", "on") ? await this.openMany() : undefined;
      if (this.opened !== this.asked()) await this.open();
      else if (differs("layer", "otherlayer", "together", "on")) await this.openLayers();
      else if (differs("order", "range", "unit", "otherunit")) this.show();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    }
  }

  isLinked() {
    return state.get("together") !== "off";
  }

  /** Whose sides are shown, on which image. */
  asked() {
    return ["network", "other", "image"].map((name) => state.get(name)).join("\n");
  }

  /** The networks that are offered, and the two of them that are compared; the second is '' where there is only one. */
  async networks() {
    const { networks } = await theSession();
    const network = state.get("network") || networks[0], other = state.get("other") || networks.find((name) => name !== network) || "";
    return { networks, network, other };
  }

  /** Both networks on the folder. */
  async openMany() {
    this.askingMany.abort();
    this.askingMany = new AbortController();
    const { signal } = this.askingMany, { network, other } = await this.networks();
    if (!other) return this.alone(network);
    await this.many.show(network, other, signal);
    const layers = await Promise.all([network, other].map((name) => getJson("/api/layers", { network: name }, signal).catch(() => null)));
    if (!signal.aborted) this.many.suggest(layers);
  }

  async open() {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking, { networks, network, other } = await this.networks();
    this.opened = this.asked();
    if (!other) return this.alone(network);
    this.first.offer(networks, network);
    this.second.offer(networks, other);
    fill(this.words, el("p", { class: "muted" }, "Both networks look at the image …"));
    this.linked.textContent = "";
    try {
      this.image = state.get("image") || (await getJson("/api/images", {}, signal)).images[0];
      this.picker.draw(this.image);
      const about = await getJson("/api/image.json", { image: this.image }, signal);
      await Promise.all([this.first.open(this.image, about, signal), this.second.open(this.image, about, signal)]);
    } catch (error) {
      if (signal.aborted) throw error;
      return fill(this.words, refused(error, () => this.open()));
    }
    if (signal.aborted) return;
    this.say();
    await this.openLayers();
  }

  /** How the answers differ, as a list. */
  say() {
    const [one, other] = [this.first, this.second];
    fill(this.words, one.answered && other.answered
      ? el("ul", {}, ...(one.network === other.network ? ["Both sides show the same network. Choose another one to compare."]
        : differences(one.network, one.answered, other.network, other.answered)).map((sentence) => el("li", {}, sentence)))
      : el("p", {}, "One of the two networks gives no answer. Its side says why."));
  }

  /** Only one network is offered: how to bring another. @param {string} network */
  alone(network) {
    fill(this.sides, el("div", { class: "empty compare-alone" }, el("h2", {}, "There is one network here"),
      el("p", {}, `This microscope was started with ${network} alone. Name another one when it starts, for example:`),
      el("pre", {}, el("code", {}, "phosphene microscope --network torchvision:resnet18")),
      el("p", {}, "Any name works that the other commands take: torchvision, timm, a file of weights, a Python function.")));
    fill(this.words, el("p", { class: "muted" }, "Two networks on the same image, side by side."));
    this.picker.element.hidden = this.tools.hidden = this.on.hidden = this.many.element.hidden = true;
    this.sides.hidden = this.words.hidden = false;
  }

  /** The layers of both: each as chosen, the second's as deep as the first's where it is not. */
  async openLayers() {
    const { signal } = this.asking, { first, second } = this, image = this.image ?? "";
    const layer = first.layers ? state.get("layer") || usual(first.layers) : "";
    const free = second.layers ? state.get("otherlayer") || (first.layers ? atDepth(second.layers, depth(first.layers, layer)) : usual(second.layers)) : "";
    if (first.layers && second.layers) {
      const [one, other] = [[first, layer], [second, free]].map(([side, name]) =>
        `${name} at ${Math.round(100 * depth(/** @type {any} */ (side).layers, /** @type {string} */ (name)))} %`);
      this.linked.textContent = this.isLinked() ? `Linked by depth: ${one}, ${other} of the way through its network.` : `Not linked: ${one}, ${other} of the way through its network.`;
    }
    await Promise.all([first.openLayer(image, layer, signal), second.openLayer(image, free, signal)]);
    if (!signal.aborted) this.show();
  }

  show() {
    const number = (/** @type {string} */ text) => /^\d+$/.test(text) ? Number(text) : -1;
    this.first.show(number(state.get("unit")));
    this.second.show(number(state.get("otherunit")));
  }

  /** @param {string} layer @param {boolean} ofFirst */
  chooseLayer(layer, ofFirst) {
    const { first, second } = this;
    if (ofFirst) state.set({ layer, unit: null, ...(this.isLinked() ? { otherlayer: null, otherunit: null } : { otherlayer: second.layer }) });
    else if (this.isLinked() && first.layers && second.layers) {
      const linked = atDepth(first.layers, depth(second.layers, layer));
      const back = atDepth(second.layers, depth(first.layers, linked));
      state.set({ layer: linked, unit: null, otherlayer: back === layer ? null : layer, otherunit: null });
    } else state.set({ otherlayer: layer, otherunit: null });
  }

  /** @param {boolean} on */
  link(on) {
    state.set(on ? { together: null, otherlayer: null, otherunit: null } : { together: "off", otherlayer: this.second.layer });
  }

  swap() {
    const { first, second } = this;
    state.set({ network: second.network, other: first.network, layer: second.layer, otherlayer: first.layer, unit: state.get("otherunit"), otherunit: state.get("unit") });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "/") this.first.find();
    else if (event.key === "[" || event.key === "]") this.chooseLayer(this.first.strip.neighbour(event.key === "]" ? 1 : -1), true);
    else return toolKey(event);
    return true;
  }

  close() {
    this.asking.abort();
    this.askingMany.abort();
    this.many.close();
  }
}

/** @param {AbortSignal} signal */
export const open = (signal) => new Compare(signal);
