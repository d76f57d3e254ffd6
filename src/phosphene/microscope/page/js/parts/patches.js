// @ts-check
/**
 * What a unit answers to in a data set: its strongest patches in an atlas, each beside the signal that runs back from the
 * unit to its pixels. The patches come at once; the signals one after another, as they are computed.
 */

import { compact, el, fill, percent } from "../dom.js";
import { address, getJson, Refusal } from "../server.js";
import * as state from "../state.js";
import { empty, loading, refused } from "./waiting.js";

/** @typedef {{unit: string, atlas: string | undefined, network: string, fingerprint: string}} Asked the unit, the atlas, and the network that is looked at */
/** @typedef {{name: string, network: string, fingerprint: string, layers: string[]}} Sweep */

const SIDE = 96; // pixels of a patch's side
const RESTING = 250; // ms that a unit is looked at before its signals are computed: whoever walks on needs none

/**
 * @param {Asked} asked
 * @param {(facts: [string, string][]) => void} learn takes what the atlas knows of the unit
 * @param {AbortSignal} signal
 */
export function inTheData(asked, learn, signal) {
  if (!asked.atlas) return empty("No atlas is open. Start the microscope with --atlas to see what this unit answers to in a data set.");
  const place = el("div", { class: "pairs-awaited" }, loading("Looking into the atlas …"));
  show(place, asked, asked.atlas, learn, signal).catch((error) => {
    if (!signal.aborted) fill(place, refused(error));
  });
  return place;
}

/** @param {Element} place @param {Asked} asked @param {string} atlas @param {(facts: [string, string][]) => void} learn @param {AbortSignal} signal */
async function show(place, { unit, network, fingerprint }, atlas, learn, signal) {
  const sweep = holding(atlas, await sweepsOf(atlas), fingerprint, unit.slice(0, unit.lastIndexOf(":")));
  const about = await getJson("/api/run/atlas-patches.json", { atlas, unit, sweep }, signal);
  performance.mark("unit-patches");
  learn([["sees", about.sees], ["in the data set", `mean ${compact(about.mean)}, above 0 at ${percent(about.active)} of places, at most ${compact(about.largest)}`],
    ...(about.name?.name ? [/** @type {[string, string]} */ (["name", `${about.name.name} (${about.name.shared} of ${about.name.of} images, q ${compact(about.name.q)})`])] : [])]);
  if (!about.patches.length) return fill(place, empty("No image of the atlas moves this unit."));
  /** @type {HTMLElement[]} */
  const signals = about.patches.map(() => el("div", { class: "signal", "aria-busy": "true" }));
  const words = el("p", { class: "small muted", role: "status" }, "Projecting the unit back to each patch …");
  fill(place, el("ul", { class: "pairs" }, ...about.patches.map((/** @type {any} */ patch, /** @type {number} */ rank) => el("li", {},
    el("div", { class: "pair" },
      el("a", { href: state.link("look", { ...state.all(), image: `atlas/${atlas}/${patch.number}` }), "data-link": "", title: `${patch.image}: look at the whole photo` },
        el("img", { src: address("/api/atlas/patch.webp", { atlas, unit, rank, sweep }), alt: `Patch of ${patch.image}`, loading: "lazy", width: SIDE, height: SIDE })),
      signals[rank]),
    el("span", { class: "small" }, compact(patch.value), patch.label ? el("span", { class: "muted" }, ` ${patch.label}`) : null)))),
  about.tied ? el("p", { class: "small muted" }, `The last ${about.tied} have the same value. Other images may have it as well.`) : null,
  words, el("p", { class: "small" }, el("a", { href: address("/api/run/atlas-patches.png", { atlas, unit, sweep, projection: "true" }), target: "_blank", rel: "noopener" }, "All of it as one picture")));
  await new Promise((done) => setTimeout(done, RESTING));
  if (!signal.aborted) await project(signals, { atlas, unit, sweep, network }, words, signal);
}

/**
 * Asks for the signal of each patch in turn, and sets it beside its patch.
 * @param {HTMLElement[]} places @param {Record<string, string>} question @param {HTMLElement} words @param {AbortSignal} signal
 */
async function project(places, question, words, signal) {
  let method = "";
  /** @type {string[]} */
  const sentences = [];
  for (const [rank, place] of places.entries()) {
    if (place.hasChildNodes()) continue; // it was there before another one was refused
    try {
      const made = await getJson("/api/atlas/projection.json", { ...question, rank }, signal);
      method = made.method;
      const range = `${compact(made.range[0])} to ${compact(made.range[1])}`;
      fill(place, el("img", { src: made.image, alt: `The signal of patch ${rank + 1}, ${range}`, title: `${range}${made.note ? `; ${made.note}` : ""}`, width: SIDE, height: SIDE }));
      performance.mark("unit-projection", { detail: rank });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refusal) || error.status !== 404) {
        for (const each of places) each.removeAttribute("aria-busy");
        return fill(words, refused(error, () => {
          fill(words, "Once more …");
          project(places, question, words, signal);
        }));
      }
      sentences.push(error.message); // this photo is gone, others may be there
    }
    place.removeAttribute("aria-busy");
  }
  if (signal.aborted) return;
  fill(words, method ? `Right of each patch: the unit's value projected back to its pixels (${method}). Grey is zero. Each has its own range. ` : "",
    ...sentences.map((sentence) => el("span", {}, `${sentence}. `)));
}

/** The name of the atlas's sweep of this network's weights that holds a layer; an error that says what it holds instead. @param {string} atlas @param {Sweep[]} sweeps @param {string} fingerprint @param {string} layer */
export function holding(atlas, sweeps, fingerprint, layer) {
  const own = sweeps.filter((each) => each.fingerprint === fingerprint);
  if (!own.length) throw new Error(`The atlas ${atlas} was built with ${sweeps.map((each) => each.network).join(", ") || "no network"}, not with these weights. Build an atlas with this network to see what its units answer to.`);
  const layers = own.flatMap((each) => each.layers), sweep = own.filter((each) => each.layers.includes(layer)).at(-1);
  if (!sweep) throw new Error(`The atlas ${atlas} holds no units of ${layer}; it holds those of ${layers.slice(0, 8).join(", ")}${layers.length > 8 ? ` and ${layers.length - 8} more` : ""}. Build it again with --layers ${layer} to add them.`);
  return sweep.name;
}

/** @type {Map<string, Promise<Sweep[]>>} */
const held = new Map();

/** What an atlas holds, of which networks. @param {string} atlas @returns {Promise<Sweep[]>} */
export function sweepsOf(atlas) {
  let sweeps = held.get(atlas);
  if (!sweeps) {
    sweeps = getJson("/api/atlas", { atlas }).then((about) => /** @type {Sweep[]} */ (about.sweeps));
    sweeps.catch(() => held.delete(atlas));
    held.set(atlas, sweeps);
  }
  return sweeps;
}
