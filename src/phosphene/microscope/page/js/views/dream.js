// @ts-check
/** Dream: any recipe of synthesis, with a form made of its description; the image forms while one watches. */

import { el, fill } from "../dom.js";
import { allForms, CHOSEN, classNames, OptionsForm } from "../parts/form.js";
import { Picker } from "../parts/picker.js";
import { usual } from "../parts/strip.js";
import { loading, refused } from "../parts/waiting.js";
import { Work } from "../parts/work.js";
import { getJson } from "../server.js";
import * as state from "../state.js";

/** @typedef {import("../parts/form.js").Form} Form */

const FIRST = "synthesize";
const GROUPS = ["Synthesise images of units and classes", "Invert and change photos", "Change the answer"];

class Dream {
  constructor() {
    this.recipes = el("select", { id: "recipe", "aria-label": "The recipe", onchange: () => this.choose() });
    this.about = el("p", { class: "muted" });
    this.options = el("div", {});
    this.picker = new Picker((image) => state.set({ image }));
    this.pictures = el("div", { class: "dream-image" }, el("h2", {}, "The image"), this.picker.element);
    this.go = el("button", { type: "button", class: "primary", disabled: true, onclick: () => this.start() }, "Start");
    this.work = new Work({ ended: (job) => this.again(job.id) });
    this.on = el("button", { type: "button", hidden: true, onclick: () => this.goOn() }, "Go on from here");
    this.element = el("div", { class: "split" },
      el("section", { class: "split-side", "aria-label": "The recipe and its options" }, el("h1", {}, "Dream"),
        el("div", { class: "option" }, el("label", { for: "recipe" }, "Recipe"), this.recipes), this.about, this.pictures, this.options,
        el("div", { class: "row" }, this.go, this.on), classNames(() => state.get("network"))),
      el("section", { class: "split-main", "aria-label": "What forms" }, this.empty = el("p", { class: "empty" },
        "Choose what the network shall see, then start: the image forms here, step by step. Stop at any time; what is there is kept."), this.work.element));
    this.picker.load();
    /** @type {Form[]} */
    this.forms = [];
    this.last = "";
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    try {
      if (!this.forms.length) {
        fill(this.options, loading("Reading the recipes …"));
        this.forms = (await allForms()).filter((form) => form.films && GROUPS.includes(form.group));
        fill(this.recipes, ...GROUPS.map((group) => el("optgroup", { label: group },
          ...this.forms.filter((form) => form.group === group).map((form) => el("option", { value: form.name }, form.name.replaceAll("-", " "))))));
      }
      if (!before || state.differ(now, before, ["instrument", "network", "image"])) await this.show();
    } catch (error) {
      fill(this.options, refused(error, () => this.update(now, null)));
    }
  }

  form() {
    return this.forms.find((form) => form.name === (state.get("instrument") || FIRST)) ?? this.forms[0];
  }

  async show() {
    const form = this.form(), network = state.get("network");
    /** @type {import("../parts/strip.js").Layers} */
    const layers = await getJson("/api/layers", { network });
    const first = usual(layers), goose = layers.network === "efficientnet_lite0" ? "logits:goose" : layers.labels ? "logits:0" : `${first}:0`;
    this.go.disabled = false;
    this.on.hidden = !this.last || !form.fields.some((field) => field.name === "start" && field.role === "photo");
    this.recipes.value = form.name;
    this.about.textContent = form.line;
    this.pictures.hidden = !photos(form).some((field) => field.required);
    this.picker.draw(state.get("image") || "sample/cat.jpg");
    const values = Object.fromEntries(Object.entries(state.all()).filter(([name]) => form.fields.some((field) => field.name === name && !CHOSEN.includes(field.role))));
    const layer = state.get("layer"), unit = state.get("unit");
    for (const field of form.fields)
      if (!(field.name in values) && field.required && ["target", "unit", "layer"].includes(field.role))
        values[field.name] = field.role === "layer" ? layer || first : layer ? `${layer}${unit ? `:${unit}` : ""}` : goose;
    this.values = values;
    fill(this.options, new OptionsForm(form, values, (changed) => {
      this.values = changed;
      const own = Object.fromEntries(form.fields.filter((field) => !CHOSEN.includes(field.role)).map((field) => [field.name, changed[field.name] ?? null]));
      state.set(own, { replace: true });
    }).element);
  }

  choose() {
    const others = Object.fromEntries(this.form().fields.filter((field) => !["layer"].includes(field.name)).map((field) => [field.name, null]));
    delete others.network;
    state.set({ ...others, instrument: this.recipes.value });
  }

  /** Once more from the image that the last work ended with. */
  async goOn() {
    await this.start({ start: `job/${this.last}` });
  }

  /** @param {Record<string, string>} [more] */
  async start(more = {}) {
    const form = this.form(), network = state.get("network"), image = state.get("image") || "sample/cat.jpg";
    /** @type {Record<string, any>} */
    const options = { ...this.values, ...more };
    for (const field of form.fields) {
      if (field.role === "network" && network) options[field.name] = network;
      if (field.role === "networks") options[field.name] = [network || (await firstNetwork())];
      if (photos(form).includes(field) && field.required) options[field.name] = image;
    }
    this.empty.hidden = true;
    await this.work.start(form.name, options);
  }

  /** @param {string} job */
  again(job) {
    this.last = job;
    this.go.textContent = "Start anew";
    this.on.hidden = !this.form().fields.some((field) => field.name === "start" && field.role === "photo");
  }

  close() {
    this.work.stop();
  }
}

/** @param {Form} form */
const photos = (form) => form.fields.filter((field) => ["images", "photo", "image set", "photos"].includes(field.role));

async function firstNetwork() {
  const { theSession } = await import("../server.js");
  return (await theSession()).networks[0];
}

export const open = () => new Dream();
