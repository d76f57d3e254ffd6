// @ts-check
/** Choosing an image: the samples, the folder, a file, a drop, a paste, the camera. */

import { counted, el, fill } from "../dom.js";
import { address, change, getJson, Refusal, theSession } from "../server.js";
import { Turns } from "../turns.js";
import { say } from "./banner.js";
import { refused } from "./waiting.js";

/** @typedef {(image: string) => void} Choose */

/** Sends an image's file to the server; gives the name by which it is asked about. @param {Blob} file */
export async function upload(file) {
  const { upload_bytes } = await theSession();
  if (file.size > upload_bytes)
    throw new Refusal(`This file has ${(file.size / 2 ** 20).toFixed(0)} MB; at most ${upload_bytes / 2 ** 20} MB are allowed.`, 413);
  return /** @type {string} */ ((await (await change("POST", "/api/images", file)).json()).image);
}

let taken = 0; // images that were brought, of which the last one is chosen

/** Takes the first image of what was dropped or pasted. @param {DataTransfer | null} data @param {Choose} choose */
export async function take(data, choose) {
  const file = Array.from(data?.files ?? []).find((each) => each.type.startsWith("image/") || !each.type);
  if (!file) return say("This is no image file. Use a JPEG, PNG, WebP, TIFF, BMP or GIF file.");
  const turn = ++taken;
  say("Reading the image …", { brief: true });
  try {
    const image = await upload(file);
    if (turn !== taken) return; // another one was brought since
    choose(image);
    say("");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (turn === taken) say(error.message);
  }
}

/** Lets the whole page take drops and pastes. @param {Choose} choose */
export function takeDrops(choose) {
  addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) {
      event.preventDefault();
      document.body.classList.add("dropping");
    }
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    take(event.dataTransfer, choose);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) take(event.clipboardData, choose);
  });
}

/** A row of small images to choose from, with ways to bring one's own. */
export class Picker {
  /** @param {Choose} choose @param {AbortSignal} [signal] of the view that holds it @param {(() => void) | null} [camera] */
  constructor(choose, signal, camera = null) {
    this.choose = choose;
    this.turns = new Turns(signal);
    this.images = el("div", { class: "picker-images", role: "listbox", "aria-label": "Images" });
    this.more = el("button", { class: "quiet", type: "button", hidden: true, onclick: () => this.load(this.next) }, "More");
    this.count = el("span", { class: "muted small" });
    const file = el("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "Open an image",
      onchange: (/** @type {Event} */ event) => {
        const input = /** @type {HTMLInputElement} */ (event.target);
        if (input.files?.[0]) take(/** @type {any} */ ({ files: [input.files[0]] }), choose);
        input.value = "";
      } });
    this.search = el("input", { type: "search", placeholder: "Search the folder", "aria-label": "Search the images by name",
      hidden: true, oninput: () => this.load(0) });
    this.element = el("section", { class: "picker", "aria-label": "Choose an image" }, this.search, this.images,
      el("div", { class: "row" },
        el("button", { type: "button", onclick: () => file.click(), title: "Open a file; you can also drop or paste an image anywhere" }, "Open …"),
        camera && navigator.mediaDevices ? el("button", { type: "button", class: "picker-camera", onclick: camera }, "Camera") : null,
        this.more, this.count, file));
    this.next = 0;
    /** @type {string[]} */
    this.names = [];
  }

  /** Reads the names of images, from `start` on; those of an earlier search don't come any more. @param {number} [start] */
  async load(start = 0) {
    const signal = this.turns.next();
    let answer;
    try {
      answer = await getJson("/api/images", { start, search: this.search.value }, signal);
    } catch (error) {
      if (!signal.aborted) fill(this.images, refused(error, () => this.load(start)));
      return;
    }
    if (signal.aborted) return;
    const { images, total, next } = answer;
    this.names = start ? [...this.names, ...images] : images;
    this.next = next ?? 0;
    this.more.hidden = next === null;
    if (total > 12) this.search.hidden = false;
    this.count.textContent = total > 2 ? counted(total, "image") : "";
    this.draw(this.chosen ?? "");
  }

  /** @param {string} chosen */
  draw(chosen) {
    this.chosen = chosen;
    const names = chosen && !this.names.includes(chosen) && chosen.startsWith("upload/") ? [chosen, ...this.names] : this.names;
    fill(this.images, ...names.map((name) => el("button", {
      class: "picker-image", type: "button", role: "option", "aria-selected": String(name === chosen), "aria-label": name,
      title: name, onclick: () => this.choose(name),
    }, el("img", { src: address("/api/image.webp", { image: name, side: 96 }), alt: "", loading: "lazy", width: 48, height: 48 }))));
  }

  /** Marks several images as chosen. @param {string[]} names */
  mark(names) {
    for (const item of this.images.children) item.setAttribute("aria-selected", String(names.includes(item.title)));
  }
}
