// @ts-check
/** A form made of an instrument's description: a control for each field, with its help, choices and default. */

import { el, fill } from "../dom.js";
import { getJson } from "../server.js";

/**
 * @typedef {{name: string, role: string, help: string, required: boolean, default: any, type: string,
 *   choices: string[] | null, several: boolean, unit: string | null}} Field
 * @typedef {{name: string, group: string, line: string, details: string, draws: boolean, stepwise: boolean, films: boolean,
 *   fields: Field[], drawing: Field[]}} Form
 */

/** @type {Promise<Form[]> | null} */
let forms = null;

/** All instruments' forms. @returns {Promise<Form[]>} */
export function allForms() {
  forms ??= getJson("/api/forms").then(({ instruments }) => instruments, (error) => {
    forms = null;
    throw error;
  });
  return forms;
}

/** Roles that the page fills in by itself, from what is chosen. */
export const CHOSEN = ["network", "networks", "images", "image set", "photo", "photos", "atlas", "folder"];

/** The controls of one instrument's options. */
export class OptionsForm {
  /**
   * @param {Form} form
   * @param {Record<string, string>} values
   * @param {(values: Record<string, string>) => void} changed
   * @param {string[]} [skip] names of fields that stand elsewhere
   */
  constructor(form, values, changed, skip = []) {
    this.form = form;
    this.values = { ...values };
    this.changed = changed;
    const asked = form.fields.filter((field) => !CHOSEN.includes(field.role) && !skip.includes(field.name));
    const needed = asked.filter((field) => field.required || ["target", "unit", "label", "layer"].includes(field.role));
    const others = asked.filter((field) => !needed.includes(field));
    this.element = el("div", { class: "options" }, ...needed.map((field) => this.control(field)),
      others.length ? el("details", { class: "more-options", open: others.some((field) => field.name in values) },
        el("summary", {}, "Options"), ...others.map((field) => this.control(field))) : null);
  }

  /** @param {Field} field */
  control(field) {
    const id = `option-${this.form.name}-${field.name}`, value = this.values[field.name];
    const put = (/** @type {string} */ text) => {
      if (text === "" || text === String(field.default ?? "")) delete this.values[field.name];
      else this.values[field.name] = text;
      this.changed({ ...this.values });
    };
    const label = field.name.replaceAll("_", " ");
    const onchange = (/** @type {Event} */ event) => put(/** @type {HTMLInputElement} */ (event.target).value.trim());
    const described = field.help ? `${id}-help` : null;
    /** @type {HTMLElement} */
    let control;
    if (field.choices) {
      const none = field.default === null && !field.required ? [el("option", { value: "" }, "as usual")] : [];
      control = el("select", { id, onchange, "aria-describedby": described }, ...none,
        ...field.choices.map((choice) => el("option", { value: choice }, choice)));
      /** @type {HTMLSelectElement} */ (control).value = value ?? String(field.default ?? "");
    } else if (field.type === "boolean") {
      control = el("input", { id, type: "checkbox", checked: (value ?? String(field.default)) === "true", "aria-describedby": described,
        onchange: (/** @type {Event} */ event) => put(String(/** @type {HTMLInputElement} */ (event.target).checked)) });
    } else {
      const number = field.type === "integer" || field.type === "number";
      control = el("input", { id, type: number ? "number" : "text", step: field.type === "integer" ? "1" : "any", value: value ?? "",
        placeholder: field.default === null || field.default === undefined ? (field.required ? "" : "as usual") : String(field.default),
        onchange, required: field.required, autocomplete: "off", "aria-describedby": described,
        list: ["label", "labels"].includes(field.role) ? "class-names" : null });
    }
    return el("div", { class: "option" }, el("label", { for: id }, label), control,
      field.help ? el("p", { id: described, class: "small muted" }, `${field.help[0].toUpperCase()}${field.help.slice(1)}.`) : null);
  }
}

/** A list of class names that follows what is typed, for `list="class-names"`. @param {() => string} network */
export function classNames(network) {
  const list = el("datalist", { id: "class-names" });
  let last = "";
  document.addEventListener("input", async (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (!list.isConnected || input.getAttribute?.("list") !== "class-names" || input.value === last || input.value.length < 2) return;
    last = input.value;
    try {
      const { classes } = await getJson("/api/classes", { network: network(), search: input.value });
      fill(list, ...classes.map((/** @type {{label: string}} */ each) => el("option", { value: each.label })));
    } catch { /* without suggestions then */ }
  });
  return list;
}
