// Live figures on the cards while the editor is open, and word of somebody else's changes.

import { getJson, nodesOf } from "./api.js";

const PAUSE_MS = 5000;

/** Ask for the figures of all cards every few seconds, as long as the page is looked at. */
export function keepCounting(canvas, store) {
  async function refresh() {
    if (document.hidden || store.waiting > 0) return;
    let answer;
    try {
      answer = await getJson(store.urls.flow_counts);
    } catch {
      return; // the next one may come through; edits tell of the connection themselves
    }
    if (store.waiting > 0) return;
    for (const [name, html] of Object.entries(answer.cards)) {
      const place = canvas.card(name)?.querySelector("[data-counts]");
      if (place && !place.contains(document.activeElement)) place.replaceChildren(nodesOf(html));
    }
    for (const [name, html] of Object.entries(answer.exits)) {
      const place = canvas.element.querySelector(`[data-exit-count="${CSS.escape(name)}"]`);
      if (place && !place.contains(document.activeElement)) place.replaceChildren(nodesOf(html));
    }
    if (answer.revision > store.revision) store.hooks.elsewhere(answer.revision);
  }

  const loop = async () => {
    await refresh();
    setTimeout(loop, PAUSE_MS);
  };
  setTimeout(loop, PAUSE_MS);
}
