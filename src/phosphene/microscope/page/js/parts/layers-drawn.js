// @ts-check
/** The network's layers, as a strip or as boxes in space with values on their faces; the address says as which. */

import { el } from "../dom.js";
import * as state from "../state.js";
import { Strip } from "./strip.js";

/** @typedef {import("./strip.js").Layers} Layers */

const FORMS = { strip: "Strip", volumes: "Volumes" };

export class LayersDrawn {
  /** @param {(layer: string) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.strip = new Strip(choose);
    /** @type {import("../volumes/view.js").VolumesView | null} */
    this.volumes = null;
    this.form = el("div", { class: "switch", role: "group", "aria-label": "How the layers are shown" },
      ...Object.entries(FORMS).map(([form, words]) => el("button", { type: "button", "data-form": form, "aria-pressed": "false",
        onclick: () => state.set({ show: form === "strip" ? null : form, pose: null }) }, words)));
    this.still = el("p", { class: "volumes-still small", hidden: true }, "The boxes still show the image from before the camera. Freeze a frame to see it in the boxes.");
    this.element = el("div", { class: state.get("show") === "volumes" ? "layers-drawn in-space" : "layers-drawn" }, this.strip.element, this.form, this.still);
  }

  /** Marks the chosen layer in the strip. @param {Layers} layers @param {string} layer */
  select(layers, layer) {
    const { strip } = this;
    if (strip.shown === layers && strip.rows.some((row) => row.name === layer)) strip.select(layer);
    else strip.show(layers, layer);
  }

  /** @param {{network: string, image: string}} asked @param {string} layer the chosen one @param {boolean} live whether the camera is on @param {AbortSignal} signal */
  async show(asked, layer, live, signal) {
    const inSpace = state.get("show") === "volumes";
    for (const button of this.form.children) button.setAttribute("aria-pressed", String((button.dataset.form === "volumes") === inSpace));
    this.strip.element.hidden = inSpace;
    this.still.hidden = !inSpace || !live;
    this.element.classList.toggle("in-space", inSpace);
    if (!inSpace) {
      this.volumes?.element.remove();
      return this.close();
    }
    const { VolumesView } = await import("../volumes/view.js");
    if (signal.aborted || state.get("show") !== "volumes" || !layer) return;
    if (!this.volumes) {
      this.volumes = new VolumesView({ choose: this.choose, strip: () => state.set({ show: null, pose: null }),
        pose: (pose) => state.set({ pose }, { replace: true }) });
      this.element.prepend(this.volumes.element);
    }
    await this.volumes.show(asked, layer, state.get("pose"), signal);
  }

  /** Shows no layers, in the strip or in space. */
  clear() {
    this.strip.clear();
    this.volumes?.element.remove();
    this.close();
    this.element.classList.remove("in-space");
    this.strip.element.hidden = false;
  }

  close() {
    this.volumes?.close();
    this.volumes = null;
  }
}
