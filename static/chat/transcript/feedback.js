// What a person thinks of an answer, a step, or of how progress was shown: thumbs and a word on why.
// Loaded with the first of them.

import { call, reason, under } from "../support/rest.js";

const status = document.getElementById("status");

const pressed = (group) => group.querySelector('[aria-pressed="true"]');

function press(group, thumb) {
  for (const one of group.querySelectorAll(".thumb")) {
    one.setAttribute("aria-pressed", String(one === thumb));
  }
}

// Shown at once, and taken back when the server does not take it.
export async function vote(thumb, complain) {
  const group = thumb.closest(".feedback");
  const before = pressed(group);
  press(group, thumb);
  if (await send(group, complain)) {
    const why = group.querySelector("details");
    why.hidden = false;
    if (thumb.dataset.value === "-1") why.open = true;
  } else press(group, before);
}

export async function comment(group, complain) {
  if (!(await send(group, complain))) return;
  const why = group.querySelector("details");
  why.querySelector("summary").textContent = group.querySelector("input").value || "Say why";
  why.open = false;
  why.querySelector("summary").focus();
}

async function send(group, complain) {
  const target = group.dataset.target || group.closest("[data-key]").dataset.key;
  const value = Number(pressed(group).dataset.value);
  const body = { target, value, comment: group.querySelector("input").value.trim() };
  const { run } = group.closest("[data-run]").dataset;
  const answer = await call("POST", under("runs", run, "feedback"), { body });
  if (answer?.ok) status.textContent = "Thank you";
  else complain(reason(answer, "what you think was not kept"));
  return Boolean(answer?.ok);
}
