// Home leads to the beginning of the session, also where that is not in the page. Loaded if there is a gap.

import { byId, closest } from "../support/dom.js";

byId("log").addEventListener("keydown", async (event) => {
  const isPlain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
  if (event.key !== "Home" || !isPlain || closest(event, "input, textarea, select")) return;
  event.preventDefault();
  (await import("./links.js")).jump(new Date(0));
});
