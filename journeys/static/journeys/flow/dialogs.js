// Dialogs of the program pages: conflict, publish, pause, stop; and the short notice at the foot.

import { nodesOf } from "./api.js";
import "./schedule.js";

const TOAST_MS = 8000;
let toastTimer = 0;

/** Ask which flow to keep; "theirs" when the dialog is just closed. */
export function askConflict(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.onclick = (event) => {
      const choice = event.target.closest("[data-choice]");
      if (choice) dialog.close(choice.dataset.choice);
    };
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => resolve(dialog.returnValue || "theirs");
    dialog.showModal();
  });
}

/** A short notice, with one thing to do about it. */
export function toast(element, text, action = null) {
  clearTimeout(toastTimer);
  element.replaceChildren(text);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.text;
    button.addEventListener("click", () => {
      element.hidden = true;
      action.act();
    });
    element.append(button);
  }
  element.hidden = false;
  toastTimer = setTimeout(() => (element.hidden = true), TOAST_MS);
}

/** Menus of buttons close when one looks elsewhere. */
function closeMenus(but = null) {
  document.querySelectorAll(".fl-drop[open]").forEach((menu) => {
    if (menu !== but) menu.open = false;
  });
}
document.addEventListener("click", (event) => closeMenus(event.target.closest?.(".fl-drop")));
document.addEventListener("scroll", () => closeMenus(), { capture: true, passive: true });

/** Below its button and inside the window, whatever clips what stands around it. */
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".fl-drop") || !menu.open) return;
  const list = menu.querySelector(".fl-drop-list");
  const at = menu.getBoundingClientRect();
  list.style.top = `${at.bottom + 6}px`;
  list.style.left = `${Math.max(8, Math.min(at.right, innerWidth - 8) - list.offsetWidth)}px`;
}, true);
document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".fl-drop[open]");
  if (event.key !== "Escape" || !menu) return;
  closeMenus();
  menu.querySelector("summary").focus();
});

/** Show what publishing, pausing or stopping would do; its form posts like any other. */
export async function openLife(dialog, what, url, goTo = null) {
  const wait = document.createElement("p");
  wait.className = "fl-none";
  wait.textContent = "Looking what would happen…";
  dialog.replaceChildren(wait);
  closeMenus();
  dialog.showModal();
  const address = url.includes("?") ? url : `${url}?do=${what}`;
  const response = await fetch(address, { credentials: "same-origin" });
  if (!response.ok || response.redirected) {
    wait.textContent = response.redirected
      ? "You are signed out. Reload the page."
      : `The server answered ${response.status}. Reload the page and try again.`;
    return;
  }
  dialog.replaceChildren(nodesOf(await response.text()));
  dialog.onclick = (event) => {
    if (event.target.closest("[data-do=close]") || event.target === dialog) dialog.close();
    const link = event.target.closest("[data-goto]");
    if (!link || !goTo) return;
    event.preventDefault();
    dialog.close();
    goTo(link.dataset.goto);
  };
  dialog.onchange = (event) => {
    if (event.target.matches("[data-all-moves]")) moveAll(dialog, event.target.value);
  };
  dialog.querySelector("[autofocus], button")?.focus();
}

/** Choose the same for everybody inside; "same" where the step still is. */
function moveAll(dialog, what) {
  if (!what) return;
  dialog.querySelectorAll("[data-move]").forEach((select) => {
    const same = select.querySelector("[data-same]");
    select.value = what === "same" ? (same?.value ?? "stay") : what;
  });
}
