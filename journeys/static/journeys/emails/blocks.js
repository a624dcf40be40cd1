// The list of blocks: add, move, duplicate, remove; every change is written into the textarea.
import { buildInput } from "./inputs.js";

export class BlockList {
  constructor(root, data, raw) {
    Object.assign(this, { root, data, raw });
    this.kinds = new Map(data.kinds.map((kind) => [kind.key, kind]));
    this.list = root.querySelector("[data-blocks]");
    this.said = root.querySelector("[data-said]");
    this.blocks = this.read();
    if (!this.blocks) return; // not a list of blocks: leave the JSON to be mended by hand
    raw.hidden = true;
    this.buildPalette(root.querySelector("[data-palette]"));
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.draw();
  }

  read() {
    try {
      const found = JSON.parse(this.raw.value || "[]");
      const fit = Array.isArray(found) && found.every((block) => block && this.kinds.has(block.kind));
      return fit ? found : null;
    } catch {
      return null;
    }
  }

  value() {
    return this.blocks ?? JSON.parse(this.raw.value);
  }

  changed() {
    this.raw.value = JSON.stringify(this.blocks);
    this.raw.dispatchEvent(new Event("change", { bubbles: true }));
  }

  buildPalette(palette) {
    for (const kind of this.data.kinds) {
      const button = element("button", { type: "button", className: "em-kind" });
      button.append(icon(kind.icon), element("span", { textContent: kind.label }));
      button.setAttribute("aria-label", `Add ${kind.label.toLowerCase()}`);
      button.addEventListener("click", () => this.add(kind));
      palette.append(button);
    }
  }

  add(kind) {
    this.blocks.push({ kind: kind.key, ...structuredClone(kind.example) });
    this.commit(this.blocks.length - 1, `${kind.label} added at the end.`);
  }

  duplicate(index) {
    this.blocks.splice(index + 1, 0, structuredClone(this.blocks[index]));
    this.commit(index + 1, "Block copied.");
  }

  remove(index) {
    this.blocks.splice(index, 1);
    this.commit(Math.min(index, this.blocks.length - 1), "Block removed.");
  }

  move(index, by, wanted = `[data-act="${by < 0 ? "up" : "down"}"]:not(:disabled)`) {
    const to = index + by;
    if (to < 0 || to >= this.blocks.length) return;
    this.blocks.splice(to, 0, ...this.blocks.splice(index, 1));
    this.commit(to, `Moved to place ${to + 1} of ${this.blocks.length}.`, wanted);
  }

  // Redraw; then focus the card's control that `wanted` selects, else its first input or button.
  commit(focusOn, words, wanted = null) {
    this.draw();
    this.changed();
    this.said.textContent = words;
    const card = this.list.children[focusOn];
    const stops = [wanted, ".em-field :is(input, textarea, select)", "button:not(:disabled)"];
    const stop = stops.map((selector) => selector && card?.querySelector(selector)).find(Boolean);
    stop?.focus();
    card?.scrollIntoView({ block: "nearest" });
  }

  onKey(event) {
    const card = event.target.closest("li");
    if (!card || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    const { field, act } = event.target.dataset;
    const wanted = field ? `[data-field="${field}"]` : act ? `[data-act="${act}"]` : null;
    this.move([...this.list.children].indexOf(card), event.key === "ArrowUp" ? -1 : 1, wanted);
  }

  draw() {
    this.list.replaceChildren(...this.blocks.map((block, index) => this.card(block, index)));
    if (!this.blocks.length) {
      const words = "This mail is empty. Add a heading or a text below.";
      this.list.append(element("li", { className: "em-none", textContent: words }));
    }
  }

  card(block, index) {
    const kind = this.kinds.get(block.kind);
    const card = element("li", { className: "em-block" });
    const head = element("div", { className: "em-block-head" });
    head.append(icon(kind.icon), element("b", { textContent: kind.label }));
    const last = this.blocks.length - 1;
    head.append(
      this.act("up", "arrow_upward", "Move up (Alt+↑)", () => this.move(index, -1), index === 0),
      this.act("down", "arrow_downward", "Move down (Alt+↓)", () => this.move(index, 1), index === last),
      this.act("copy", "content_copy", "Duplicate", () => this.duplicate(index)),
      this.act("remove", "delete", "Remove", () => this.remove(index)),
    );
    card.append(head);
    for (const field of kind.fields) {
      card.append(buildInput(field, block, this.data.tokens, `block-${index}`, () => this.changed()));
    }
    card.append(element("p", { className: "em-problem", hidden: true }));
    return card;
  }

  act(key, symbol, title, run, disabled = false) {
    const button = element("button", { type: "button", className: "em-act", title, disabled });
    button.dataset.act = key;
    button.setAttribute("aria-label", title);
    button.append(icon(symbol));
    button.addEventListener("click", run);
    return button;
  }

  // Problems of the server, each shown at its block. Returns those that stand elsewhere.
  showProblems(problems) {
    const rest = [];
    const byBlock = new Map();
    for (const problem of problems) {
      const found = /^\/blocks\/(\d+)/.exec(problem.path);
      if (found && this.blocks) byBlock.set(Number(found[1]), [...(byBlock.get(Number(found[1])) || []), problem.message]);
      else rest.push(problem);
    }
    [...this.list.querySelectorAll(".em-block")].forEach((card, index) => {
      const words = byBlock.get(index) || [];
      const line = card.querySelector(".em-problem");
      line.hidden = !words.length;
      line.textContent = words.join(" ");
      card.classList.toggle("is-bad", words.length > 0);
    });
    return rest;
  }
}

export function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

export function icon(name) {
  const span = element("span", { className: "material-symbols-outlined", textContent: name });
  span.setAttribute("aria-hidden", "true");
  return span;
}
