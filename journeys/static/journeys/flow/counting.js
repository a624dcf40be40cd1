// Live figures on the cards while the editor is open, and word of somebody else's changes.

import { getJson, nodesOf } from "./api.js";
import { toast } from "./dialogs.js";

const PAUSE_MS = 5000;

/** Hooks: load() shows the flow as it is saved now. */
export function keepCounting(canvas, store, { load }) {
  let told = 0;

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
    if (answer.revision > store.revision && answer.revision > told) {
      told = answer.revision;
      const words = "Somebody else has changed this flow since you opened it.";
      toast(document.getElementById("flow-toast"), words, { text: "Load it", act: load });
    }
  }

  const loop = async () => {
    await refresh();
    setTimeout(loop, PAUSE_MS);
  };
  setTimeout(loop, PAUSE_MS);
}
