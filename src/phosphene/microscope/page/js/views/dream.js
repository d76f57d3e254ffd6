// @ts-check
/** Dream: any recipe of synthesis, with a form made of its description; the image forms while one watches. */

import { el, fill } from "../dom.js";
import { allForms, imageField, optionsOf, OptionsForm, usualValues } from "../parts/form.js";
import { Picker } from "../parts/picker.js";
import { usual } from "../parts/strip.js";
import { classNames, layerNames } from "../parts/suggestions.js";
import { loading, refused } from "../parts/waiting.js";
import { Work } from "../parts/work.js";
import { getJson, theSession } from "../server.js";
import * as state from "../state.js";
import { Turns } from "../turns.js";

/** @typedef {import("../parts/form.js").Form} Form */

const FIRST = "synthesize", IMAGE = "sample/cat.jpg";
const OTHERS = ["Explain an answer", "Test explanations"]; // groups whose films other views show

class Dream {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.turns = new Turns(signal);
    this.recipes = el("select", { id: "recipe", "aria-label": "The recipe", onchange: () => this.choose() });
    this.about = el("p", { class: "muted" });
    this.options = el("div", {});
    this.picker = new Picker((image) => state.set({ image }), signal);
    this.pictures = el("div", { class: "dream-image" }, this.pictureHeading = el("h2", {}), this.picker.element);
    this.go = el("button", { type: "button", class: "primary", disabled: true, onclick: () => this.start() }, "Start");
    this.work = new Work({ ended: (job) => this.again(job.id) });
    this.on = el("button", { type: "button", hidden: true, onclick: () => this.start({ start: `job/${this.last}` }) }, "Go on from here");
    this.layers = el("datalist", { id: "layer-names" });
    this.element = el("div", { class: "split" },
      el("section", { class: "split-side", "aria-label": "The recipe and its options" }, el("h1", {}, "Dream"),
        el("div", { class: "option" }, el("label", { for: "recipe" }, "Recipe"), this.recipes), this.about, this.pictures, this.options,
        el("div", { class: "row" }, this.go, this.on), classNames(() => state.get("network"), signal), this.layers),
      el("section", { class: "split-main", "aria-label": "What forms" }, this.empty = el("p", { class: "empty" },
        "Choose what the network should see, then press Start. The image forms here, step by step. You can stop at any time and keep what is there."), this.work.element));
    this.picker.load();
    /** @type {Form[]} */
    this.forms = [];
    /** @type {import("../parts/form.js").Values} */
    this.values = {};
    /** @type {import("../parts/form.js").Values} what of them the address had when the form was made */
    this.addressed = {};
    this.last = "";
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    const signal = before && this.forms.length && !this.differs(now, before) ? null : this.turns.next();
    if (!signal) return;
    try {
      if (!this.forms.length) {
        fill(this.options, loading("Reading the recipes …"));
        const forms = (await allForms()).filter((form) => form.films && !OTHERS.includes(form.group));
        fill(this.recipes, ...[...new Set(forms.map((form) => form.group))].map((group) => el("optgroup", { label: group },
          ...forms.filter((form) => form.group === group).map((form) => el("option", { value: form.name }, form.name.replaceAll("-", " "))))));
        this.forms = forms;
      }
      await this.show(signal);
    } catch (error) {
      if (!signal.aborted) fill(this.options, refused(error, () => this.update(now, null)));
    }
  }

  /** Whether the form is another one, or has other values than those that were set in it. @param {state.State} now @param {state.State} before */
  differs(now, before) {
    return state.differ(now, before, ["instrument", "network", "image"])
      || JSON.stringify(chosen(this.form())) !== JSON.stringify(this.addressed);
  }

  form() {
    return this.forms.find((form) => form.name === (state.get("instrument") || FIRST)) ?? this.forms[0];
  }

  /** @param {AbortSignal} signal */
  async show(signal) {
    const form = this.form(), network = state.get("network"), session = await theSession();
    /** @type {import("../parts/strip.js").Layers} */
    const layers = await getJson("/api/layers", { network }, signal);
    if (signal.aborted) return;
    const first = usual(layers), goose = layers.network === "efficientnet_lite0" ? "logits:goose" : layers.labels ? "logits:0" : `${first}:0`;
    const here = { network, networks: session.networks, atlases: session.atlases, folder: session.folder };
    this.go.disabled = false;
    this.on.hidden = !this.last || !goesOn(form);
    this.recipes.value = form.name;
    this.about.textContent = form.line;
    fill(this.layers, ...layerNames(layers.layers.map((layer) => layer.name)));
    const image = imageField(form);
    this.pictures.hidden = !image;
    this.pictureHeading.textContent = image && image.name !== "images" ? image.name[0].toUpperCase() + image.name.slice(1) : "Image";
    this.picker.draw(state.get("image") || IMAGE);
    this.addressed = chosen(form);
    const values = { ...usualValues(form, here), ...this.addressed }, layer = state.get("layer"), unit = state.get("unit");
    for (const field of form.fields)
      if (!(field.name in values) && field.required && ["target", "unit", "layer"].includes(field.role))
        values[field.name] = field.role === "layer" ? layer || first : layer ? `${layer}${unit ? `:${unit}` : ""}` : goose;
    this.values = values;
    fill(this.options, new OptionsForm(form, values, here, (changed) => {
      this.values = changed;
      const own = addressedFields(form);
      this.addressed = Object.fromEntries(own.filter((field) => changed[field.name]).map((field) => [field.name, changed[field.name]]));
      state.set(Object.fromEntries(own.map((field) => [field.name, changed[field.name] ?? null])), { replace: true });
    }).element);
  }

  choose() {
    const others = Object.fromEntries(this.form().fields.filter((field) => !["layer", "network", "image", "atlas"].includes(field.name)).map((field) => [field.name, null]));
    state.set({ ...others, instrument: this.recipes.value });
  }

  /** Starts the recipe; with `start`, once more from the image that the last work ended with. @param {Record<string, string>} [more] */
  async start(more = {}) {
    const form = this.form(), image = imageField(form);
    const options = { ...optionsOf(form, this.values), ...more };
    if (image) options[image.name] = state.get("image") || IMAGE;
    this.empty.hidden = true;
    await this.work.start(form.name, options);
  }

  /** @param {string} job */
  again(job) {
    this.last = job;
    this.go.textContent = "Start anew";
    this.on.hidden = !goesOn(this.form());
  }

  close() {
    this.work.stop();
  }
}

/** The fields whose values the address holds for this view alone. @param {Form} form */
const addressedFields = (form) => form.fields.filter((field) => field !== imageField(form) && field.role !== "network");

/** Their values in the address. @param {Form} form @returns {import("../parts/form.js").Values} */
const chosen = (form) => Object.fromEntries(addressedFields(form).filter((field) => state.get(field.name)).map((field) => [field.name, state.get(field.name)]));

/** Whether a recipe can begin at an image that was made. @param {Form} form */
const goesOn = (form) => form.fields.some((field) => field.name === "start" && field.role === "photo");

/** @param {AbortSignal} signal */
export const open = (signal) => new Dream(signal);
