// @ts-check
/** Why: several methods' maps of the same answer side by side, and what each method fails at. */

import { el, fill, percent } from "../dom.js";
import { figure } from "../parts/figure.js";
import { Picker } from "../parts/picker.js";
import { PhotoView } from "../parts/photo.js";
import { classNames } from "../parts/suggestions.js";
import { loading, refused } from "../parts/waiting.js";
import { Work } from "../parts/work.js";
import { getJson } from "../server.js";
import * as state from "../state.js";

/** The methods in the order in which they are computed: the quickest first. */
const METHODS = [
  ["grad-cam", "Grad-CAM"], ["gradient", "Gradient"], ["guided", "Guided backprop"], ["cam", "Class activation map"],
  ["input-x-gradient", "Input × gradient"], ["lrp", "Relevance"], ["integrated-gradients", "Integrated gradients"],
  ["smooth-grad", "SmoothGrad"], ["occlusion", "Occlusion"], ["rise", "RISE"], ["locate", "A box"], ["objects", "The object cut out"],
];
/** The judge's names of methods, where it knows them. */
const JUDGED = /** @type {Record<string, string>} */ (Object.fromEntries(["grad-cam", "gradient", "guided", "cam", "input-x-gradient", "lrp",
  "integrated-gradients", "smooth-grad", "occlusion", "rise"].map((name) => [name, name.replaceAll("-", "_")])));
/** Those whose maps come in steps, and what a step adds. @type {Record<string, string>} */
const GROWING = { occlusion: "Each step covers more places.", rise: "Each step shows the network more random parts, so that the map becomes surer." };
const USUAL = ["grad-cam", "gradient", "guided", "lrp", "occlusion"];
const SMALL = 96; // pixels of an input's side: occlusion's usual window is a third of that

class Why {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.photo = new PhotoView();
    this.picker = new Picker((image) => state.set({ image }), signal);
    this.classes = el("ol", { class: "why-classes", "aria-label": "The classes to ask about" });
    this.other = el("input", { type: "search", placeholder: "another class", "aria-label": "Another class", list: "class-names",
      onchange: () => this.other.value && state.set({ target: `logits:${this.other.value}` }) });
    this.versus = el("select", { "aria-label": "Against another class", onchange: () => state.set({ versus: this.versus.value }) });
    this.methods = el("fieldset", { class: "why-methods" }, el("legend", {}, "Methods"));
    this.figures = el("div", { class: "why-figures" });
    this.heading = el("h1", {}, "Why");
    this.trial = new Work();
    this.judging = el("section", { class: "why-trial", hidden: true }, el("h2", {}, "How far can these be trusted?"),
      el("p", { class: "muted small" }, "The judge tests each map on this photo. It covers what the map marks: the score should fall. It gives the network other weights: the map should change. To test many photos: phosphene judge FOLDER."),
      el("button", { type: "button", onclick: () => this.judge() }, "Judge them on this photo"), this.trial.element);
    this.element = el("div", { class: "split" },
      el("section", { class: "split-side", "aria-label": "The question" }, this.heading, this.photo.element, this.classes,
        el("div", { class: "option" }, el("label", {}, "Ask about", this.other)),
        el("div", { class: "option" }, el("label", {}, "Against", this.versus)), this.methods, this.picker.element,
        classNames(() => state.get("network"), signal)),
      el("section", { class: "split-main", "aria-label": "The answers" }, this.figures, this.judging));
    this.picker.load();
    this.asking = new AbortController();
  }

  /** @param {state.State} now @param {state.State | null} before */
  async update(now, before) {
    if (before && !state.differ(now, before, ["network", "image", "target", "versus", "methods"])) return;
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking, network = state.get("network"), image = state.get("image") || "sample/cat.jpg";
    this.trial.stop(); // its verdict was on another photo, class or network
    const former = this.trial.element;
    this.trial = new Work();
    former.replaceWith(this.trial.element);
    this.judging.hidden = true;
    this.picker.draw(image);
    try {
      const [about, answer] = await Promise.all([getJson("/api/image.json", { image }, signal), getJson("/api/answer", { network, image, k: 6 }, signal)]);
      this.photo.show(image, about);
      this.photo.showSeen(answer.seen);
      this.show(answer, signal, network, image);
    } catch (error) {
      if (!signal.aborted) fill(this.figures, refused(error, () => this.update(now, null)));
    }
  }

  /** @param {any} answer @param {AbortSignal} signal @param {string} network @param {string} image */
  async show(answer, signal, network, image) {
    const first = answer.classes[0];
    const target = state.get("target") || (first ? `logits:${first.index}` : "");
    fill(this.classes, ...answer.classes.map((/** @type {any} */ guess) => el("li", {}, el("a", {
      href: state.link("why", { ...state.all(), target: `logits:${guess.index}` }), "data-link": "",
      "aria-current": [`logits:${guess.index}`, `logits:${guess.label}`].includes(target) ? "true" : null }, guess.label,
    el("span", { class: "muted" }, ` ${percent(guess.probability)}`)))));
    const versus = state.get("versus");
    fill(this.versus, el("option", { value: "" }, "no other class"), ...answer.classes.filter((/** @type {any} */ guess) => `logits:${guess.index}` !== target)
      .map((/** @type {any} */ guess) => el("option", { value: `logits:${guess.index}` }, guess.label)));
    if (versus && !Array.from(this.versus.options).some((/** @type {HTMLOptionElement} */ option) => option.value === versus))
      this.versus.append(el("option", { value: versus }, versus));
    this.versus.value = versus;
    const wanted = (state.get("methods") || USUAL.join(",")).split(",");
    fill(this.methods, el("legend", {}, "Methods"), ...METHODS.map(([name, words]) => el("label", { class: "check" }, el("input", {
      type: "checkbox", checked: wanted.includes(name), onchange: (/** @type {Event} */ event) => {
        const on = /** @type {HTMLInputElement} */ (event.target).checked;
        state.set({ methods: METHODS.map(([each]) => each).filter((each) => each === name ? on : wanted.includes(each)).join(",") });
      } }), words)));
    fill(this.figures);
    if (!target) return fill(this.figures, refused(new Error(answer.why || "This network gives no class scores to ask about. Look at its units instead.")));
    performance.mark("why-asked");
    const pair = versus ? [target, versus] : [target];
    const rows = METHODS.filter(([name]) => wanted.includes(name)).map(([name, words]) => ({ name, cells: pair.map((each) => {
      const options = { ...(network ? { network } : {}), images: image, target: each };
      const window = name === "occlusion" ? windowFor(answer.size) : {};
      return name in GROWING ? growing(name, { ...options, ...window }, `${words}: ${GROWING[name]}`, signal) : waiting(name, options, words, signal);
    }) }));
    fill(this.figures, ...rows.map((row) => el("div", { class: versus ? "why-pair" : "why-one" }, ...row.cells.map((cell) => cell.element))));
    this.judging.hidden = false;
    for (const row of rows) {
      if (signal.aborted) return;
      await Promise.all(row.cells.map((cell) => cell.start()));
      performance.mark("why-method", { detail: row.name });
    }
  }

  /** Puts the chosen methods on trial. */
  judge() {
    const wanted = (state.get("methods") || USUAL.join(",")).split(",").filter((name) => name in JUDGED);
    const network = state.get("network"), target = state.get("target");
    this.trial.start("judge", { ...(network ? { network } : {}), images: [state.get("image") || "sample/cat.jpg"],
      ...(target ? { target } : {}), methods: wanted.map((name) => JUDGED[name]).join(","), steps: "16" });
  }

  close() {
    this.asking.abort();
    this.trial.stop();
  }
}

/**
 * The occluding window for an input that the usual one covers too much of: a seventh of the shorter side, as the usual
 * one is of 224 pixels, in steps of half of it.
 * @param {number[]} size of the input
 * @returns {Record<string, string>}
 */
function windowFor(size) {
  const side = Math.min(...size);
  return side < SMALL ? { window: String(Math.max(1, Math.round(side / 7))), stride: String(Math.max(1, Math.round(side / 14))) } : {};
}

/** A method's place, which its figure takes when it is asked for. @param {string} name @param {Record<string, string>} options @param {string} words @param {AbortSignal} signal */
function waiting(name, options, words, signal) {
  const element = el("div", {}, el("figure", { class: "figure", "aria-busy": "true" }, loading(`${words} …`)));
  return { element, start: async () => {
    const own = figure(name, options, { signal, what: `${words} …` });
    fill(element, own.element);
    await own.done;
  } };
}

/** A method whose map grows while one watches. @param {string} name @param {Record<string, string>} options @param {string} words @param {AbortSignal} signal */
function growing(name, options, words, signal) {
  const work = new Work();
  const said = el("p", { class: "muted small" }, words);
  const element = el("div", { class: "why-growing" }, said, work.element);
  signal.addEventListener("abort", () => work.stop());
  return { element, start: async () => {
    await work.whole(name, options);
    said.remove();
  } };
}

/** @param {AbortSignal} signal */
export const open = (signal) => new Why(signal);
