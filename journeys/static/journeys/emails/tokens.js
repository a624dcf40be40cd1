// The token menu beside a text input: choose a token, it is written where the cursor stands.
import { element, icon } from "./blocks.js";

let menu = null;
let target = null;

export function addTokenButton(input, tokens) {
  const button = element("button", { type: "button", className: "em-token", title: "Insert a token" });
  button.append(icon("data_object"));
  const label = input.labels?.[0]?.textContent.trim() || input.name || "text";
  button.setAttribute("aria-label", `Insert a token into ${label}`);
  button.setAttribute("aria-haspopup", "dialog");
  button.addEventListener("click", () => open(button, input, tokens));
  const holder = element("div", { className: "em-with-token" });
  input.replaceWith(holder);
  holder.append(input, button);
}

function open(button, input, tokens) {
  menu ??= build(tokens);
  target = { button, input };
  const search = menu.querySelector("input");
  search.value = "";
  filter("");
  menu.showModal();
  search.focus();
}

function build(tokens) {
  const dialog = element("dialog", { className: "em-menu" });
  dialog.setAttribute("aria-label", "Insert a token");
  const search = element("input", { type: "search", placeholder: "Find a token" });
  search.setAttribute("aria-label", "Find a token");
  search.addEventListener("input", () => filter(search.value));
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    dialog.querySelector("button:not([hidden])")?.click();
  });
  dialog.append(search);
  const list = element("div", { className: "em-menu-list" });
  let group = "";
  for (const token of tokens) {
    if (token.group !== group) list.append(element("h3", { textContent: (group = token.group) }));
    list.append(choice(token));
  }
  dialog.append(list);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", moveFocus);
  dialog.addEventListener("close", () => target?.input.focus());
  document.body.append(dialog);
  return dialog;
}

function choice(token) {
  const button = element("button", { type: "button" });
  button.dataset.words = `${token.label} ${token.name}`.toLowerCase();
  button.append(element("span", { textContent: token.label }), element("code", { textContent: token.name }));
  button.addEventListener("click", () => {
    insert(token.insert);
    menu.close();
  });
  return button;
}

function insert(text) {
  const { input } = target;
  const at = input.selectionStart ?? input.value.length;
  input.setRangeText(text, at, input.selectionEnd ?? at, "end");
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function filter(words) {
  const wanted = words.trim().toLowerCase();
  for (const button of menu.querySelectorAll("button")) button.hidden = !button.dataset.words.includes(wanted);
  for (const title of menu.querySelectorAll("h3")) {
    let next = title.nextElementSibling;
    while (next?.tagName === "BUTTON" && next.hidden) next = next.nextElementSibling;
    title.hidden = next?.tagName !== "BUTTON";
  }
}

function moveFocus(event) {
  if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  const stops = [...menu.querySelectorAll("input, button:not([hidden])")];
  const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  stops[Math.max(0, Math.min(next, stops.length - 1))].focus();
}
