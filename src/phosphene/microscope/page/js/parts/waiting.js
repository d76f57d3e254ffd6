// @ts-check
/** What a part shows while it waits, where there is nothing, and where it was refused. */

import { el } from "../dom.js";

/** @param {string} what */
export const loading = (what) => el("p", { class: "loading" }, el("span", { class: "pulse", "aria-hidden": "true" }), what);

/** @param {string} sentence */
export const empty = (sentence) => el("p", { class: "empty" }, sentence);

/** @param {unknown} error @param {(() => void) | null} [again] */
export const refused = (error, again = null) => el("div", { class: "refused", role: "alert" },
  el("p", {}, error instanceof Error ? error.message : String(error)),
  again ? el("button", { type: "button", onclick: again }, "Try again") : null);
