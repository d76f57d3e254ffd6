// @ts-check
/** What a part shows while it waits, where there is nothing, and where it was refused. */

import { el } from "../dom.js";
import { Refusal } from "../server.js";

/** @param {string} what */
export const loading = (what) => el("p", { class: "loading" }, el("span", { class: "pulse", "aria-hidden": "true" }), what);

/** @param {string} sentence */
export const empty = (sentence) => el("p", { class: "empty" }, sentence);

/** Why something was refused, with a way to ask once more where another answer may come. @param {unknown} error @param {(() => void) | null} [again] */
export const refused = (error, again = null) => el("div", { class: "refused", role: "alert" },
  el("p", {}, error instanceof Error ? error.message : String(error)),
  again && !final(error) ? el("button", { type: "button", onclick: again }, "Try again") : null);

/** Whether the same question gets the same answer again: it has none (422), or what it names is not there (404). @param {unknown} error */
const final = (error) => error instanceof Refusal && [404, 413, 422].includes(error.status);
