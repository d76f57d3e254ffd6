// @ts-check
/**
 * The camera, live: a frame goes to the server, and the next one when its answer is there. So frames are answered in
 * order, and those in between are dropped. Nothing is stored; freezing a frame makes it an image like any other.
 */

import { el, fill } from "../dom.js";
import { Maps } from "../maps.js";
import { address, change, Refusal } from "../server.js";
import { upload } from "./picker.js";
import { refused } from "./waiting.js";

const SIDE = 480, QUALITY = 0.85; // of a frame that is sent, in pixels and as JPEG
const RATED = 12; // the answers whose times make the rate
const AGAIN = 1000; // ms after a refusal

/** @typedef {{canvas: HTMLCanvasElement, maps: Maps, header: any}} Frame an answered frame */

/** What to do where there is no camera, by the name of the browser's error. @type {Record<string, string>} */
const REASONS = {
  NotAllowedError: "The browser does not let this page use the camera. Allow it beside the page's address, then try again.",
  NotFoundError: "This machine has no camera that the browser can see. Connect one, then try again.",
  NotReadableError: "Another program uses the camera. Close it there, then try again.",
};

export class Camera {
  /**
   * @param {{ask: () => {network: string, layer: string}, frame: (frame: Frame) => void, froze: (image: string) => void,
   *   ended: () => void, failed: () => void}} told
   */
  constructor(told) {
    this.told = told;
    this.video = el("video", { muted: true, playsInline: true });
    this.canvas = el("canvas", { class: "photo-image", role: "img", "aria-label": "The camera's frame that was answered last" });
    this.freezing = el("button", { type: "button", class: "primary", disabled: true, onclick: () => this.freeze() }, "Freeze");
    this.rate = el("span", { class: "small muted camera-rate" }, "starting …");
    this.state = el("div", {});
    this.element = el("section", { class: "camera", "aria-label": "The camera" },
      el("div", { class: "row" }, this.freezing, el("button", { type: "button", onclick: () => this.told.ended() }, "Stop the camera"), this.rate), this.state);
    this.turn = 0;
    this.on = false; // whether frames come, or are about to
    /** @type {Blob | null} the frame that was answered last */
    this.latest = null;
    /** @type {MediaStream | null} */
    this.stream = null;
  }

  /** Opens the camera and answers frames until it is closed. */
  async start() {
    this.close();
    this.on = true;
    const turn = this.turn;
    fill(this.state);
    this.rate.textContent = "starting …";
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false });
      if (turn !== this.turn) return stop(stream);
      this.stream = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => this.failed("The camera is gone: it was unplugged or switched off. Connect it, then try again.", turn));
      this.video.srcObject = stream;
      await this.video.play();
      await this.run(turn);
    } catch (error) {
      if (turn !== this.turn) return;
      const name = error instanceof DOMException ? error.name : "";
      this.failed(REASONS[name] ?? `The camera can't be opened (${error instanceof Error ? error.message || error.name : error}).`, turn);
    }
  }

  /** @param {number} turn */
  async run(turn) {
    /** @type {number[]} when the last frames were answered */
    const answered = [];
    this.asking = new AbortController();
    const { signal } = this.asking;
    while (turn === this.turn) {
      await next(this.video);
      if (turn !== this.turn) return;
      const { videoWidth: wide, videoHeight: high } = this.video, scale = Math.min(1, SIDE / Math.max(wide, high, 1));
      if (!wide || document.hidden) {
        await pause(200);
        continue;
      }
      const taken = document.createElement("canvas");
      [taken.width, taken.height] = [Math.round(wide * scale), Math.round(high * scale)];
      taken.getContext("2d")?.drawImage(this.video, 0, 0, taken.width, taken.height);
      const blob = await new Promise((done) => taken.toBlob(done, "image/jpeg", QUALITY));
      try {
        const maps = new Maps(await (await change("POST", address("/api/camera", this.told.ask()), blob, signal)).arrayBuffer());
        if (turn !== this.turn) return;
        this.latest = blob;
        this.freezing.disabled = false;
        fill(this.state);
        [this.canvas.width, this.canvas.height] = [taken.width, taken.height];
        this.canvas.getContext("2d")?.drawImage(taken, 0, 0);
        this.told.frame({ canvas: this.canvas, maps, header: maps.header });
        answered.push(performance.now());
        if (answered.length > RATED) answered.shift();
        if (answered.length > 2) this.say(answered);
      } catch (error) {
        if (turn !== this.turn || signal.aborted) return;
        if (!(error instanceof Refusal)) throw error;
        fill(this.state, refused(error));
        answered.length = 0;
        this.rate.textContent = "waiting";
        await pause(AGAIN);
      }
    }
  }

  /** How many frames a second are answered. @param {number[]} times */
  say(times) {
    const seconds = (times[times.length - 1] - times[0]) / 1000 / (times.length - 1);
    this.rate.textContent = `${(1 / seconds).toFixed(1)} frames a second`;
  }

  /** @param {string} sentence @param {number} turn */
  failed(sentence, turn) {
    if (turn !== this.turn) return;
    this.close();
    this.rate.textContent = "no camera";
    fill(this.state, refused(new Error(sentence), () => this.start()));
    this.told.failed();
  }

  /** Makes the frame that was answered last an image. */
  async freeze() {
    const frame = this.latest;
    if (!frame) return;
    this.close();
    try {
      this.told.froze(await upload(frame));
    } catch (error) {
      fill(this.state, refused(error, () => this.start()));
    }
  }

  /** Lets go of the camera. */
  close() {
    this.turn++;
    this.on = false;
    this.asking?.abort();
    if (this.stream) stop(this.stream);
    this.stream = this.latest = this.video.srcObject = null;
    this.freezing.disabled = true;
  }
}

/** @param {MediaStream} stream */
const stop = (stream) => stream.getTracks().forEach((track) => track.stop());

/** @param {number} ms */
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits for the next frame of the video; not for ever, since one that stands still gives none. @param {any} video */
const next = (video) => Promise.race([pause(500), new Promise((done) => "requestVideoFrameCallback" in video ? video.requestVideoFrameCallback(done) : requestAnimationFrame(done))]);
