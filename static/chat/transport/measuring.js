// Measures what a page does: how long an event takes to be painted, long tasks, the longest silence of a
// run at work, and worse transports. The server says which pages do so. Reports numbers and no contents.

import { EventStreamTransport } from "./event_stream.js";
import { PollingTransport } from "./polling.js";
import { sitePath } from "../support/page.js";
import { fetchAsUser } from "../support/rest.js";

const MOST = 20; // values of a kind in a report, as in chat/measurements.py
const EVERY_MS = 300_000;
const PAUSE_MS = 60_000; // between two reports at least
const LONGEST_MS = 600_000; // the server takes no longer times

/** @returns {{paints: number[], tasks: number[], silence: number | null, sse: number, polling: number}} */
const nothing = () => ({ paints: [], tasks: [], silence: null, sse: 0, polling: 0 });
let found = nothing();
let isEmpty = true;
let reportedAt = -PAUSE_MS;

/** When the last frame of each run at work came. @type {Map<string, number>} */
const heardAt = new Map();

/** @type {(times: number[], ms: number) => void} */
function keep(times, ms) {
  isEmpty = false;
  if (times.length < MOST) times.push(rounded(ms));
}

/** @param {number} ms */
const rounded = (ms) => Math.min(LONGEST_MS, Math.max(0, Math.round(ms * 10) / 10));

// -- events -----------------------------------------------------------------------------------------

let isPainting = false;

/** The task after the frame is the first one after its paint. @param {number} from */
function measurePaint(from) {
  if (isPainting || document.hidden) return;
  isPainting = true;
  requestAnimationFrame(() => setTimeout(() => {
    isPainting = false;
    if (!document.hidden) keep(found.paints, performance.now() - from);
  }));
}

/** @param {ServerFrame} frame */
function isPause(frame) {
  if (frame.type === "run") return frame.status !== "running";
  return ["complete", "error", "cancelled"].includes(frame.type);
}

/** @type {(frame: ServerFrame, now: number) => void} */
function measureSilence(frame, now) {
  if (!("run" in frame) || !frame.run || frame.type === "message" || frame.type === "interrupted") return;
  const before = heardAt.get(frame.run);
  if (before !== undefined) {
    isEmpty = false;
    found.silence = Math.max(found.silence ?? 0, rounded(now - before));
  }
  if (isPause(frame)) heardAt.delete(frame.run);
  else if (before !== undefined || frame.type === "run") heardAt.set(frame.run, now);
}

// -- reports ----------------------------------------------------------------------------------------

function report() {
  if (isEmpty || performance.now() - reportedAt < PAUSE_MS) return;
  const body = JSON.stringify(found);
  [found, isEmpty, reportedAt] = [nothing(), true, performance.now()];
  const headers = { "Content-Type": "application/json" };
  // The request goes on when the page is left. Nothing depends on the report: it is not sent again.
  fetchAsUser(`${sitePath}measurements/`, { method: "POST", headers, body, keepalive: true }).catch(() => {});
}

/** @param {import("../transport/connection.js").Connection} connection */
export function measure(connection) {
  const { onFrame, onState } = connection;
  connection.onFrame = (frame) => {
    const now = performance.now();
    onFrame(frame);
    measureSilence(frame, now);
    if ("seq" in frame && frame.type !== "resync") measurePaint(now);
  };
  connection.onState = (state, detail) => {
    onState(state, detail);
    if (state !== "live") return;
    if (detail === EventStreamTransport.title) found.sse++;
    else if (detail === PollingTransport.title) found.polling++;
    else return;
    isEmpty = false;
  };
  if (PerformanceObserver.supportedEntryTypes.includes("longtask")) {
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) keep(found.tasks, duration);
    }).observe({ type: "longtask" });
  }
  setInterval(report, EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) report();
  });
}
