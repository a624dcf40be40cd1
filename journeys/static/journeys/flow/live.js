// Figures that refresh themselves while somebody looks at them.

import { nodesOf } from "./api.js";

const place = document.getElementById("live");
const state = document.getElementById("live-state");
const pause = Number(place.dataset.seconds) * 1000;

async function refresh() {
  if (document.hidden || place.contains(document.activeElement?.closest?.("a") ?? null)) return;
  try {
    const response = await fetch(place.dataset.url, { credentials: "same-origin" });
    if (!response.ok || response.redirected) throw new Error(String(response.status));
    const stage = place.querySelector(".fl-stage");
    const { scrollLeft, scrollTop } = stage;
    place.replaceChildren(nodesOf(await response.text()));
    place.querySelector(".fl-stage").scrollTo(scrollLeft, scrollTop);
    state.textContent = `Live, as of ${new Date().toLocaleTimeString()}`;
  } catch {
    state.textContent = "Not refreshed: no connection";
  }
}

async function loop() {
  await refresh();
  setTimeout(loop, pause);
}

setTimeout(loop, pause);
document.addEventListener("visibilitychange", refresh);
