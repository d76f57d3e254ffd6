// @ts-check
/**
 * What the page shows, as its URL says it: /VIEW?name=value. A change of the state is a change of the URL, so that every
 * view can be sent to someone, and undo is the browser's back.
 */

import { address } from "./server.js";

/** @typedef {Record<string, string>} Parameters */

export const VIEWS = ["look", "why", "map", "dream", "compare"];

/** Parameters that go along from one view to the next. */
const SHARED = ["network", "image", "atlas", "layer", "unit", "theme", "embed"];

/** @type {Set<(now: State, before: State) => void>} */
const listeners = new Set();

/** @typedef {{view: string, parameters: Parameters}} State */

/** @returns {State} */
function read() {
  const view = location.pathname.replace(/^\/+/, "");
  return {
    view: VIEWS.includes(view) ? view : "look",
    parameters: Object.fromEntries(new URLSearchParams(location.search)),
  };
}

/** @type {State} */
let state = read();

/** The view that is shown. */
export const view = () => state.view;

/** A parameter of the view, or ''. @param {string} name */
export const get = (name) => state.parameters[name] ?? "";

/** All parameters of the view. */
export const all = () => ({ ...state.parameters });

/**
 * Changes parameters; '' and null take one away. With `replace` the browser's back does not stop here.
 * @param {Record<string, string | number | null>} changes
 * @param {{replace?: boolean, view?: string}} [how]
 */
export function set(changes, how = {}) {
  const next = how.view && how.view !== state.view ? shared(state.parameters) : { ...state.parameters };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") delete next[name];
    else next[name] = String(value);
  }
  const url = urlOf(how.view ?? state.view, next);
  if (url === location.pathname + location.search) return;
  history[how.replace ? "replaceState" : "pushState"](null, "", url);
  tell();
}

/** The address at which the page starts, shown as it is now. */
export const home = () => urlOf(VIEWS[0], { theme: get("theme"), embed: get("embed") });

/** The address of a view with the parameters that go along. @param {string} name @param {Parameters} [more] */
export const link = (name, more = {}) => urlOf(name, { ...shared(state.parameters), ...more });

/** @param {Parameters} parameters */
const shared = (parameters) =>
  Object.fromEntries(Object.entries(parameters).filter(([name]) => SHARED.includes(name)));

/** @param {string} name @param {Parameters} parameters */
const urlOf = (name, parameters) => address(`/${name}`, parameters); // which leaves out what is empty

/**
 * Calls `listener` after each change; returns what ends that.
 * @param {(now: State, before: State) => void} listener
 */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  const before = state;
  state = read();
  for (const listener of [...listeners]) listener(state, before);
  tellNotebook();
}

/** In a notebook's frame: tells the notebook which view is shown. */
export function tellNotebook() {
  if (!state.parameters.embed || parent === window) return;
  const { embed, ...parameters } = state.parameters;
  parent.postMessage({ phosphene: urlOf(state.view, parameters) }, "*");
}

addEventListener("popstate", tell);

/** Whether any of these parameters differ. @param {State} now @param {State} before @param {string[]} names */
export const differ = (now, before, names) =>
  now.view !== before.view || names.some((name) => (now.parameters[name] ?? "") !== (before.parameters[name] ?? ""));
