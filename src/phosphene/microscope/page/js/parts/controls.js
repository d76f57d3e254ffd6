// @ts-check
/** Controls for what is written or picked from a list: text, numbers, choices, yes or no, and lists of texts. */

import { el } from "../dom.js";

/** @typedef {import("./form.js").Field} Field */

/** The lists of suggestions (`suggestions.js`) for texts of a role. @type {Record<string, string>} */
const SUGGESTED = { label: "class-names", labels: "class-names", layer: "layer-names", layers: "layer-names" };

/**
 * One control for one value.
 * @param {Field} field @param {string} id @param {string | null} help the id of its help
 * @param {string | undefined} value @param {(text: string) => void} put
 * @returns {HTMLElement}
 */
export function control(field, id, help, value, put) {
  const onchange = (/** @type {Event} */ event) => put(/** @type {HTMLInputElement} */ (event.target).value.trim());
  const described = { id, "aria-describedby": help };
  if (field.choices) {
    const none = field.default === null && !field.required ? [el("option", { value: "" }, "default")] : [];
    const select = el("select", { ...described, onchange }, ...none, ...field.choices.map((choice) => el("option", { value: choice }, choice)));
    select.value = value ?? String(field.default ?? select.options[0]?.value ?? "");
    return select;
  }
  if (field.type === "boolean") {
    return el("input", { ...described, type: "checkbox", checked: (value ?? String(field.default)) === "true",
      onchange: (/** @type {Event} */ event) => put(String(/** @type {HTMLInputElement} */ (event.target).checked)) });
  }
  const number = field.type === "integer" || field.type === "number";
  return el("input", { ...described, type: number ? "number" : "text", step: field.type === "integer" ? "1" : "any", value: value ?? "",
    placeholder: usual(field), onchange, required: field.required, autocomplete: "off", list: SUGGESTED[field.role] ?? null });
}

/** What an empty field stands for. @param {Field} field */
function usual(field) {
  if (field.default !== null && field.default !== undefined) return String(field.default);
  return field.required ? "" : "default";
}

/**
 * A list of texts, one a row, to which more are added.
 * @param {Field} field @param {string} id @param {string | null} help
 * @param {string[]} texts @param {(texts: string[]) => void} put
 * @returns {HTMLElement}
 */
export function rows(field, id, help, texts, put) {
  const element = el("div", { class: "rows" });
  const tell = () => put(Array.from(element.querySelectorAll("input"), (/** @type {HTMLInputElement} */ input) => input.value.trim()).filter(Boolean));
  const row = (/** @type {string} */ text) => {
    const first = !element.querySelector("input");
    const input = control({ ...field, required: field.required && first }, first ? id : `${id}-${element.children.length}`, help, text, tell);
    if (!first) input.setAttribute("aria-label", `${field.name}, another one`);
    const one = el("div", { class: "rows-row" }, input, first ? null : el("button", { type: "button", class: "quiet", "aria-label": "Remove", onclick: () => {
      one.remove();
      tell();
    } }, "×"));
    more.before(one);
    return input;
  };
  const more = el("button", { type: "button", class: "quiet small", onclick: () => row("").focus() }, "Add another");
  element.append(more);
  for (const text of texts.length ? texts : [""]) row(text);
  return element;
}
