// @ts-check
/** Questions to the server, and what it refuses, as one sentence. */

/** A refusal: the server's own sentence, or what to do where there is no server. */
export class Refusal extends Error {
  /** @param {string} sentence @param {number} status 0 where the server can't be reached */
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

/** How this page names itself, the same after a reload. */
export const pageName = (() => {
  const known = remembered();
  if (known) return known;
  const made = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    sessionStorage.setItem("page", made);
  } catch { /* then a reload has another name */ }
  return made;
})();

/** The name from before a reload; none where the browser lets a frame store nothing. */
function remembered() {
  try {
    return sessionStorage.getItem("page");
  } catch {
    return null;
  }
}

/**
 * @typedef {{version: string, token: string, networks: string[], atlases: string[], images: number, folder: number,
 *   upload_bytes: number, colours: Record<string, number[]>}} Session
 */

/** @type {Session | null} */
let session = null;

/** What the server says of itself; asked again with `fresh`. @param {boolean} [fresh] @returns {Promise<Session>} */
export async function theSession(fresh = false) {
  if (!session || fresh) session = await (await ask("/session")).json();
  return /** @type {Session} */ (session);
}

/**
 * The address of a question.
 * @param {string} path
 * @param {Record<string, string | number | string[] | null | undefined>} [parameters]
 */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (Array.isArray(value)) for (const each of value) query.append(name, each);
    else if (value !== null && value !== undefined && value !== "") query.append(name, String(value));
  }
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%2C", ",").replaceAll("%40", "@");
  return text ? `${path}?${text}` : path;
}

/**
 * The response to a question. Throws a Refusal, or an AbortError where `signal` was aborted.
 * @param {string} url
 * @param {RequestInit} [how]
 */
async function ask(url, how = {}) {
  let response;
  try {
    response = await fetch(url, { ...how, headers: { ...how.headers, "X-Phosphene-Page": pageName } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal("The microscope does not answer. Is it still running?", 0);
  }
  if (response.ok) return response;
  let sentence = `The server answered ${response.status}.`;
  try {
    sentence = (await response.json()).error ?? sentence;
  } catch { /* the sentence stays */ }
  throw new Refusal(sentence, response.status);
}

/**
 * @param {string} path
 * @param {Record<string, any>} [parameters]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function getJson(path, parameters, signal) {
  return (await ask(address(path, parameters), { signal })).json();
}

/**
 * @param {string} path
 * @param {Record<string, any>} [parameters]
 * @param {AbortSignal} [signal]
 */
export async function getBytes(path, parameters, signal) {
  return (await ask(address(path, parameters), { signal })).arrayBuffer();
}

/**
 * A request that changes something; once more with a new token where the server was started again. One that ends something
 * is sent even where the page is being left.
 * @param {"POST" | "DELETE"} method
 * @param {string} path
 * @param {BodyInit | null} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 */
export async function change(method, path, body = null, signal) {
  const send = async () => ask(path, { method, body, signal, keepalive: method === "DELETE", headers: { "X-Phosphene-Token": (await theSession()).token } });
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 403) throw error;
    await theSession(true);
    return send();
  }
}
