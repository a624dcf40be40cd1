// The editor of typed blocks: a list of cards, each with the inputs of its kind.
//
// mountBlocks(place, {kinds, tokens, value, onChange}) draws it into an element and returns
//   {value(): blocks, set(blocks), problems(list)}; problems are {path: "/2/text", message, level}.
// makeFields(fields, values, {tokens, onChange}) draws inputs alone (settings beside the blocks).

/** An element with properties and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function icon(name) {
  return make("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
}

function iconButton(name, label, onclick) {
  return make("button", { type: "button", class: "bl-icon", title: label, "aria-label": label, onclick }, icon(name));
}

let counter = 0;
const nextId = () => `bl-${(counter += 1)}`;

const READ = {
  checkbox: (input) => input.checked,
  number: (input) => (input.value === "" ? null : Number(input.value)),
  lines: (input) => input.value.split("\n").map((line) => line.trim()).filter(Boolean),
};

function makeInput(field, value) {
  const shown = value ?? field.default ?? "";
  if (field.widget === "select") {
    const select = make("select");
    for (const [key, label] of field.options) select.append(make("option", { value: key }, label));
    select.value = String(shown);
    return select;
  }
  if (field.widget === "checkbox") return make("input", { type: "checkbox", checked: Boolean(shown) });
  if (field.widget === "textarea" || field.widget === "lines") {
    const area = make("textarea", { rows: field.widget === "lines" ? "4" : "3" });
    area.value = Array.isArray(shown) ? shown.join("\n") : shown;
    return area;
  }
  const input = make("input", { type: field.widget === "number" ? "number" : "text" });
  if (field.widget === "url") input.inputMode = "url";
  input.value = shown;
  return input;
}

/** The menu that writes a token at the caret. */
function tokenMenu(input, tokens, changed) {
  const menu = make("select", { class: "bl-tokens", "aria-label": "Insert a token" }, make("option", { value: "" }, "Insert token…"));
  const groups = new Map();
  for (const token of tokens) {
    if (!groups.has(token.group)) groups.set(token.group, make("optgroup", { label: token.group }));
    groups.get(token.group).append(make("option", { value: token.insert }, token.label));
  }
  menu.append(...groups.values());
  menu.addEventListener("change", () => {
    if (!menu.value) return;
    input.setRangeText(menu.value, input.selectionStart, input.selectionEnd, "end");
    menu.value = "";
    input.focus();
    changed();
  });
  return menu;
}

/** Inputs of a config; `onChange(name, value)` for each edit. Elements carry data-field. */
export function makeFields(fields, values, { tokens = [], onChange }) {
  return fields.map((field) => {
    const input = makeInput(field, values[field.name]);
    input.id = nextId();
    const numeric = typeof field.default === "number";
    const changed = () => {
      const read = READ[field.widget] || ((from) => (numeric ? Number(from.value) : from.value));
      onChange(field.name, read(input));
    };
    input.addEventListener(input.tagName === "SELECT" || input.type === "checkbox" ? "change" : "input", changed);
    const label = make("label", { for: input.id }, field.label);
    const head = make("div", { class: "bl-label" }, label);
    if (field.tokens && tokens.length) head.append(tokenMenu(input, tokens, changed));
    const row = make("div", { class: `bl-input bl-${field.widget}`, "data-field": field.name }, head, input);
    if (field.help) {
      const help = make("p", { class: "bl-help", id: `${input.id}-help` }, field.help);
      input.setAttribute("aria-describedby", help.id);
      row.append(help);
    }
    return row;
  });
}

/** Show problems below the inputs that they are about. */
export function showProblems(place, problems) {
  for (const old of place.querySelectorAll(":scope > .bl-problem, [data-field] > .bl-problem")) old.remove();
  for (const problem of problems) {
    const name = problem.path.split("/").filter(Boolean)[0];
    const row = name && place.querySelector(`[data-field="${CSS.escape(name)}"]`);
    const words = make("p", { class: `bl-problem bl-${problem.level || "error"}`, role: "alert" }, problem.message);
    (row || place).append(words);
  }
}

function summary(block) {
  const text = block.text || block.label || (block.items && block.items.join(", ")) || block.alt || block.url || "";
  return String(text).slice(0, 60);
}

class BlocksEditor {
  constructor(place, { kinds, tokens = [], value = [], onChange = () => {} }) {
    this.kinds = new Map(kinds.map((kind) => [kind.key, kind]));
    this.tokens = tokens;
    this.onChange = onChange;
    this.blocks = structuredClone(value);
    this.list = make("ol", { class: "bl-list" });
    this.empty = make("p", { class: "bl-empty" }, "Nothing here yet: add the first block below.");
    const adders = kinds.map((kind) =>
      make("button", { type: "button", class: "bl-add", onclick: () => this.add(kind) }, icon(kind.icon), kind.label));
    place.replaceChildren(this.empty, this.list, make("div", { class: "bl-adders", role: "group", "aria-label": "Add a block" }, ...adders));
    this.draw();
  }

  value() {
    return structuredClone(this.blocks);
  }

  set(blocks) {
    this.blocks = structuredClone(blocks);
    this.draw();
  }

  changed() {
    this.onChange(this.value());
  }

  draw() {
    this.empty.hidden = this.blocks.length > 0;
    this.list.replaceChildren(...this.blocks.map((block, index) => this.card(block, index)));
  }

  card(block, index) {
    const kind = this.kinds.get(block.kind) || { label: block.kind, icon: "help", fields: [] };
    const words = make("span", { class: "bl-summary" }, summary(block));
    const tools = [
      iconButton("arrow_upward", "Move up", () => this.move(index, -1)),
      iconButton("arrow_downward", "Move down", () => this.move(index, 1)),
      iconButton("content_copy", "Copy", () => this.insert(index + 1, structuredClone(block))),
      iconButton("delete", "Remove", () => this.remove(index)),
    ];
    tools[0].disabled = index === 0;
    tools[1].disabled = index === this.blocks.length - 1;
    const head = make("div", { class: "bl-head" }, icon(kind.icon), make("strong", {}, kind.label), words, ...tools);
    const fields = makeFields(kind.fields, block, {
      tokens: this.tokens,
      onChange: (name, value) => {
        block[name] = value;
        words.textContent = summary(block);
        this.changed();
      },
    });
    return make("li", { class: "bl-card" }, head, ...fields);
  }

  add(kind) {
    this.insert(this.blocks.length, { ...structuredClone(kind.example), kind: kind.key });
  }

  insert(index, block) {
    this.blocks.splice(index, 0, block);
    this.draw();
    this.focus(index);
    this.changed();
  }

  remove(index) {
    this.blocks.splice(index, 1);
    this.draw();
    this.focus(Math.min(index, this.blocks.length - 1));
    this.changed();
  }

  move(index, by) {
    const [block] = this.blocks.splice(index, 1);
    this.blocks.splice(index + by, 0, block);
    this.draw();
    const tools = this.list.children[index + by].querySelectorAll(".bl-icon");
    const wanted = tools[by < 0 ? 0 : 1];
    (wanted.disabled ? tools[by < 0 ? 1 : 0] : wanted).focus();
    this.changed();
  }

  focus(index) {
    const card = this.list.children[index];
    if (!card) return;
    const first = card.querySelector("input, textarea, select:not(.bl-tokens)") || card.querySelector(".bl-icon:not(:disabled)");
    if (first) first.focus();
  }

  /** Problems with paths relative to the list: "/2/text". */
  problems(problems) {
    [...this.list.children].forEach((card, index) => {
      const start = `/${index}`;
      const mine = problems.filter((p) => p.path === start || p.path.startsWith(`${start}/`));
      showProblems(card, mine.map((p) => ({ ...p, path: p.path.slice(start.length) })));
    });
  }
}

export function mountBlocks(place, options) {
  return new BlocksEditor(place, options);
}
