// "When" in the publish dialog, and pages that wait for a scheduled publishing.

import { nodesOf } from "./api.js";

const LOOK_MS = 1000;
const LONGEST_MS = 2 ** 31 - 1;
let asked = 0;

/** The fields of "at a time" show and count only when it is chosen. */
function choose(box) {
  const later = box.querySelector("[name=when]:checked")?.value === "later";
  const fields = box.querySelector("[data-later-fields]");
  fields.hidden = !later;
  for (const input of fields.querySelectorAll("input")) input.disabled = !later;
  const button = box.closest("form").querySelector("[data-later]");
  button.dataset.now ??= button.textContent;
  button.textContent = later ? button.dataset.later : button.dataset.now;
  if (later) say(box);
}

/** What will happen and when, also on the reader's own clock; and what else starts then. */
async function say(box) {
  const day = box.querySelector("[name=day]").value;
  const time = box.querySelector("[name=time]").value;
  const words = box.querySelector("[data-in-words]");
  const at = new Date(`${day}T${time}Z`);
  if (Number.isNaN(at.getTime())) {
    words.textContent = "Choose a date and a time.";
    return;
  }
  const form = { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" };
  const utc = at.toLocaleString("en-GB", { ...form, timeZone: "UTC" });
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const here = own === "UTC" ? "" : ` (${at.toLocaleString("en-GB", { ...form, timeZone: own })} in ${own})`;
  words.textContent =
    at <= new Date() ? `${utc} UTC is over already.` : `It is published by itself on ${utc} UTC${here}.`;
  const mine = ++asked;
  const response = await fetch(`${box.dataset.around}?day=${encodeURIComponent(day)}`, { credentials: "same-origin" });
  if (mine === asked && response.ok && !response.redirected) {
    box.querySelector("[data-around-shown]").replaceChildren(nodesOf(await response.text()));
  }
}

document.addEventListener("change", (event) => {
  const box = event.target.closest("[data-publish-when]");
  if (!box) return;
  if (event.target.name === "when") choose(box);
  else say(box);
});

/** Once its time has come, look until it is published, then show the page as it is now. */
function wait(chip) {
  const left = new Date(chip.dataset.publishAt) - new Date();
  if (left < LONGEST_MS) setTimeout(() => look(chip), Math.max(LOOK_MS, left));
}

async function look(chip) {
  try {
    const response = await fetch(chip.dataset.stateUrl, { credentials: "same-origin" });
    if (response.redirected) return;
    if (response.ok && !(await response.json()).scheduled) {
      if (!document.querySelector("dialog[open]")) location.reload();
      return;
    }
  } catch {
    // no connection: look again
  }
  setTimeout(() => look(chip), LOOK_MS * 2);
}

const chip = document.querySelector("[data-publish-at]");
if (chip) wait(chip);
