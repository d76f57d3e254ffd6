// @ts-check
/** Fields for what is opened instead of written: photos, networks; and what is said where the page chooses by itself. */

import { counted, el, fill } from "../dom.js";
import { address } from "../server.js";
import { dialog } from "./palette.js";
import { Picker } from "./picker.js";

/** @typedef {import("./form.js").Field} Field @typedef {import("./form.js").Here} Here */

/** A sentence for a field that needs no control here, or ''. @param {Field} field @param {Here} here @param {boolean} isImage whether it is the page's image */
export function stated(field, here, isImage) {
  if (isImage) return "The image that is chosen above.";
  if (field.role === "network") return `${here.network || here.networks[0]}, as chosen at the top of the page.`;
  if (field.role === "atlas" && !here.atlases.length) return "No atlas is open. Start the microscope with --atlas PATH.";
  if (field.role === "folder") return here.folder ? `The folder of the microscope: ${counted(here.folder, "image")}.` : "This needs a folder of photos. Start the microscope with --images FOLDER.";
  return "";
}

/** One photo, or several, that are picked in a dialog. */
export class PhotosField {
  /** @param {Field} field @param {string[]} names @param {Here} here @param {(names: string[]) => void} put */
  constructor(field, names, here, put) {
    this.several = ["photos", "image set"].includes(field.role);
    this.label = field.name.replaceAll("_", " ");
    this.names = names;
    this.here = here;
    this.put = put;
    this.chosen = el("ul", { class: "chosen-photos" });
    this.element = el("div", { class: "photos-field" }, this.chosen, el("div", { class: "row" },
      el("button", { type: "button", onclick: () => this.pick() }, this.several ? "Choose photos …" : "Choose a photo …"),
      this.several && here.folder ? el("button", { type: "button", class: "quiet", onclick: () => this.set(["folder/"]) }, "All of the folder") : null));
    this.draw();
  }

  /** @param {string[]} names */
  set(names) {
    this.names = names;
    this.draw();
    this.put(names);
  }

  draw() {
    fill(this.chosen, ...(this.names.length ? this.names.map((name) => el("li", {},
      name.endsWith("/") ? el("span", { class: "small" }, name === "folder/" ? `All of the folder, ${counted(this.here.folder, "image")}` : "The samples")
        : el("img", { src: address("/api/image.webp", { image: name, side: 96 }), alt: name, title: name, width: 48, height: 48 }),
      el("button", { type: "button", class: "quiet", "aria-label": `Remove ${name}`, onclick: () => this.set(this.names.filter((each) => each !== name)) }, "×")))
      : [el("li", { class: "small muted" }, "none")]));
  }

  /** Opens a dialog to pick from; it stays open for several. */
  pick() {
    const picker = new Picker((name) => {
      if (!this.several) {
        this.set([name]);
        return box.close();
      }
      const singles = this.names.filter((each) => !each.endsWith("/"));
      this.set(singles.includes(name) ? singles.filter((each) => each !== name) : [...singles, name]);
      picker.mark(this.names);
    });
    const title = this.several ? "Choose photos" : `Choose a photo: ${this.label}`;
    const box = dialog(title, el("h2", {}, title), picker.element,
      el("form", { method: "dialog" }, el("button", {}, this.several ? "Done" : "Cancel")));
    picker.load().then(() => picker.mark(this.names));
  }
}

/** Some of the networks of this microscope. */
export class NetworksField {
  /** @param {string} id @param {string[]} names @param {string[]} every @param {(names: string[]) => void} put */
  constructor(id, names, every, put) {
    const chosen = new Set(names);
    this.element = el("div", { class: "rows" }, ...every.map((name, at) => el("label", { class: "check" }, el("input", { type: "checkbox", id: at ? null : id, checked: chosen.has(name),
      onchange: (/** @type {Event} */ event) => {
        if (/** @type {HTMLInputElement} */ (event.target).checked) chosen.add(name);
        else chosen.delete(name);
        put(every.filter((each) => chosen.has(each)));
      } }), name)));
  }
}
