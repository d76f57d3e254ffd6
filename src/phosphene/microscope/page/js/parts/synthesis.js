// @ts-check
/**
 * What a unit would like to see: one image, several that must differ, or its facets, as they form. Which of them is in the
 * page's address, so that the address brings it back.
 */

import { el, fill } from "../dom.js";
import { getJson } from "../server.js";
import * as state from "../state.js";
import { holding, sweepsOf } from "./patches.js";
import { refused } from "./waiting.js";
import { Work } from "./work.js";

/** @typedef {import("./patches.js").Asked & {folder: number}} Question and how many images the folder has */

const STEPS = "128";
const RESTING = 250; // ms that a unit is looked at before its images form
const FEWEST = 8; // images of an atlas that make facets

/** @type {Record<string, {words: string, instrument: string, about: string}>} */
export const KINDS = {
  one: { words: "One", instrument: "synthesize", about: "One image that moves the unit most." },
  four: { words: "Four that differ", instrument: "diverse", about: "Lower row: four images that are pushed apart while they form. Upper row: the same four starts, not pushed apart." },
  facets: { words: "Facets", instrument: "facets", about: "One image for each kind of photo that the unit answers to." },
};

export class Synthesis {
  /** @param {Question} question @param {AbortSignal} signal ends its work */
  constructor(question, signal) {
    this.question = question;
    this.signal = signal;
    this.work = new Work();
    this.kind = "";
    this.about = el("p", { class: "small muted" });
    this.buttons = Object.entries(KINDS).map(([kind, { words }]) => el("button", { type: "button", "data-kind": kind, "aria-pressed": "false",
      onclick: () => (state.get("see") === kind ? this.start() : state.set({ see: kind })) }, words));
    this.element = el("div", { class: "synthesis" }, el("div", { class: "row", role: "group", "aria-label": "What it would like to see" }, ...this.buttons),
      this.about, this.work.element);
    signal.addEventListener("abort", () => this.work.stop());
  }

  /** Shows the kind that the address names. */
  update() {
    const kind = state.get("see") in KINDS ? state.get("see") : "";
    if (kind === this.kind) return;
    this.kind = kind;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    this.work.clear();
    fill(this.about, kind ? KINDS[kind].about : null);
    if (kind) setTimeout(() => !this.signal.aborted && this.kind === kind && this.start(), RESTING);
  }

  async start() {
    const { kind, question: { unit, network } } = this;
    try {
      const own = kind === "facets" ? await this.photos() : {};
      if (this.signal.aborted || this.kind !== kind) return;
      if (kind === "facets") this.about.append(" Lower row: for comparison, images that start from noise.");
      await this.work.start(KINDS[kind].instrument, { ...(network ? { network } : {}), target: unit, steps: STEPS, ...own });
    } catch (error) {
      if (!this.signal.aborted && this.kind === kind) fill(this.about, refused(error));
    }
  }

  /** Photos for the facets: those of the atlas that the unit answers to most, or all of the folder. */
  async photos() {
    const { unit, atlas, fingerprint, folder } = this.question;
    let why = "";
    if (atlas) {
      try {
        const sweep = holding(atlas, await sweepsOf(atlas), fingerprint, unit.slice(0, unit.lastIndexOf(":")));
        const { patches } = await getJson("/api/run/atlas-patches.json", { atlas, unit, sweep }, this.signal);
        const photos = [...new Set(patches.map((/** @type {{number: number}} */ patch) => `atlas/${atlas}/${patch.number}`))];
        if (photos.length >= FEWEST) {
          fill(this.about, `The unit's ${photos.length} strongest photos in the atlas are grouped by kind. Each group has one image.`);
          return { photos, groups: String(Math.min(4, Math.floor(photos.length / 4))) };
        }
        why = `The atlas holds ${photos.length} images of this unit, but ${FEWEST} are needed. `;
      } catch (error) {
        if (this.signal.aborted || !(error instanceof Error)) throw error;
        why = `${error.message} `;
      }
    }
    if (!folder) throw new Error(`${why}Facets need photos: start the microscope with --images FOLDER, best with a hundred photos of many kinds.`);
    fill(this.about, "The folder's photos with the highest values are grouped by kind. Each group has one image.");
    return { photos: ["folder/"] };
  }
}
