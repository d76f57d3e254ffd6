// @ts-check
/** The page's stream of events: how jobs stand, and whether the server is there. */

import { change, getJson, pageName, Refusal, theSession } from "./server.js";

/**
 * @typedef {{job: string, title: string, state: "waiting" | "running" | "done" | "stopped" | "failed", step: number,
 *   steps: number | null, progress: string, refusal: string | null, frame?: string}} JobState
 */

/** @type {Map<string, (state: JobState) => void>} */
const followers = new Map();
/** @type {Map<string, JobState>} */
const early = new Map(); // events of jobs whose start was not answered yet
/** @type {Set<(connected: boolean, restarted: boolean) => void>} */
const watchers = new Set();

let token = "";
/** @type {EventSource | null} */
let source = null;
let connected = true;

/** Tells whether the server is there, after each change. @param {(connected: boolean, restarted: boolean) => void} watcher */
export function watch(watcher) {
  watchers.add(watcher);
}

/** Opens the stream and keeps it open. */
export function connect() {
  source = new EventSource(`/events?page=${pageName}`);
  source.addEventListener("open", async () => {
    try {
      const session = await theSession(true);
      const restarted = token !== "" && token !== session.token;
      token = session.token;
      if (restarted) lost("The server was started again, so this work is lost. Start it once more.");
      if (!connected || restarted) for (const watcher of watchers) watcher(true, restarted);
      connected = true;
    } catch { /* the next opening asks again */ }
  });
  source.addEventListener("job", (event) => {
    const state = /** @type {JobState} */ (JSON.parse(event.data));
    const follower = followers.get(state.job);
    if (follower) {
      if (["done", "stopped", "failed"].includes(state.state)) followers.delete(state.job);
      follower(state);
    } else {
      early.set(state.job, state);
      if (early.size > 32) early.delete(/** @type {string} */ (early.keys().next().value)); // of other questions of this page
    }
  });
  source.addEventListener("error", () => {
    if (connected) for (const watcher of watchers) watcher(false, false);
    connected = false;
    if (source?.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  });
}

/** Ends all followed work with a sentence. @param {string} refusal */
function lost(refusal) {
  for (const [job, follower] of followers)
    follower({ job, title: "", state: "failed", step: 0, steps: null, progress: "", refusal });
  followers.clear();
}

/** Work that was started: its id, and how it is stopped. */
export class Job {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
  }

  /** Ends it before its next step; what it has is kept. */
  async stop() {
    try {
      await change("DELETE", `/api/jobs/${this.id}`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // it has ended already
    }
  }

  /** What it has so far, as a sheet. @param {Record<string, any>} [drawing] @returns {Promise<any>} */
  sheet(drawing = {}) {
    return getJson(`/api/jobs/${this.id}/result.sheet`, drawing);
  }
}

/**
 * Starts an instrument as a job; `follow` is called after every step and at the end.
 * @param {string} instrument
 * @param {Record<string, string | string[]>} options
 * @param {(state: JobState) => void} follow
 */
export async function startJob(instrument, options, follow) {
  const answer = await (await change("POST", "/api/jobs", JSON.stringify({ instrument, options }))).json();
  const job = new Job(answer.job);
  followers.set(job.id, follow);
  const known = early.get(job.id);
  early.delete(job.id);
  if (known) {
    if (["done", "stopped", "failed"].includes(known.state)) followers.delete(job.id);
    follow(known);
  }
  return job;
}
