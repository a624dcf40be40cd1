// Building elements without markup in strings.

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

/** A Material Symbols icon; its name is hidden from screen readers, the button names itself. */
export function icon(name) {
  return make("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
}

/** A button that shows only an icon. */
export function iconButton(name, label, properties) {
  const button = make("button", { type: "button", class: "bl-icon", title: label, "aria-label": label }, icon(name));
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "string") button.setAttribute(key, value);
    else button[key] = value;
  }
  return button;
}
