// The work list: keyboard, choosing, doing, undoing. The server draws; this only asks.

const page = document.getElementById("work");
const list = document.getElementById("work-list");
const filters = document.getElementById("work-filters");
const panel = document.getElementById("work-panel");
const bulk = document.getElementById("work-bulk");
const toast = document.getElementById("work-toast");
const csrf = JSON.parse(page.getAttribute("hx-headers"))["X-CSRFToken"];
const chosen = new Set();
let here = null; // id of the task that the keyboard is at
let lastUndo = [];
let toastTimer = 0;

const rows = () => [...list.querySelectorAll(".wk-row")];
const rowOf = (id) => document.getElementById(`task-${id}`);
const refresh = () => window.htmx.trigger(filters, "refilter");

function mark() {
  for (const row of rows()) {
    row.classList.toggle("is-here", row.dataset.id === here);
    row.classList.toggle("is-chosen", chosen.has(row.dataset.id));
    const box = row.querySelector(".wk-pick");
    if (box) box.checked = chosen.has(row.dataset.id);
  }
  bulk.hidden = chosen.size === 0;
  bulk.querySelector("b").textContent = `${chosen.size} chosen`;
}

function drawn() {
  const there = new Set(rows().map((row) => row.dataset.id));
  for (const id of chosen) if (!there.has(id)) chosen.delete(id);
  const pressing = Number(list.querySelector("[data-pressing]")?.dataset.pressing ?? 0);
  document.title = (pressing ? `(${pressing}) ` : "") + page.dataset.title;
  mark();
}

function say(text, bad = false) {
  clearTimeout(toastTimer);
  toast.querySelector("span").textContent = text;
  toast.classList.toggle("is-bad", bad);
  toast.querySelector(".wk-undo").hidden = bad || lastUndo.length === 0;
  toast.hidden = false;
  toastTimer = setTimeout(() => { toast.hidden = true; }, 9000);
}

async function send(values) {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) for (const one of [value].flat()) body.append(name, one);
  let response;
  try {
    response = await fetch(page.dataset.act, { method: "POST", body, headers: { "X-CSRFToken": csrf }, credentials: "same-origin" });
  } catch {
    say("No connection: nothing was changed. Try again.", true);
    return false;
  }
  if (response.redirected || !(response.headers.get("content-type") ?? "").includes("json")) {
    say(response.status === 403 ? "Your role does not allow this." : "You are signed out, or the server had a problem. Reload the page.", true);
    return false;
  }
  const answer = await response.json();
  if (!response.ok) {
    say(answer.problems.map((problem) => problem.message).join(" "), true);
    return false;
  }
  lastUndo = answer.undo;
  say(answer.said);
  return true;
}

/** Ask with a dialog; what was picked, or null. */
function ask(dialog) {
  return new Promise((resolve) => {
    let picked = null;
    const finish = (value) => { picked = value; dialog.close(); };
    const click = (event) => {
      const button = event.target.closest("[data-value], [data-picked]");
      if (event.target === dialog) dialog.close();
      else if (button) finish("picked" in button.dataset ? dialog.querySelector("select").value : button.dataset.value);
    };
    const change = (event) => { if (event.target.type === "date" && event.target.value) finish(event.target.value); };
    const key = (event) => {
      const button = dialog.querySelectorAll("[data-value]")[Number(event.key) - 1];
      if (button && event.target.type !== "date") finish(button.dataset.value);
    };
    const pairs = [["click", click], ["change", change], ["keydown", key]];
    for (const [name, listener] of pairs) dialog.addEventListener(name, listener);
    dialog.addEventListener("close", () => {
      for (const [name, listener] of pairs) dialog.removeEventListener(name, listener);
      resolve(picked);
    }, { once: true });
    for (const input of dialog.querySelectorAll("input")) input.value = "";
    dialog.showModal();
  });
}

const dialogs = { outcome: "ask-outcome", until: "ask-snooze", assignee: "ask-assign" };

async function act(action, ids, asks) {
  if (!ids.length) return;
  const values = { action, ids };
  const question = { snooze: "until", assign: "assignee", done: asks ? "outcome" : "" }[action];
  if (question) {
    const answer = await ask(document.getElementById(dialogs[question]));
    if (answer === null) return;
    values[question] = answer;
  }
  if (action === "done") for (const id of ids) rowOf(id)?.classList.add("is-leaving");
  const next = nextAfter(ids);
  const worked = await send(values);
  if (worked) {
    chosen.clear();
    if (ids.includes(here)) here = next;
    if (panel.querySelector(`[data-id="${ids[0]}"]`)) reopenPanel(ids[0]);
  }
  refresh();
}

function nextAfter(ids) {
  const order = rows().map((row) => row.dataset.id);
  const at = order.indexOf(here);
  return order.slice(at + 1).find((id) => !ids.includes(id)) ?? order.slice(0, Math.max(at, 0)).reverse().find((id) => !ids.includes(id)) ?? null;
}

const asksAny = (ids) => ids.some((id) => rowOf(id)?.hasAttribute("data-asks"));

function targets() {
  return chosen.size ? [...chosen] : here && rowOf(here) ? [here] : [];
}

async function undo() {
  if (lastUndo.length && await send({ action: "undo", undo: lastUndo })) refresh();
}

function go(step) {
  const order = rows();
  if (!order.length) return;
  const at = order.findIndex((row) => row.dataset.id === here);
  const row = order[at < 0 ? 0 : Math.min(Math.max(at + step, 0), order.length - 1)];
  here = row.dataset.id;
  mark();
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

// --- the panel -----------------------------------------------------------------------------

let opener = null;

function reopenPanel(id) {
  const link = rowOf(id)?.querySelector(".wk-title")?.getAttribute("href") ?? panel.dataset.url;
  if (link) window.htmx.ajax("GET", link, { target: "#work-panel" });
}

function closePanel() {
  panel.replaceChildren();
  opener?.focus();
}

function fillReasons() {
  const options = panel.querySelector("#work-type")?.selectedOptions[0]?.dataset.reasons ?? "";
  panel.querySelector("#work-reasons")?.replaceChildren(...options.split("|").filter(Boolean).map((reason) => new Option(reason, reason)));
}

panel.addEventListener("click", (event) => {
  const found = event.target.closest("[data-company], [data-person]");
  const form = panel.querySelector(".wk-form");
  if (event.target.closest("[data-close]")) closePanel();
  else if (found) {
    form.elements.company.value = found.dataset.company ?? "";
    form.elements.person.value = found.dataset.person ?? "";
    panel.querySelector("#work-chosen b").textContent = found.textContent.replace(found.querySelector(".material-symbols-outlined").textContent, "").trim();
    panel.querySelector("#work-chosen").hidden = false;
    panel.querySelector("#work-find").hidden = true;
    form.elements.title.focus();
  } else if (event.target.closest("[data-other]")) {
    form.elements.company.value = form.elements.person.value = "";
    panel.querySelector("#work-chosen").hidden = true;
    panel.querySelector("#work-find").hidden = false;
    panel.querySelector("#work-find input").focus();
  }
});
panel.addEventListener("change", (event) => { if (event.target.id === "work-type") fillReasons(); });
panel.addEventListener("submit", async (event) => {
  const form = event.target.closest(".wk-comment");
  if (!form) return;
  event.preventDefault();
  const ids = [form.dataset.id];
  if (await send({ action: "comment", ids, text: form.elements.text.value })) reopenPanel(ids[0]);
});

// --- clicks, keys, refreshes ---------------------------------------------------------------

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  const row = event.target.closest(".wk-row");
  if (event.target.closest(".wk-undo")) undo();
  else if (button && page.contains(button)) {
    const holder = button.closest("[data-id]");
    const ids = holder ? [holder.dataset.id] : targets();
    act(button.dataset.do, ids, holder ? holder.hasAttribute("data-asks") : asksAny(ids));
  } else if (event.target.closest("[data-none]")) { chosen.clear(); mark(); }
  else if (event.target.closest("[data-help]")) document.getElementById("work-help").showModal();
  else if (event.target.closest("[data-more]")) more(event.target.closest("[data-more]").dataset.more);
  else if (event.target.closest("[data-drop]")) { event.target.closest(".wk-tag").remove(); refresh(); }
  else if (event.target.id === "work-help") event.target.close();
  else if (row && !event.target.closest("a, button, input")) { here = row.dataset.id; mark(); }
  if (row && event.target.closest(".wk-title")) { here = row.dataset.id; mark(); }
});

function more(number) {
  const input = filters.elements.shown ?? filters.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name: "shown" }));
  input.value = number;
  refresh();
}

list.addEventListener("change", (event) => {
  if (event.target.name === "due") return refresh();
  const id = event.target.closest(".wk-row")?.dataset.id;
  if (id && event.target.matches(".wk-pick")) {
    if (event.target.checked) chosen.add(id); else chosen.delete(id);
    here = id;
    mark();
  }
});

const keys = {
  j: () => go(1), ArrowDown: () => go(1), k: () => go(-1), ArrowUp: () => go(-1),
  x: () => { if (here) { if (!chosen.delete(here)) chosen.add(here); mark(); } },
  e: () => act("done", targets(), asksAny(targets())), d: () => act("done", targets(), asksAny(targets())),
  s: () => act("snooze", targets()), a: () => act("assign", targets()), u: undo,
  n: () => document.getElementById("work-add")?.click(),
  "/": () => document.getElementById("work-q").focus(),
  "?": () => document.getElementById("work-help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (typing && !panel.contains(typing)) typing.blur();
    else if (panel.childElementCount) closePanel();
    else { chosen.clear(); mark(); }
    return;
  }
  if (typing) return;
  if (event.key === "Enter" && event.target.matches(".wk-row, body")) {
    if (here) rowOf(here)?.querySelector(".wk-title").click();
    return;
  }
  const run = keys[event.key];
  if (!run || (event.key.startsWith("Arrow") && event.target.type === "radio")) return;
  event.preventDefault();
  run();
});

document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target === panel && !panel.contains(document.activeElement)) opener = document.activeElement;
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === list) drawn();
  if (event.detail.target !== panel) return;
  panel.dataset.url = event.detail.pathInfo?.requestPath ?? "";
  fillReasons();
  const first = panel.querySelector("#work-find:not([hidden]) input") ?? panel.querySelector("h2");
  if (!panel.querySelector(".wk-error")) first?.focus();
});
drawn();
