// @ts-check
/** Two networks on all photos of the folder: how alike their layers are, where they agree, and what it takes to join them. */

import { el, fill } from "../dom.js";
import { getJson, theSession } from "../server.js";
import * as state from "../state.js";
import { openCells } from "./cells.js";
import { allForms } from "./form.js";
import { Question } from "./question.js";
import { layerNames } from "./suggestions.js";
import { loading, refused } from "./waiting.js";

const images = ["folder/"];

/** Shows a pair of layers side by side. @param {string} layer @param {string} otherlayer */
const pair = (layer, otherlayer) => ({ on: null, layer, otherlayer, together: "off", unit: null, otherunit: null });

/** @type {import("./question.js").Asked[]} */
const ASKED = [
  { title: "How alike are their layers?", instrument: "similarity", runs: (a, b) => [{ a, b, images }],
    ended: async (work, job) => {
      const link = (/** @type {string} */ one, /** @type {string} */ other) => {
        const { on, unit, otherunit, ...rest } = state.all();
        return state.link("compare", { ...rest, layer: one, otherlayer: other, together: "off" });
      };
      openCells(work.result, await getJson(`/api/jobs/${job.id}/result.json`), link, (one, other) => state.set(pair(one, other)));
    } },
  { title: "Where do they agree, and which is right more often?", instrument: "compare-networks", runs: (a, b) => [{ networks: [a, b], images }] },
  { title: "Can the second network go on from the first one's layers?", instrument: "stitch", runs: (a, b) => [{ a, b, images }] },
  { title: "How does each follow a change of the photo?", instrument: "equivariance", runs: (a, b) => [{ network: a, images }, { network: b, images }] },
];

export class Many {
  constructor() {
    /** @type {Question[]} */
    this.questions = [];
    this.names = el("datalist", { id: "layer-names" });
    this.choices = el("div", { class: "row many-networks" });
    this.body = el("div", { class: "many-questions" });
    this.element = el("section", { class: "many", "aria-label": "On the folder" }, this.choices, this.body, this.names);
  }

  /** @param {string} a @param {string} b @param {AbortSignal} signal */
  async show(a, b, signal) {
    const { networks, atlases, folder } = await theSession();
    if (signal.aborted) return;
    fill(this.choices, choice("First network", networks, a, (network) => state.set({ network, layer: null, unit: null, otherlayer: null })), "and",
      choice("Second network", networks, b, (other) => state.set({ other, otherlayer: null, otherunit: null })),
      folder ? el("span", { class: "muted small" }, `on the ${folder.toLocaleString("en")} photos of the folder`) : null);
    if (!folder) return fill(this.body, el("div", { class: "empty" }, el("p", {}, "This microscope was started without a folder of photos. Name one when it starts, best with a sub-folder for each class:"),
      el("pre", {}, el("code", {}, "phosphene microscope --network torchvision:resnet18 --images photos/"))));
    if (a === b) return fill(this.body, el("p", { class: "empty" }, "Both sides show the same network. Choose another one to compare."));
    if (!this.questions.length) {
      fill(this.body, loading("Reading the questions …"));
      try {
        const forms = await allForms();
        if (signal.aborted) return;
        this.questions = ASKED.map((asked) => new Question(asked, forms, { network: a, networks, atlases, folder }));
      } catch (error) {
        return fill(this.body, refused(error, () => this.show(a, b, signal)));
      }
    }
    for (const question of this.questions) question.about(a, b);
    fill(this.body, ...this.questions.map((question) => question.element));
  }

  /** The layers that may be named. @param {(import("./strip.js").Layers | null)[]} layers */
  suggest(layers) {
    fill(this.names, ...layerNames([...new Set(layers.flatMap((each) => (each?.layers ?? []).map((layer) => layer.name)))]));
  }

  close() {
    for (const question of this.questions) question.stop();
  }
}

/** @param {string} label @param {string[]} names @param {string} chosen @param {(name: string) => void} choose */
function choice(label, names, chosen, choose) {
  const select = el("select", { "aria-label": label, onchange: () => choose(select.value) },
    ...(names.includes(chosen) ? names : [chosen, ...names]).map((name) => el("option", { value: name, selected: name === chosen }, name)));
  return select;
}
