// @ts-check
/** One question that an instrument answers about two networks: its options, a start, and its results as they come. */

import { el, fill } from "../dom.js";
import { optionsOf, OptionsForm } from "./form.js";
import { refused } from "./waiting.js";
import { Work } from "./work.js";

/**
 * @typedef {import("./form.js").Form} Form
 * @typedef {{title: string, instrument: string, runs: (a: string, b: string) => Record<string, string | string[]>[],
 *   ended?: (work: Work, job: import("../events.js").Job) => void}} Asked what is asked, and with which networks: a result for each run
 */

export class Question {
  /** @param {Asked} asked @param {Form[]} forms @param {import("./form.js").Here} here */
  constructor(asked, forms, here) {
    this.asked = asked;
    /** @type {Work[]} */
    this.works = [];
    /** @type {import("./form.js").Values} */
    this.values = {};
    this.results = el("div", { class: "question-results" });
    this.element = el("section", { class: "question", "aria-label": asked.title }, el("h2", {}, asked.title));
    const form = forms.find((each) => each.name === asked.instrument);
    if (!form) {
      this.element.append(refused(new Error(`This microscope has no ${asked.instrument}.`)));
      return;
    }
    const given = Object.keys(asked.runs("", "")[0]);
    this.form = { ...form, fields: form.fields.filter((field) => !given.includes(field.name)) };
    this.go = el("button", { type: "button", class: "primary", onclick: () => this.start() }, "Start");
    this.element.append(el("p", { class: "muted small" }, form.line),
      new OptionsForm(this.form, {}, here, (values) => { this.values = values; }).element, el("div", { class: "row" }, this.go), this.results);
  }

  /** The networks that it is about; what was answered about others is taken away. @param {string} a @param {string} b */
  about(a, b) {
    if (this.networks?.join("\n") === [a, b].join("\n")) return;
    this.networks = [a, b];
    this.stop();
    fill(this.results);
  }

  /** Asks for each run, one after the other. */
  async start() {
    const [a, b] = this.networks ?? ["", ""], { asked, form } = this;
    if (!form) return;
    this.stop();
    const works = asked.runs(a, b).map((run) => ({ run, work: new Work() }));
    this.works = works.map(({ work }) => work);
    for (const work of this.works) work.told.ended = (job) => asked.ended?.(work, job);
    fill(this.results, ...this.works.map((work) => work.element));
    await Promise.all(works.map(({ run, work }) => work.start(asked.instrument, { ...optionsOf(form, this.values), ...run })));
  }

  stop() {
    for (const work of this.works) work.stop();
  }
}
