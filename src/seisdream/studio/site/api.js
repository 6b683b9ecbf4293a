// @ts-check
// Requests to the studio.

import { parseSection } from "/viewer/viewer.js";

/** An answer of the studio that says what is wrong, with the setting to change. */
export class StudioError extends Error {
  /** @param {string} message @param {string} code @param {string | null} option */
  constructor(message, code, option) {
    super(message);
    this.code = code;
    this.option = option;
  }
}

/** @param {Response} response @returns {Promise<Response>} */
async function checked(response) {
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const { message = `The studio answered ${response.status}.`, code = "", option = null } = body.error ?? {};
  throw new StudioError(message, code, option);
}

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  return (await checked(await fetch(path))).json();
}

/** @param {string} path @param {any} [body] @returns {Promise<any>} */
export async function post(path, body = {}) {
  const headers = { "content-type": "application/json" };
  return (await checked(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }))).json();
}

/** @param {string} path */
export async function remove(path) {
  await checked(await fetch(path, { method: "DELETE" }));
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} a Section */
export async function section(path, signal) {
  return parseSection(await (await checked(await fetch(path, { signal }))).arrayBuffer());
}

/**
 * Send a file as it is; `fetch` does not report how much was sent.
 * @param {File} file @param {(share: number) => void} progress
 * @returns {Promise<any>}
 */
export function upload(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, file.size));
    request.onload = () => {
      const { message, code, option } = request.response?.error ?? {};
      if (request.status < 300) resolve(request.response);
      else reject(new StudioError(message ?? `The studio answered ${request.status}.`, code, option));
    };
    request.onerror = () => reject(new Error("The connection to the studio was lost during the upload."));
    request.send(file);
  });
}

const LAST = ["finished", "stopped", "failed", "crashed", "interrupted"];
const EVENTS = ["queued", "started", "step", "paused", "resumed", "progress", "note", "computed", ...LAST];

/**
 * Follow a run from its start; the browser itself reconnects after the last event it has seen.
 * @param {string} id @param {(name: string, data: any) => void} listener
 * @returns {() => void} stops following
 */
export function follow(id, listener) {
  const source = new EventSource(`/api/runs/${id}/events`);
  for (const name of EVENTS) {
    source.addEventListener(name, (event) => {
      if (LAST.includes(name)) source.close();
      listener(name, JSON.parse(/** @type {MessageEvent} */ (event).data || "{}"));
    });
  }
  return () => source.close();
}

/** @param {string} state of a run */
export function isOver(state) {
  return LAST.includes(state);
}
