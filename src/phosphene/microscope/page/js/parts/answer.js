// @ts-check
/** What the network takes the image for: its likeliest classes as bars. */

import { compact, el, fill, percent } from "../dom.js";

/** @typedef {{label: string, index: number, probability: number, score: number}} Guess */

export class Answer {
  /** @param {(guess: Guess) => string} link where a class's name leads */
  constructor(link) {
    this.link = link;
    this.element = el("section", { class: "answer", "aria-label": "The network's answer" });
  }

  /** @param {{classes: Guess[], head?: string, why?: string}} answer */
  show({ classes, head, why }) {
    if (!classes.length) return fill(this.element, el("p", { class: "muted" }, why || "This network gives no class scores."));
    fill(this.element, el("ol", { class: "bars" }, ...classes.map((guess) => el("li", {},
      el("a", { class: "bar-name", href: this.link(guess), "data-link": "", title: `Why “${guess.label}”?` }, guess.label),
      el("span", { class: "bar", "aria-hidden": "true" }, el("i", { style: `width:${(100 * guess.probability).toFixed(2)}%` })),
      el("span", { class: "bar-number", title: `score ${compact(guess.score)}${head ? `, ${head}` : ""}` }, percent(guess.probability)),
    ))));
  }

  clear() {
    fill(this.element, el("ol", { class: "bars waiting", "aria-hidden": "true" },
      ...Array.from({ length: 5 }, () => el("li", {}, el("span", { class: "bar-name" }, " "), el("span", { class: "bar" }), el("span", { class: "bar-number" }, " ")))));
  }
}
