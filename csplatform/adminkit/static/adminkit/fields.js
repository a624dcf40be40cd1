// Inputs of a config, drawn from the fields that block_editor.py describes, and problems below them.

import { make } from "./dom.js";
import { tokenButton } from "./tokens.js";

const HELP = { url: "Begins with https://", lines: "One per line." };
let counter = 0;

const READ = {
  checkbox: (input) => input.checked,
  number: (input) => (input.value === "" ? null : Number(input.value)),
  lines: (input) => input.value.split("\n").map((line) => line.trim()).filter(Boolean),
  url: (input) => input.value.trim(),
};

const MAKE = {
  select(field, value) {
    const select = make("select", {}, ...field.options.map(([key, label]) => make("option", { value: key }, label)));
    select.value = String(value);
    return select;
  },
  checkbox: (field, value) => make("input", { type: "checkbox", checked: Boolean(value) }),
  textarea: (field, value) => filled(make("textarea", { rows: "4" }), value),
  lines(field, value) {
    const items = Array.isArray(value) ? value : [];
    return filled(make("textarea", { rows: String(Math.max(3, items.length + 1)) }), items.join("\n"));
  },
  number: (field, value) => filled(make("input", { type: "number" }), value),
  url: (field, value) => filled(make("input", { type: "text", inputmode: "url", spellcheck: "false" }), value),
  text: (field, value) => filled(make("input", { type: "text" }), value),
};

function filled(input, value) {
  input.value = value;
  return input;
}

/**
 * One row per field; `onChange(name, value)` for each edit.
 * The inputs carry data-field: they are found again by it after a redraw.
 */
export function makeFields(fields, values, { tokens = [], onChange }) {
  return fields.map((field) => {
    const draw = MAKE[field.widget] || MAKE.text;
    const input = draw(field, values[field.name] ?? field.default ?? "");
    input.id = `bl-${(counter += 1)}`;
    input.dataset.field = field.name;
    const asNumber = typeof field.default === "number";
    const read = READ[field.widget] || ((from) => (asNumber ? Number(from.value) : from.value));
    input.addEventListener("input", () => onChange(field.name, read(input)));
    const withTokens = field.tokens && tokens.length;
    const held = withTokens ? make("div", { class: "bl-with-token" }, input, tokenButton(input, tokens, field.label)) : input;
    const row = make("div", { class: `bl-input bl-${field.widget}` }, make("label", { for: input.id }, field.label), held);
    const help = field.help || HELP[field.widget];
    if (help) row.append(make("p", { class: "bl-help", id: `${input.id}-help` }, help));
    if (help) input.setAttribute("aria-describedby", `${input.id}-help`);
    return row;
  });
}

const shown = new WeakMap();

/** Show problems {path: "/text", message, level} below the inputs that they are about. */
export function showProblems(place, problems) {
  const now = JSON.stringify(problems);
  if ((shown.get(place) || "[]") === now) return; // said once, not again with every key
  shown.set(place, now);
  for (const old of place.querySelectorAll(".bl-problem")) old.remove();
  for (const input of place.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const problem of problems) {
    const level = problem.level || "error";
    const name = problem.path.split("/").filter(Boolean)[0];
    const input = name && place.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (input && level === "error") input.setAttribute("aria-invalid", "true");
    (input?.closest(".bl-input") || place).append(
      make("p", { class: `bl-problem bl-${level}`, role: "alert" }, problem.message));
  }
  place.classList.toggle("bl-bad", problems.some((p) => (p.level || "error") === "error"));
}
