/* Draws the state of an import anew while the lane works on it; the page is loaded anew at the end. */
const part = document.getElementById("im-live");

async function look() {
  if (document.hidden) return true;
  try {
    const answer = await fetch(part.dataset.url, { credentials: "same-origin" });
    if (!answer.ok) return true;
    const state = new DOMParser().parseFromString(await answer.text(), "text/html");
    const section = state.querySelector("[data-state]");
    if (!section) return true;
    const active = ["checking", "running"].includes(section.dataset.state);
    if (!active) { location.reload(); return false; }
    const held = part.contains(document.activeElement) && document.activeElement.name === "do";
    part.replaceChildren(document.importNode(section, true));
    if (held) part.querySelector("button")?.focus();
  } catch { /* the next look tries again */ }
  return true;
}

async function watch() {
  while (await look()) await new Promise((done) => setTimeout(done, 1000));
}

if (part && "active" in part.dataset) watch();
