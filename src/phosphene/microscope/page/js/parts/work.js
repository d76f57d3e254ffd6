// @ts-check
/** Work that forms while one watches: frames as they come, how far it is, stop, and the result at the end. */

import { el, fill } from "../dom.js";
import { startJob } from "../events.js";
import { address } from "../server.js";
import { setSheet } from "./figure.js";
import { refused } from "./waiting.js";

export class Work {
  /** @param {{ended?: (job: import("../events.js").Job) => void}} [told] */
  constructor(told = {}) {
    this.told = told;
    this.frame = el("img", { class: "work-frame", alt: "The image as it forms", hidden: true });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "How far the work is" });
    this.words = el("span", { class: "small muted", role: "status" });
    this.stopping = el("button", { type: "button", onclick: () => this.stop() }, "Stop and keep");
    this.running = el("div", { class: "work-running", hidden: true }, this.bar, this.words, this.stopping);
    this.result = el("figure", { class: "figure" });
    this.element = el("div", { class: "work" }, this.running, this.frame, this.result);
    /** @type {import("../events.js").Job | null} */
    this.job = null;
    this.turn = 0;
    this.stopped = -1;
    this.ended = () => {};
    /** @type {{instrument: string, options: Record<string, any>}} */
    this.asked = { instrument: "", options: {} };
  }

  /** Ends what is under way, and takes away what it made. */
  async clear() {
    this.stop();
    this.turn++;
    this.end();
    this.frame.hidden = true;
    fill(this.result);
  }

  /** @param {string} instrument @param {Record<string, any>} options */
  async start(instrument, options) {
    const turn = ++this.turn, former = this.job;
    this.asked = { instrument, options };
    this.over = undefined;
    this.job = null;
    fill(this.result);
    this.running.hidden = false;
    this.stopping.disabled = false;
    this.bar.removeAttribute("value");
    this.words.textContent = "waiting for its turn";
    performance.mark("work-asked", { detail: instrument });
    this.first = true;
    try {
      await former?.stop();
      const job = await startJob(instrument, options, (state) => {
        if (turn === this.turn) this.follow(state);
      });
      if (turn !== this.turn) return void job.stop();
      this.job = job;
      if (this.stopped === turn) job.stop();
      if (this.over) this.follow(this.over);
    } catch (error) {
      if (turn !== this.turn) return;
      this.end();
      fill(this.result, refused(error, () => this.start(instrument, options)));
      this.ended();
    }
  }

  /** Starts it, and waits until it has ended. @param {string} instrument @param {Record<string, any>} options @returns {Promise<void>} */
  whole(instrument, options) {
    return new Promise((done) => {
      this.ended = done;
      this.start(instrument, options);
    });
  }

  /** @param {import("../events.js").JobState} state */
  async follow(state) {
    if (state.frame) {
      this.frame.src = state.frame;
      this.frame.hidden = false;
      if (this.first) performance.mark("work-first-frame");
      this.first = false;
    }
    this.words.textContent = state.state === "waiting" ? "waiting for its turn"
      : `step ${state.step}${state.steps ? ` of ${state.steps}` : ""}${state.progress ? ` · ${state.progress}` : ""}`;
    if (state.steps) this.bar.value = state.step / state.steps;
    if (!["done", "stopped", "failed"].includes(state.state)) return;
    if (!this.job) {
      this.over = state;
      return;
    }
    this.over = undefined;
    const job = this.job, turn = this.turn;
    this.end();
    try {
      if (state.state === "failed") throw new Error(state.refusal ?? "The work failed.");
      const sheet = await job.sheet();
      if (turn !== this.turn) return;
      // what was stopped on its way has no address but the job's
      const path = state.state === "done" ? `/api/run/${this.asked.instrument}` : `/api/jobs/${job.id}/result`;
      setSheet(this.result, sheet, (format) => address(`${path}.${format}`, state.state === "done" ? this.asked.options : {}));
      this.frame.hidden = true;
      this.told.ended?.(job);
    } catch (error) {
      if (turn !== this.turn) return;
      fill(this.result, refused(error));
    }
    this.ended();
  }

  end() {
    this.running.hidden = true;
    this.job = null;
  }

  async stop() {
    this.stopping.disabled = true;
    this.words.textContent = "stopping after this step";
    this.stopped = this.turn; // heard by a start that is under way
    await this.job?.stop();
  }
}
