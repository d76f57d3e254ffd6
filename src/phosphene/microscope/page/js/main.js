// @ts-check
/** The page: its header, its views, its keys; what follows from a change of the URL. */

import { loadColours } from "./colours.js";
import { el, fill } from "./dom.js";
import { connect, watch } from "./events.js";
import { say } from "./parts/banner.js";
import { showKeys } from "./parts/palette.js";
import { takeDrops } from "./parts/picker.js";
import { refused } from "./parts/waiting.js";
import { theSession } from "./server.js";
import * as state from "./state.js";

/** @typedef {{element: HTMLElement, update: (now: state.State, before: state.State | null) => void, key?: (event: KeyboardEvent) => boolean, close?: () => void}} View what is shown; a signal that it is opened with ends its listeners and questions */

const TITLES = /** @type {Record<string, string>} */ ({ look: "Look", why: "Why", map: "Map", dream: "Dream", compare: "Compare" });
const place = /** @type {HTMLElement} */ (document.getElementById("view"));

/** @type {Record<string, () => Promise<{open: (signal: AbortSignal) => View}>>} */
const VIEWS = {
  look: () => import("./views/look.js"),
  why: () => import("./views/why.js"),
  map: () => import("./views/map.js"),
  dream: () => import("./views/dream.js"),
  compare: () => import("./views/compare.js"),
};

/** @type {View | null} */
let shown = null;
let shownName = "";
let showing = new AbortController();

/** @param {state.State} now @param {state.State | null} before */
async function update(now, before) {
  theme();
  header();
  document.title = `${TITLES[now.view]} · Phosphene`;
  if (shownName !== now.view) {
    leave();
    shownName = now.view;
    const { signal } = showing;
    try {
      const { open } = await VIEWS[now.view]();
      if (signal.aborted) return; // another view was chosen since
      const opened = open(signal);
      shown = opened;
      fill(place, opened.element);
      opened.update({ view: state.view(), parameters: state.all() }, null);
    } catch (error) {
      if (!signal.aborted) fill(place, refused(error, () => location.reload()));
    }
  } else shown?.update(now, before);
}

/** Ends what the view does and listens to. */
function leave() {
  showing.abort();
  showing = new AbortController();
  shown?.close?.();
  shown = null;
}

function header() {
  const views = /** @type {HTMLElement} */ (document.getElementById("views"));
  fill(views, ...Object.keys(VIEWS).map((name, at) => el("a", { href: state.link(name), "data-link": "",
    "aria-current": name === state.view() ? "page" : null, title: `${TITLES[name]} (${at + 1})` }, TITLES[name])));
  /** @type {HTMLAnchorElement} */ (document.querySelector(".brand")).href = state.home();
  const select = /** @type {HTMLSelectElement | null} */ (document.getElementById("network"));
  if (select) select.value = state.get("network") || select.options[0].value;
}

/** @param {string[]} networks */
function tools(networks) {
  fill(/** @type {HTMLElement} */ (document.getElementById("tools")),
    el("label", { class: "tool" }, el("span", { class: "unseen" }, "Network"),
      el("select", { id: "network", onchange: (/** @type {Event} */ event) => state.set({
        network: /** @type {HTMLSelectElement} */ (event.target).value, layer: null, unit: null, place: null, target: null, versus: null, otherlayer: null, otherunit: null }) },
      ...networks.map((name) => el("option", { value: name }, name)))),
    el("button", { type: "button", class: "quiet", title: "Dark or light (d)", "aria-label": "Dark or light", onclick: turnTheme }, "◐"),
    el("button", { type: "button", class: "quiet", title: "Keys (?)", "aria-label": "Keys", onclick: showKeys }, "?"));
}

function theme() {
  const wanted = state.get("theme") || storedTheme() || "", { dataset } = document.documentElement, before = dataset.theme;
  if (wanted === "dark" || wanted === "light") dataset.theme = wanted;
  else delete dataset.theme;
  if (before !== dataset.theme) themeChanged();
}

/** Tells what is painted instead of styled. */
const themeChanged = () => dispatchEvent(new Event("themechange"));

/** The theme that was chosen before; none where the browser lets a frame store nothing. */
function storedTheme() {
  try {
    return localStorage.getItem("theme");
  } catch {
    return chosenTheme;
  }
}

let chosenTheme = "";

/** @param {string} theme */
function storeTheme(theme) {
  chosenTheme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch { /* it lasts until the page is left */ }
}

export function turnTheme() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  storeTheme(dark ? "light" : "dark");
  state.set({ theme: null }, { replace: true });
  theme();
}

/** @param {KeyboardEvent} event */
function key(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea, dialog")) return;
  const number = Number(event.key);
  const names = Object.keys(VIEWS);
  if (event.key === "?") showKeys();
  else if (event.key === "d") turnTheme();
  else if (number >= 1 && number <= names.length) state.set({}, { view: names[number - 1] });
  else if (!shown?.key?.(event)) return;
  event.preventDefault();
}

/** A click on a link to a view changes the state instead of loading the page. @param {MouseEvent} event */
function follow(event) {
  const anchor = /** @type {HTMLElement} */ (event.target).closest?.("a[data-link]");
  if (!(anchor instanceof HTMLAnchorElement) || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const url = new URL(anchor.href);
  const parameters = Object.fromEntries(url.searchParams);
  const gone = Object.fromEntries(Object.keys(state.all()).filter((name) => !(name in parameters)).map((name) => [name, null]));
  state.set({ ...gone, ...parameters }, { view: url.pathname.slice(1) || "look" });
}

async function start() {
  try {
    const session = await theSession();
    await loadColours();
    tools(session.networks);
  } catch (error) {
    fill(place, refused(error, () => location.reload()));
    return;
  }
  addEventListener("keydown", key);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("click", follow);
  takeDrops((image) => state.set({ image }));
  watch((connected, restarted) => {
    if (!connected) say("The microscope does not answer. Start it again; this page comes back by itself.", { lasting: true });
    else say(restarted ? "The microscope was started again." : "", { brief: true });
  });
  connect();
  state.listen(update);
  await update({ view: state.view(), parameters: state.all() }, null);
  state.tellNotebook();
  performance.mark("usable");
}

start();
