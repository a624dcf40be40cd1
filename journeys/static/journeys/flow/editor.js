// The flow editor: wires canvas, panel, palette and store together.

import { Canvas } from "./canvas.js";
import { copySteps, readClipboard } from "./clipboard.js";
import { askConflict, openLife, toast } from "./dialogs.js";
import { keepCounting } from "./counting.js";
import { enableDrag, enablePan } from "./drag.js";
import { openMenu } from "./menu.js";
import { Palette } from "./palette.js";
import { Panel } from "./panel.js";
import { Problems } from "./problems.js";
import { Store, findStep } from "./store.js";

const $ = (id) => document.getElementById(id);
const SAVING = {
  busy: "Saving…",
  saved: "All changes saved",
  offline: "Not saved: no connection, trying again…",
  broken: "Not saved: the server has a problem, trying again…",
  signedout: "Not saved: you are signed out",
  refused: "Not saved",
  conflict: "Changed elsewhere",
};

const canvas = new Canvas($("flow-canvas"));
const store = new Store(JSON.parse($("flow-state").textContent), {
  shown(answer) {
    canvas.show(answer.canvas);
    $("flow-status").replaceChildren(fragment(answer.status));
    $("flow-buttons").replaceChildren(fragment(answer.buttons));
    $("flow-notes").replaceChildren(fragment(answer.notes));
    panel.refresh();
    problems.refresh();
    if (panel.of && !["entry", "aims", "fields"].includes(panel.of) && !findStep(store.document, panel.of)) {
      panel.close();
    }
  },
  saving(state) {
    if (!store.editing) return;
    $("flow-saved").textContent = SAVING[state];
    $("flow-saved").dataset.state = state;
    requestAnimationFrame(showHistory);
  },
  conflict: () => askConflict($("flow-conflict")),
  settled: () => panel.reload(),
  refused: (error) => toast($("flow-toast"), error.message),
  elsewhere(revision) {
    if (revision <= told) return;
    told = revision;
    const words = "Somebody else has changed this flow since you opened it.";
    toast($("flow-toast"), words, { text: "Load it", act: () => store.load() });
  },
  away(error, giveUp) {
    if (error.why === "offline") return;
    const words = {
      signedout: "You are signed out. Your changes are kept here and saved once you are back.",
      broken: "The server has a problem. Your changes are kept here and tried again.",
    };
    const signIn = { text: "Sign in in a new window", act: () => window.open(store.urls.login) };
    const dropIt = { text: "Give up this change", act: giveUp };
    toast($("flow-toast"), words[error.why], error.why === "signedout" ? signIn : dropIt);
  },
});
const panel = new Panel($("flow-panel"), store, {
  send: (edit, of) => store.edit(edit, { merge: `${edit.op}:${of}`, from: of }),
  act: (name, of) => act(name, of),
  closed() {
    const name = canvas.selected;
    canvas.select("");
    if (name) canvas.focus(name);
  },
});
const palette = new Palette($("flow-palette"), (spot, kind) => (kind ? insert(spot, kind) : paste(spot)));
const problems = new Problems($("flow-problem"), store, { show: showProblem });
let moving = "";
let told = 0; // the revision that the user was told of

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function showHistory() {
  for (const [name, stack] of [["undo", store.undos], ["redo", store.redos]]) {
    const button = document.querySelector(`[data-do="${name}"]`);
    if (button) button.disabled = stack.length === 0;
  }
}

// --- what can be done ---------------------------------------------------------------------------

async function open(name, options) {
  canvas.select(name);
  try {
    await panel.open(name, options);
  } catch (error) {
    toast($("flow-toast"), error.message);
  }
}

async function insert(at, kind) {
  await panel.flush();
  const answer = await store.edit({ op: "insert", kind, at }, { panel: "new", from: canvas.selected });
  if (answer) arrive(answer);
}

/** Look at the step that an edit brought. */
function arrive(answer) {
  if (!answer.selected) return;
  canvas.select(answer.selected);
  if (answer.panel) panel.show(answer.selected, answer.panel, { focus: true });
  canvas.card(answer.selected)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

async function paste(at) {
  const clipboard = readClipboard(store.subject);
  if (!clipboard) return toast($("flow-toast"), "The clipboard holds no steps for this program.");
  const answer = await store.edit({ op: "paste", steps: clipboard.steps, at }, { from: canvas.selected });
  if (answer) {
    canvas.select(answer.selected);
    canvas.focus(answer.selected);
    say(`Pasted ${clipboard.label}.`);
  }
  return answer;
}

function copy(key) {
  const found = findStep(store.document, key);
  if (!found) return;
  copySteps(store.subject, [found.step], `“${found.step.name}”`);
  toast($("flow-toast"), `Copied “${found.step.name}”. Paste it with + or Ctrl+V, here or in another program.`);
}

function copyPath(key, exit, label) {
  const steps = findStep(store.document, key)?.step.exits?.[exit] ?? [];
  copySteps(store.subject, steps, `the ${steps.length} steps of “${label}”`);
  toast($("flow-toast"), `Copied the path “${label}”.`);
}

async function remove(key, keep = "") {
  const found = findStep(store.document, key);
  if (!found) return;
  const answer = await store.edit({ op: "delete", key, keep }, { from: key });
  if (!answer) return;
  canvas.focus(answer.selected || "entry");
  toast($("flow-toast"), `Deleted “${found.step.name}”.`, { text: "Undo", act: undo });
}

async function duplicate(key) {
  await panel.flush();
  const answer = await store.edit({ op: "duplicate", key }, { from: key, panel: panel.of ? "new" : "" });
  if (!answer) return;
  arrive(answer);
  if (!panel.of) canvas.focus(answer.selected);
}

async function move(key, at) {
  stopMoving();
  const found = findStep(store.document, key);
  if (!found) return;
  if (canvas.within(key, at.parent)) {
    toast($("flow-toast"), "A step cannot move into its own branch: choose a “+” elsewhere.");
    return;
  }
  const same = found.parent === at.parent && found.exit === at.exit;
  if (same && [found.index, found.index + 1].includes(at.index)) return canvas.focus(key);
  const answer = await store.edit({ op: "move", key, at }, { from: key });
  if (!answer) return;
  canvas.focus(key);
  say(`Moved “${found.step.name}”.`);
}

function moveBy(key, direction) {
  const found = findStep(store.document, key);
  if (!found) return;
  const index = found.index + (direction > 0 ? 2 : -1);
  if (index < 0 || index > found.steps.length) return;
  move(key, { parent: found.parent, exit: found.exit, index });
}

/** Every "+" becomes a place to move to, for mouse, touch and keyboard alike. */
function startMoving(key) {
  moving = key;
  const name = findStep(store.document, key)?.step.name;
  $("flow-editor").classList.add("is-moving");
  canvas.card(key)?.classList.add("is-moved");
  canvas.branchesOf(key)?.classList.add("is-closed");
  const hint = $("flow-hint");
  hint.textContent = `Choose a “+” to move “${name}” there. Esc stops.`;
  hint.hidden = false;
  canvas.element.querySelector(".fl-plus")?.focus({ preventScroll: true });
  say(hint.textContent);
}

function stopMoving() {
  moving = "";
  $("flow-editor").classList.remove("is-moving");
  canvas.element.querySelector(".is-moved")?.classList.remove("is-moved");
  canvas.element.querySelector(".is-closed")?.classList.remove("is-closed");
  $("flow-hint").hidden = true;
}

async function undo() {
  await panel.flush();
  refreshPanel(await store.undo(panel.of), "Undone.");
}

async function redo() {
  await panel.flush();
  refreshPanel(await store.redo(panel.of), "Done again.");
}

/** For those who listen instead of look. */
function say(text) {
  $("flow-say").textContent = text;
}

function refreshPanel(answer, words) {
  if (answer) say(words);
  if (answer?.panel && panel.of) panel.show(panel.of, answer.panel);
  else if (answer?.selected) canvas.focus(answer.selected);
  showHistory();
}

/** Where a problem is put right: its step's panel, at the input, or the "+" of an empty flow. */
async function showProblem(mark) {
  const panels = [
    [/^\/entry/, "entry"], [/^\/(goal|exits|leaving|control)/, "aims"], [/^\/fields/, "fields"],
  ];
  const name = mark.step || panels.find(([path]) => path.test(mark.path))?.[1];
  if (!name) {
    canvas.element.querySelector(".fl-plus")?.focus();
    return;
  }
  canvas.reveal(name);
  canvas.card(name)?.scrollIntoView({ block: "center", inline: "center" });
  await open(name, { focus: false });
  panel.focusProblem(mark);
}

function fold(key) {
  canvas.toggle(key);
  say(canvas.folded.has(key) ? "Paths folded." : "Paths unfolded.");
}

function menu(key, anchor) {
  const found = findStep(store.document, key);
  if (!found) return;
  const card = canvas.card(key);
  const labels = [...(card.nextElementSibling?.querySelectorAll(":scope > .fl-branch > .fl-path > .fl-label") ?? [])]
    .map((label) => label.textContent.trim());
  const paths = Object.entries(found.step.exits ?? {})
    .map(([exit, steps], index) => ({ exit, steps, label: labels[index] ?? exit }))
    .filter((path) => path.steps.length);
  const isFolded = canvas.folded.has(key);
  openMenu($("flow-menu"), anchor, [
    { icon: "edit", text: "Open settings", act: () => open(key) },
    { icon: "open_with", text: "Move…", keys: "M", act: () => startMoving(key) },
    { icon: "content_copy", text: "Copy", keys: "Ctrl C", act: () => copy(key) },
    { icon: "library_add", text: "Duplicate", keys: "Ctrl D", act: () => duplicate(key) },
    ...(labels.length
      ? [{ icon: "unfold_less", text: isFolded ? "Unfold paths" : "Fold paths", keys: "F", act: () => fold(key) }]
      : []),
    ...paths.map((path) => ({
      icon: "account_tree",
      text: `Copy the path “${path.label}”`,
      act: () => copyPath(key, path.exit, path.label),
    })),
    ...paths.map((path) => ({
      icon: "call_merge",
      text: `Delete, keep the path “${path.label}”`,
      act: () => remove(key, path.exit),
    })),
    {
      icon: "delete",
      text: paths.length ? "Delete with all paths" : "Delete",
      keys: "Del",
      danger: true,
      act: () => remove(key),
    },
  ]);
}

const ACTIONS = {
  undo,
  redo,
  problems: () => problems.go(1),
  "fold-all": () => say(canvas.toggleAll() ? "All paths folded." : "All paths unfolded."),
  keys: () => $("flow-keys").showModal(),
  "zoom-in": () => zoom(() => canvas.zoomBy(1)),
  "zoom-out": () => zoom(() => canvas.zoomBy(-1)),
  "zoom-fit": () => zoom(() => canvas.zoomFit()),
};

function zoom(change) {
  change();
  document.querySelector(".fl-zoom-now").textContent = `${Math.round(canvas.zoom * 100)} %`;
}

function act(name, of) {
  if (name === "delete") remove(of);
  else if (name === "duplicate") duplicate(of);
  else if (name === "amend") panel.flush().then(() => store.tail).then(() => amend(of));
  else ACTIONS[name]?.();
}

// --- mouse and keyboard -------------------------------------------------------------------------

const spotOf = (plus) => ({
  parent: plus.dataset.parent,
  exit: plus.dataset.exit,
  index: Number(plus.dataset.index),
});

canvas.element.addEventListener("click", (event) => {
  if (event.target.closest("a")) return;
  const plus = event.target.closest(".fl-plus");
  if (plus) {
    if (moving) move(moving, spotOf(plus));
    else palette.open(spotOf(plus), plus, readClipboard(store.subject));
    return;
  }
  const card = event.target.closest(".fl-card");
  if (!card) return;
  if (event.target.closest("[data-do=menu]")) menu(card.dataset.key, event.target.closest("button"));
  else if (event.target.closest("[data-do=fold]")) fold(card.dataset.key);
  else open(card.dataset.panel, { focus: false });
});

canvas.element.addEventListener("contextmenu", (event) => {
  const card = event.target.closest(".fl-card[data-key]");
  if (!card || !store.editing) return;
  event.preventDefault();
  menu(card.dataset.key, card);
});

for (const place of [document.querySelector(".fl-bar"), $("flow-notes")]) {
  place.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do], [data-life]");
    if (button?.dataset.life) panel.flush().then(() => store.tail).then(() => life(button.dataset.life));
    else if (button) ACTIONS[button.dataset.do]?.();
  });
}

function life(what) {
  openLife($("flow-life"), what, store.urls.publish, (key) => open(key, { focus: false }));
}

function amend(key) {
  openLife($("flow-life"), "amend", `${store.urls.amend}?step=${encodeURIComponent(key)}`);
}

const inField = (event) => event.target.closest("input, textarea, select, [contenteditable], dialog[open]");

document.addEventListener("keydown", (event) => {
  const control = event.ctrlKey || event.metaKey;
  if (event.key === "Escape" && moving) {
    const key = moving;
    stopMoving();
    canvas.focus(key);
    return;
  }
  if (control && !event.altKey && ["z", "y"].includes(event.key.toLowerCase()) && store.editing) {
    if (event.target.closest("dialog[open], textarea, input[type=text], input:not([type])")) return;
    event.preventDefault();
    if (event.key.toLowerCase() === "y" || event.shiftKey) redo();
    else undo();
    return;
  }
  if (event.key === "F8" && !event.target.closest("dialog[open]")) {
    event.preventDefault();
    problems.go(event.shiftKey ? -1 : 1);
    return;
  }
  if (inField(event)) return;
  if (event.key === "?") $("flow-keys").showModal();
});

canvas.element.addEventListener("keydown", (event) => {
  const card = event.target.closest(".fl-card");
  if (!card || event.target !== card) return;
  const handled = cardKey(event, card, card.dataset.key ?? "");
  if (handled) event.preventDefault();
});

/** Keys on a focused card; whether the key meant something. */
function cardKey(event, card, key) {
  const control = event.ctrlKey || event.metaKey;
  const name = event.key;
  if (event.altKey && key && ["ArrowUp", "ArrowDown"].includes(name) && store.editing) {
    moveBy(key, name === "ArrowDown" ? 1 : -1);
    return true;
  }
  if (name.startsWith("Arrow")) {
    canvas.focus(canvas.neighbour(card, name).dataset.panel);
    return true;
  }
  if (name === "Enter" || name === " ") {
    open(card.dataset.panel);
    return true;
  }
  if (!control && key && name.toLowerCase() === "f") {
    fold(key);
    return true;
  }
  if (!store.editing) return false;
  if (control && name === "v") return Boolean(paste(canvas.spotAfter(card)));
  if (name === "+" || (name === "Insert" && !control)) {
    palette.open(canvas.spotAfter(card), card, readClipboard(store.subject));
    return true;
  }
  if (!key) return false;
  if (control && name === "c") copy(key);
  else if (control && name === "d") duplicate(key);
  else if (!control && (name === "Delete" || name === "Backspace")) remove(key);
  else if (!control && name.toLowerCase() === "m") startMoving(key);
  else return false;
  return true;
}

if (store.editing) enableDrag(canvas, { move, spotOf });
enablePan(canvas, (direction) => zoom(() => canvas.zoomBy(direction)));
if (store.counting) keepCounting(canvas, store);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) store.look();
});
window.addEventListener("beforeunload", (event) => {
  if (store.waiting > 0 || panel.dirty) event.preventDefault();
});
const wanted = new URLSearchParams(window.location.search).get("step");
canvas.select("");
if (wanted && canvas.card(wanted)) open(wanted, { focus: false });
$("flow-editor").dataset.ready = "1";
