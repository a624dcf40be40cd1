// The token menu beside a text input: choose a token, it is written where the cursor stands.
// Tokens are {name, label, group, insert}, those of a group one after the other.

import { iconButton, make } from "./dom.js";

const menus = new WeakMap(); // one dialog per list of tokens, made when first opened

/** Put a button beside an input of the page; `label` is the input's own. */
export function addTokenButton(input, tokens, label) {
  const holder = make("div", { class: "bl-with-token" });
  input.replaceWith(holder);
  holder.append(input, tokenButton(input, tokens, label));
}

/** The button alone. */
export function tokenButton(input, tokens, label) {
  return iconButton("data_object", `Insert a token into ${label}`, {
    title: "Insert a token",
    "aria-haspopup": "dialog",
    onclick: () => {
      if (!menus.has(tokens)) menus.set(tokens, new TokenMenu(tokens));
      menus.get(tokens).open(input);
    },
  });
}

class TokenMenu {
  constructor(tokens) {
    this.target = null;
    this.search = make("input", { type: "search", placeholder: "Find a token", "aria-label": "Find a token" });
    this.none = make("p", { class: "bl-menu-none", role: "status" });
    this.groups = this.build(tokens);
    this.dialog = make("dialog", { class: "bl-menu", "aria-label": "Insert a token" }, this.search,
      make("div", { class: "bl-menu-list" }, ...this.groups, this.none));
    this.search.addEventListener("input", () => this.filter());
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => this.target.focus());
    document.body.append(this.dialog);
  }

  build(tokens) {
    const groups = new Map();
    for (const token of tokens) {
      if (!groups.has(token.group)) groups.set(token.group, make("div", {}, make("h3", {}, token.group)));
      groups.get(token.group).append(this.choice(token));
    }
    return [...groups.values()];
  }

  choice(token) {
    const button = make("button", { type: "button", onclick: () => this.insert(token.insert) },
      make("span", {}, token.label), make("code", {}, token.name));
    button.dataset.words = `${token.label} ${token.name}`.toLowerCase();
    return button;
  }

  open(input) {
    this.target = input;
    this.search.value = "";
    this.filter();
    this.dialog.showModal();
    this.search.focus();
  }

  insert(text) {
    const at = this.target.selectionStart ?? this.target.value.length;
    this.target.setRangeText(text, at, this.target.selectionEnd ?? at, "end");
    this.target.dispatchEvent(new Event("input", { bubbles: true }));
    this.dialog.close();
  }

  filter() {
    const wanted = this.search.value.trim().toLowerCase();
    for (const group of this.groups) {
      const buttons = [...group.querySelectorAll("button")];
      for (const button of buttons) button.hidden = !button.dataset.words.includes(wanted);
      group.hidden = buttons.every((button) => button.hidden);
    }
    const found = this.groups.some((group) => !group.hidden);
    this.none.textContent = found ? "" : "There is no such token.";
  }

  onKey(event) {
    const stops = [this.search, ...this.dialog.querySelectorAll("button:not([hidden])")];
    if (event.key === "Enter" && event.target === this.search) {
      event.preventDefault();
      stops[1]?.click();
    }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = stops.indexOf(document.activeElement) + by;
    stops[Math.max(0, Math.min(next, stops.length - 1))].focus();
  }
}
