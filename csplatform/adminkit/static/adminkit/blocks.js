// The editor of typed blocks: a list of cards, each with the inputs of its kind.
//
// mountField(root) turns the widget of block_editor.py into the editor; its textarea holds the JSON.
// mountBlocks(place, options) draws an editor alone, where the blocks are part of something larger.
// Both show a server's problems at the blocks: problems([{path: "/blocks/2/text", message, level}]).

import { icon, iconButton, make } from "./dom.js";
import { makeFields, showProblems } from "./fields.js";

const FIRST_INPUT = "[data-field]";
const ANY_BUTTON = "button:not(:disabled)";

/** Whether a value is what the editor can show; anything else is left as JSON to be mended by hand. */
export function isBlockList(value) {
  return Array.isArray(value) && value.every((block) => block && typeof block === "object" && !Array.isArray(block));
}

class BlocksEditor {
  constructor(place, { kinds, tokens, value, empty, onChange }) {
    Object.assign(this, { tokens, onChange, blocks: structuredClone(value) });
    this.kinds = new Map(kinds.map((kind) => [kind.key, kind]));
    this.list = make("ol", { class: "bl-list", "aria-label": "Blocks" });
    this.empty = make("p", { class: "bl-empty" }, empty);
    this.said = make("p", { class: "cs-sr", role: "status" });
    const adders = kinds.map((kind) =>
      make("button", { type: "button", class: "bl-add", onclick: () => this.add(kind) }, icon(kind.icon), kind.label));
    const words = make("span", { "aria-hidden": "true" }, "Add");
    const palette = make("div", { class: "bl-adders", role: "group", "aria-label": "Add a block" }, words, ...adders);
    place.replaceChildren(this.empty, this.list, palette, this.said);
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.draw();
  }

  value() {
    return structuredClone(this.blocks);
  }

  draw() {
    this.empty.hidden = this.blocks.length > 0;
    this.list.replaceChildren(...this.blocks.map((block, index) => this.card(block, index)));
  }

  card(block, index) {
    const kind = this.kinds.get(block.kind);
    const name = make("strong", {}, kind ? kind.label : String(block.kind));
    const head = make("div", { class: "bl-head" }, icon(kind ? kind.icon : "help"), name, ...this.tools(index));
    // An unknown kind keeps its settings; the server says what is wrong with it.
    const fields = makeFields(kind ? kind.fields : [], block, {
      tokens: this.tokens,
      onChange: (field, value) => {
        block[field] = value;
        this.onChange(this.value());
      },
    });
    return make("li", { class: "bl-card" }, head, ...fields);
  }

  tools(index) {
    const tool = (act, symbol, label, onclick, more = {}) =>
      iconButton(symbol, label, { "data-act": act, onclick, ...more });
    return [
      tool("up", "arrow_upward", "Move up", () => this.move(index, -1),
        { disabled: index === 0, title: "Move up (Alt+↑)", "aria-keyshortcuts": "Alt+ArrowUp" }),
      tool("down", "arrow_downward", "Move down", () => this.move(index, 1),
        { disabled: index === this.blocks.length - 1, title: "Move down (Alt+↓)", "aria-keyshortcuts": "Alt+ArrowDown" }),
      tool("copy", "content_copy", "Duplicate", () => this.duplicate(index)),
      tool("remove", "delete", "Remove", () => this.remove(index)),
    ];
  }

  add(kind) {
    this.blocks.push({ ...structuredClone(kind.example), kind: kind.key });
    this.commit(this.blocks.length - 1, `${kind.label} added at the end.`);
  }

  duplicate(index) {
    this.blocks.splice(index + 1, 0, structuredClone(this.blocks[index]));
    this.commit(index + 1, "Block duplicated.");
  }

  remove(index) {
    this.blocks.splice(index, 1);
    this.commit(Math.min(index, this.blocks.length - 1), "Block removed.");
  }

  move(index, by, wanted = `[data-act="${by < 0 ? "up" : "down"}"]:not(:disabled)`) {
    const to = index + by;
    if (to < 0 || to >= this.blocks.length) return;
    this.blocks.splice(to, 0, ...this.blocks.splice(index, 1));
    const other = `[data-act="${by < 0 ? "down" : "up"}"]`;
    this.commit(to, `Moved to place ${to + 1} of ${this.blocks.length}.`, [wanted, other]);
  }

  /** Redraw, tell, and focus the first thing in the card that one of `stops` selects. */
  commit(index, words, stops = []) {
    this.draw();
    this.said.textContent = words;
    const card = this.list.children[index];
    const selectors = [...stops, FIRST_INPUT, ANY_BUTTON];
    const stop = card ? selectors.map((selector) => card.querySelector(selector)).find(Boolean)
      : this.list.parentElement.querySelector(".bl-add");
    stop?.focus();
    card?.scrollIntoView({ block: "nearest" });
    this.onChange(this.value());
  }

  /** Alt with an arrow moves the block from wherever the focus is in it, and the focus with it. */
  onKey(event) {
    const card = event.target.closest(".bl-card");
    if (!card || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    const { field, act } = event.target.dataset;
    const same = field ? `[data-field="${field}"]` : act ? `[data-act="${act}"]:not(:disabled)` : undefined;
    this.move([...this.list.children].indexOf(card), event.key === "ArrowUp" ? -1 : 1, same);
  }

  /** Show problems at their blocks; returns those that are about something else. */
  problems(problems) {
    const at = (problem) => Number(/^\/blocks\/(\d+)(\/|$)/.exec(problem.path)?.[1] ?? -1);
    [...this.list.children].forEach((card, index) => {
      const mine = problems.filter((problem) => at(problem) === index);
      showProblems(card, mine.map((p) => ({ ...p, path: p.path.slice(`/blocks/${index}`.length) })));
    });
    return problems.filter((problem) => !this.list.children[at(problem)]);
  }
}

/** Options: kinds, value; tokens, empty (words for no blocks), onChange(blocks). */
export function mountBlocks(place, options) {
  const empty = "Nothing here yet: add the first block below.";
  return new BlocksEditor(place, { tokens: [], empty, onChange: () => {}, ...options });
}

/** The editor of a form field: {about, value(), problems(list)}. */
export function mountField(root) {
  const about = JSON.parse(document.getElementById(root.dataset.blockEditor).textContent);
  const raw = root.querySelector("textarea");
  const read = () => {
    try {
      return JSON.parse(raw.value || "[]");
    } catch {
      return raw.value; // the server says what is wrong with it
    }
  };
  const value = read();
  if (!isBlockList(value)) return { about, value: read, problems: (problems) => problems };
  root.classList.add("bl-ready");
  const onChange = (blocks) => {
    raw.value = JSON.stringify(blocks);
    raw.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const editor = mountBlocks(root.querySelector("[data-blocks]"), { ...about, value, onChange });
  return { about, value: () => editor.value(), problems: (problems) => editor.problems(problems) };
}
