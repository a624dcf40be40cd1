// One input of a block, built from the field that its kind describes.
import { element } from "./blocks.js";
import { addTokenButton } from "./tokens.js";

export function buildInput(field, block, tokens, prefix, changed) {
  const id = `${prefix}-${field.name}`;
  const row = element("div", { className: "em-field" });
  const label = element("label", { htmlFor: id, textContent: field.label });
  const input = makers[field.widget]?.(field, block) ?? makers.text(field, block);
  input.control.id = id;
  input.control.dataset.field = field.name; // found again after the block has moved
  input.control.addEventListener("input", () => {
    block[field.name] = input.read();
    changed();
  });
  const help = field.help || input.help || "";
  row.append(label, input.control);
  if (help) {
    const note = element("small", { id: `${id}-help`, textContent: help });
    input.control.setAttribute("aria-describedby", note.id);
    row.append(note);
  }
  if (Object.fromEntries(field.extra).tokens) addTokenButton(input.control, tokens);
  return row;
}

function valueOf(field, block) {
  return block[field.name] ?? field.default ?? "";
}

const makers = {
  text(field, block) {
    const control = element("input", { type: "text", value: valueOf(field, block) });
    return { control, read: () => control.value };
  },
  url(field, block) {
    const control = element("input", { type: "text", inputMode: "url", spellcheck: false });
    control.value = valueOf(field, block);
    return { control, read: () => control.value.trim(), help: "Begins with https://" };
  },
  textarea(field, block) {
    const control = element("textarea", { rows: 4, value: valueOf(field, block) });
    return { control, read: () => control.value };
  },
  lines(field, block) {
    const items = valueOf(field, block) || [];
    const control = element("textarea", { rows: Math.max(3, items.length + 1), value: items.join("\n") });
    const read = () => control.value.split("\n").map((line) => line.trim()).filter(Boolean);
    return { control, read, help: "One point per line." };
  },
  select(field, block) {
    const control = element("select");
    for (const [value, label] of field.options) control.append(new Option(label, value));
    control.value = String(valueOf(field, block));
    const asNumber = typeof field.default === "number";
    return { control, read: () => (asNumber ? Number(control.value) : control.value) };
  },
};
