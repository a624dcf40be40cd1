// Small ways to make elements. Text only ever becomes text nodes.

export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in { value: 1, checked: 1, disabled: 1, selected: 1 }) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function button(label, icon, act, attributes = {}) {
  const face = icon ? el("span", { class: "rb-icon", "aria-hidden": "true" }, icon) : label;
  const named = icon ? { "aria-label": label, title: label, class: "rb-tool" } : { class: "rb-button" };
  return el("button", { type: "button", onclick: act, ...named, ...attributes }, face);
}

/** A select; `options` are [value, label] or [value, label, group]. */
export function select(label, options, value, act, attributes = {}) {
  const element = el("select", { "aria-label": label, class: "rb-input", ...attributes });
  const groups = new Map();
  for (const [key, text, group] of options) {
    const option = el("option", { value: key }, text);
    if (!group) element.append(option);
    else if (groups.has(group)) groups.get(group).append(option);
    else {
      groups.set(group, el("optgroup", { label: group }, option));
      element.append(groups.get(group));
    }
  }
  const text = String(value ?? "");
  if (text && !options.some(([key]) => String(key) === text)) {
    element.append(el("option", { value: text }, `${text} (no longer there)`));
  }
  element.value = text;
  element.addEventListener("change", () => act(element.value));
  return element;
}

/** A one-line input; Enter never submits the form around it. */
export function input(type, label, value, act, attributes = {}) {
  const element = el("input", { type, "aria-label": label, class: "rb-input", ...attributes });
  element.value = value ?? "";
  element.addEventListener("input", () => act(element.value));
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  return element;
}

let lists = 0;

/** Fill a datalist for an input the first time it is used. `load` gives [value, label] pairs. */
export function suggest(element, load) {
  const list = el("datalist", { id: `rb-list-${(lists += 1)}` });
  element.setAttribute("list", list.id);
  const fill = async () => {
    const pairs = await load();
    list.replaceChildren(
      ...pairs.map(([value, label]) => el("option", { value }, label === value ? "" : label)),
    );
  };
  element.addEventListener("focus", fill, { once: true });
  return list;
}

/** Several values as chips with an input behind them. */
export function chips(label, values, act, { load, type = "text" } = {}) {
  const box = el("div", { class: "rb-chips", role: "group", "aria-label": label });
  const entry = el("input", {
    type: type === "number" ? "number" : type,
    step: type === "number" ? "any" : null,
    class: "rb-chip-entry",
    "aria-label": `${label}: add a value and press Enter`,
    placeholder: values.length ? "" : "Value, then Enter",
  });
  const take = () => {
    const text = entry.value.trim();
    if (!text) return;
    entry.value = "";
    const value = type === "number" ? Number(text) : text;
    if (!values.includes(value)) values.push(value);
    draw();
    act([...values]);
  };
  entry.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || (event.key === "," && type === "text")) {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && !entry.value && values.length) {
      values.pop();
      draw();
      act([...values]);
    }
  });
  entry.addEventListener("change", take);
  const draw = () => {
    const drawn = values.map((value, index) =>
      el("span", { class: "rb-chip" }, String(value), button(`Remove ${value}`, "close", () => {
        values.splice(index, 1);
        draw();
        act([...values]);
        entry.focus();
      })),
    );
    const focused = document.activeElement === entry;
    box.replaceChildren(...drawn, entry);
    if (list) box.append(list);
    if (focused) entry.focus();
  };
  const list = load ? suggest(entry, load) : null;
  draw();
  return box;
}

/** A choice of several fixed values as boxes to tick. */
export function ticks(label, options, values, act) {
  const boxes = options.map(([value, text]) =>
    el("label", { class: "rb-tick" },
      el("input", {
        type: "checkbox",
        checked: values.includes(value),
        onchange: (event) => {
          const rest = values.filter((other) => other !== value);
          values.splice(0, values.length, ...rest, ...(event.target.checked ? [value] : []));
          act([...values]);
        },
      }),
      text),
  );
  return el("div", { class: "rb-ticks", role: "group", "aria-label": label }, ...boxes);
}
