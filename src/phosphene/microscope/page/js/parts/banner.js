// @ts-check
/** One line at the top of the page: what failed, what is going on, whether the server is there. */

import { el, fill } from "../dom.js";

const place = /** @type {HTMLElement} */ (document.getElementById("banner"));
let timer = 0;

/**
 * Shows a sentence; '' takes it away.
 * @param {string} sentence
 * @param {{brief?: boolean, lasting?: boolean}} [how] brief: goes by itself soon; lasting: only another sentence ends it
 */
export function say(sentence, how = {}) {
  clearTimeout(timer);
  fill(place, sentence ? el("span", {}, sentence) : null, sentence && !how.lasting
    ? el("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => fill(place) }, "×") : null);
  if (sentence && how.brief) timer = setTimeout(() => fill(place), 4000);
}
