// @ts-check
/** A form made of an instrument's description: a field for each parameter, by its role, with its help and its default. */

import { el } from "../dom.js";
import { getJson } from "../server.js";
import { control, rows } from "./controls.js";
import { NetworksField, PhotosField, stated } from "./things.js";

/**
 * @typedef {{name: string, role: string, help: string, required: boolean, default: any, type: string,
 *   choices: string[] | null, several: boolean, unit: string | null}} Field
 * @typedef {{name: string, group: string, line: string, details: string, draws: boolean, stepwise: boolean, films: boolean,
 *   fields: Field[], drawing: Field[]}} Form
 * @typedef {{network: string, networks: string[], atlases: string[], folder: number}} Here what the page can choose from
 * @typedef {Record<string, string>} Values by the names of fields; several values stand on a line each
 */

const PHOTOS = ["photo", "images", "photos", "image set"]; // roles of fields that hold buttons

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

/** The field of the one image that is worked on, which the page chooses for all its views. @param {Form} form */
export const imageField = (form) => form.fields.find((field) => field.required && ["images", "photo"].includes(field.role));

/** Several values of a field. @param {string | undefined} text */
export const listed = (text) => (text ?? "").split("\n").filter(Boolean);

/** The values that a form has where none is chosen: what must be given and the page knows. @param {Form} form @param {Here} here @returns {Values} */
export function usualValues(form, here) {
  /** @type {Values} */
  const values = {};
  for (const field of form.fields) {
    if (field.role === "network" && here.network) values[field.name] = here.network;
    if (field.role === "networks") values[field.name] = [...new Set([here.network || here.networks[0], ...here.networks])].slice(0, 2).join("\n");
    if (field.role === "atlas" && here.atlases.length) values[field.name] = here.atlases[0];
    if (field.role === "folder" && here.folder) values[field.name] = "folder/";
    if (["photos", "image set"].includes(field.role) && field.required) values[field.name] = here.folder ? "folder/" : "sample/";
  }
  return values;
}

/** What is sent to the server. @param {Form} form @param {Values} values @returns {Record<string, string | string[]>} */
export const optionsOf = (form, values) => Object.fromEntries(form.fields.filter((field) => values[field.name])
  .map((field) => [field.name, field.several ? listed(values[field.name]) : values[field.name]]));

/** A field's help as a sentence. @param {string} help */
const sentence = (help) => `${help[0].toUpperCase()}${help.slice(1)}.`.replaceAll("`", "");

/** The controls of one instrument's options. */
export class OptionsForm {
  /**
   * @param {Form} form
   * @param {Values} values
   * @param {Here} here
   * @param {(values: Values) => void} changed
   */
  constructor(form, values, here, changed) {
    this.form = form;
    this.values = { ...values };
    this.here = here;
    this.changed = changed;
    const needed = form.fields.filter((field) => field.required || ["target", "unit", "label", "layer", "network", "networks"].includes(field.role));
    const others = form.fields.filter((field) => !needed.includes(field));
    this.element = el("div", { class: "options" }, ...needed.map((field) => this.field(field)),
      others.length ? el("details", { class: "more-options", open: others.some((field) => field.name in values) },
        el("summary", {}, "Options"), ...others.map((field) => this.field(field))) : null);
  }

  /** @param {Field} field */
  field(field) {
    const id = `option-${this.form.name}-${field.name}`, name = field.name.replaceAll("_", " ");
    const label = name[0].toUpperCase() + name.slice(1), help = field.help ? `${id}-help` : null;
    const put = (/** @type {string} */ text) => {
      if (text === "" || text === String(field.default ?? "")) delete this.values[field.name];
      else this.values[field.name] = text;
      this.changed({ ...this.values });
    };
    const said = stated(field, this.here, field === imageField(this.form));
    const made = said ? el("p", { class: "small" }, said) : this.made(field, id, help, put);
    const written = !said && !PHOTOS.includes(field.role);
    return el("div", { class: "option", "data-field": field.name }, !written ? el("span", { class: "option-name" }, label) : el("label", { for: id }, label), made,
      field.help ? el("p", { id: help, class: "small muted" }, sentence(field.help)) : null);
  }

  /** What a field is chosen or written with. @param {Field} field @param {string} id @param {string | null} help @param {(text: string) => void} put */
  made(field, id, help, put) {
    const value = this.values[field.name];
    if (PHOTOS.includes(field.role)) return new PhotosField(field, listed(value), this.here, (names) => put(names.join("\n"))).element;
    switch (field.role) {
      case "networks":
        return new NetworksField(id, listed(value), this.here.networks, (names) => put(names.join("\n"))).element;
      case "atlas":
        return control({ ...field, choices: this.here.atlases, default: null }, id, help, value, put);
      case "target": case "labels": case "layers":
        if (field.several) return rows(field, id, help, listed(value), (texts) => put(texts.join("\n")));
    }
    return control(field, id, help, value, put);
  }
}
