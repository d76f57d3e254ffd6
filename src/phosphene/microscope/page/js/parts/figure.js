// @ts-check
/**
 * A result as the page sets it: title, words, picture, table, and what can be done with it: saved as a picture that
 * knows how it was made, copied as Python, as a command, as an address.
 */

import { compact, el, fill } from "../dom.js";
import { address, getJson } from "../server.js";
import { say } from "./banner.js";
import { dialog } from "./palette.js";
import { loading, refused } from "./waiting.js";

/**
 * @typedef {{title: string, subtitle: string, foot: string, description: string, svg: string, width: number,
 *   table: {header: string[], rows: any[][]} | null, notes: string[], python: string, command: string}} SheetJson
 */

/**
 * An instrument's answer, asked for and set.
 * @param {string} instrument
 * @param {Record<string, any>} options
 * @param {{signal?: AbortSignal, plain?: boolean, what?: string}} [how] plain: without a title
 */
export function figure(instrument, options, how = {}) {
  const element = el("figure", { class: "figure", "aria-busy": "true" }, loading(how.what ?? "Computing …"));
  const ask = async () => {
    try {
      const sheet = await getJson(`/api/run/${instrument}.sheet`, options, how.signal);
      element.removeAttribute("aria-busy");
      setSheet(element, sheet, (format) => address(`/api/run/${instrument}.${format}`, options), how.plain);
    } catch (error) {
      if (how.signal?.aborted) return;
      element.removeAttribute("aria-busy");
      fill(element, refused(error, ask));
    }
  };
  return { element, done: ask() };
}

/**
 * @param {HTMLElement} element
 * @param {SheetJson} sheet
 * @param {(format: string) => string} file the address of the result in a format
 * @param {boolean} [plain]
 */
export function setSheet(element, sheet, file, plain = false) {
  const body = el("div", { class: "figure-body" });
  body.innerHTML = sheet.svg; // the server's own drawing, in which every text is escaped
  fill(element,
    el("div", { class: "figure-head" }, plain ? el("span") : el("div", {}, el("h2", {}, sheet.title), el("p", { class: "muted small" }, sheet.subtitle)),
      menu(sheet, file, () => larger(sheet))),
    body, sheet.table ? table(sheet.table) : null,
    ...sheet.notes.map((note) => el("p", { class: "small note" }, note)),
    el("figcaption", { class: "small muted" }, sheet.foot));
}

/** The drawing as large as the page lets it be, for where it stands in a narrow column. @param {SheetJson} sheet */
function larger(sheet) {
  const body = el("div", { class: "figure-body" });
  body.innerHTML = sheet.svg; // as in setSheet
  const box = dialog(sheet.title, el("h2", {}, sheet.title), body, el("p", { class: "small muted" }, sheet.foot),
    el("form", { method: "dialog" }, el("button", { autofocus: true }, "Close")));
  box.classList.add("larger");
}

/** @param {SheetJson} sheet @param {(format: string) => string} file @param {() => void} enlarge */
function menu(sheet, file, enlarge) {
  const theme = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const png = new URL(file("png"), location.href);
  png.searchParams.set("theme", theme);
  const name = sheet.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase() || "picture";
  return el("details", { class: "menu" }, el("summary", { title: "Save or copy", "aria-label": "Save or copy" }, "⋯"),
    el("div", { class: "menu-list" },
      el("button", { type: "button", class: "quiet", onclick: enlarge }, "Show it larger"),
      el("a", { href: png.pathname + png.search, download: `${name}.png` }, "Save as PNG"),
      el("a", { href: file("svg"), download: `${name}.svg` }, "Save as SVG"),
      el("a", { href: file("json"), target: "_blank", rel: "noopener" }, "The numbers"),
      el("button", { type: "button", class: "quiet", onclick: () => copy(sheet.python, "The Python") }, "Copy as Python"),
      sheet.command ? el("button", { type: "button", class: "quiet", onclick: () => copy(sheet.command, "The command") }, "Copy as command") : null,
      el("button", { type: "button", class: "quiet", onclick: () => copy(new URL(file("png"), location.href).href, "The address") }, "Copy the address")));
}

/** @param {string} text @param {string} what */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} is copied.`, { brief: true });
  } catch {
    say(text, { lasting: true }); // to be copied by hand
  }
}

/** @param {{header: string[], rows: any[][]}} given */
export function table({ header, rows }) {
  const numeric = header.map((_, column) => rows.every((row) => typeof row[column] === "number" || row[column] === null));
  const text = (/** @type {any} */ cell) => typeof cell === "number" ? compact(cell) : cell ?? "";
  return el("div", { class: "table", tabIndex: 0, role: "region", "aria-label": "The numbers" }, el("table", {},
    el("thead", {}, el("tr", {}, ...header.map((name, at) => el("th", { class: numeric[at] ? "number" : null, scope: "col" }, name)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, at) => el("td", { class: numeric[at] ? "number" : null }, text(cell))))))));
}
