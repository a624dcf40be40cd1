// The inputs of every kind of test that brings no editor of its own: derived from its fields.

import { button, chips, el, input, select, suggest } from "./dom.js";
import { number, set, typedInputs, valueInputs } from "./editors.js";

/** Inputs from the kind's fields. Fields that say `one_of` are offered one at a time. */
export function fieldsEditor(test, context, changed) {
  const fields = context.kind.fields.filter((field) => field.widget !== "rule");
  const rows = new Map();
  const update = () => {
    for (const [field, row] of rows) row.hidden = !applies(field, test.config, context.kind.fields);
  };
  const here = { ...context, config: test.config, changed, update };
  const drawn = [];
  fields.forEach((field, index) => {
    const together = fields.filter((other) => other.extra.one_of && other.extra.one_of === field.extra.one_of);
    if (together.length > 1) {
      if (together[0] === field) drawn.push(alternatives(together, test.config, here));
      return;
    }
    const row = labelled(field, fieldInput(field, test.config, here, index ? {} : { "data-focus": test.id }));
    rows.set(field, row);
    drawn.push(row);
  });
  update();
  return el("div", { class: "rb-fields" }, ...drawn);
}

function labelled(field, inputs) {
  return el("div", { class: `rb-field rb-of-${field.widget}` },
    el("span", { class: "rb-label", title: field.help || null }, field.label),
    ...inputs,
    field.help ? el("span", { class: "rb-help" }, field.help) : null);
}

/** Whether a field counts: `only_if` is "name=value|value" of a neighbour. */
function applies(field, config, fields) {
  const [name, wanted] = (field.extra.only_if ?? "").split("=");
  if (!wanted) return true;
  const neighbour = fields.find((other) => other.name === name);
  if (neighbour && !applies(neighbour, config, fields)) return false;
  return wanted.split("|").includes(String(config[name] ?? neighbour?.default));
}

/** A choice of when: ever, one number of days, or the two days together. */
function alternatives(fields, config, here) {
  const ways = fields.filter((field) => field.widget !== "date").map((field) => [field]);
  const days = fields.filter((field) => field.widget === "date");
  if (days.length) ways.push(days);
  const label = fields[0].extra.one_of;
  const slot = el("div", { class: "rb-slot" });
  const chosen = () => ways.findIndex((way) => way.some((field) => config[field.name] !== undefined));
  const draw = (index) => slot.replaceChildren(...(ways[index] ?? []).flatMap((field) => [
    ways[index].length > 1 ? el("span", {}, field.label) : "",
    ...fieldInput(field, config, here, {}),
  ]));
  const pairs = [["", "ever"], ...ways.map((way, index) => [String(index), way.length > 1 ? "between two days" : way[0].label])];
  const start = chosen();
  const select_ = select(label, pairs, start < 0 ? "" : String(start), (index) => {
    fields.forEach((field) => delete config[field.name]);
    const way = ways[index] ?? [];
    if (way.length === 1) config[way[0].name] = 30;
    draw(index);
    here.changed();
  });
  draw(start);
  return el("div", { class: "rb-field rb-when" }, el("span", { class: "rb-label" }, label), el("div", { class: "rb-together" }, select_, slot));
}

/** Suggestions of a field: fixed ones, or those that depend on the event that is asked for. */
function loader(field, config, here) {
  if (field.provider === "events.properties" || field.name === "property") {
    return () => here.builder.suggestions(here.subject, { event: config.name ?? here.config.name ?? "" });
  }
  const options = field.provider ? here.description.options[field.provider] ?? [] : field.options;
  return options.length ? async () => options : null;
}

function fieldInput(field, config, here, attributes) {
  const value = config[field.name] ?? field.default;
  const put = (item) => {
    set(config, field.name, item);
    here.changed();
  };
  const options = field.provider ? here.description.options[field.provider] ?? [] : field.options;
  if (field.widget === "records") return [recordRows(field, config, here)];
  if (field.widget === "list") return [listInput(field, config, here)];
  if (field.widget === "chips") {
    const act = (items) => put(items.length ? items : null);
    return [chips(field.label, [...(value ?? [])], act, { load: async () => options })];
  }
  if (field.widget === "value") return [typedValue(field, config, here)];
  if (field.widget === "select") {
    const pairs = field.extra.choices?.map(([key, label]) => [key, label]) ?? options;
    const any = !field.required && field.default == null ? [["", "Any"]] : [];
    const all = field.required && !value ? [["", "Choose…"], ...pairs] : [...any, ...pairs];
    return [select(field.label, all, value ?? "", (item) => {
      put(item === "" ? null : /^\d+$/.test(item) ? Number(item) : item);
      here.update();
      here.redrawValue?.();
    }, attributes)];
  }
  if (field.widget === "checkbox") {
    return [el("input", { type: "checkbox", "aria-label": field.label, checked: Boolean(value), onchange: (event) => put(event.target.checked) })];
  }
  if (field.widget === "date") return [input("date", field.label, value, put, attributes)];
  if (field.widget === "number") {
    return [number(field.label, value, put, { step: "any", class: "rb-input rb-short", ...attributes })];
  }
  const element = input("text", field.label, value, put, attributes);
  const load = loader(field, config, here);
  return load ? [element, suggest(element, load)] : [element];
}

/** A value whose inputs follow from the operator beside it. */
function typedValue(field, config, here) {
  const slot = el("div", { class: "rb-slot" });
  const chooser = here.kind.fields.find((other) => other.extra.choices);
  let takes = null;
  const draw = () => {
    const key = config[chooser.name] ?? chooser.default;
    const now = chooser.extra.choices.find(([other]) => other === key)?.[2] ?? "one";
    if (takes !== null && now !== takes) {
      delete config[field.name];
      here.changed();
    }
    takes = now;
    slot.replaceChildren(...valueInputs({
      type: field.extra.type ?? "text",
      takes,
      value: config[field.name],
      label: field.label,
      act: (value) => {
        set(config, field.name, Array.isArray(value) && !value.length ? null : value);
        here.changed();
      },
    }));
  };
  here.redrawValue = draw;
  draw();
  return slot;
}

/** Rows of anything, with a button behind them. `inputs(item)` draws one, `fresh()` makes one. */
function rows(config, name, label, inputs, fresh, changed) {
  const box = el("div", { class: "rb-rows" });
  const items = () => (config[name] ??= []);
  const draw = () => {
    const drawn = (config[name] ?? []).map((item, index) =>
      el("div", { class: "rb-row" },
        ...inputs(item),
        button(`Remove line ${index + 1}`, "close", () => {
          items().splice(index, 1);
          if (!items().length) delete config[name];
          draw();
          changed();
        })));
    box.replaceChildren(...drawn, button(label, "", () => {
      items().push(fresh());
      draw();
      changed();
      box.querySelector(".rb-row:last-of-type :is(select, input)")?.focus();
    }, { class: "rb-link" }));
  };
  draw();
  return box;
}

/** Typed conditions on a record, e.g. a subscription. */
function recordRows(field, config, here) {
  const { attributes, suggest: sources } = field.extra;
  const load = async (name) => here.description.options[sources?.[name]] ?? [];
  const inputs = (item) => typedInputs({ attributes, item, key: "field", load, changed: here.changed, label: "Field" });
  const fresh = () => ({ field: attributes[0].name, operator: attributes[0].operators[0].key });
  return rows(config, field.name, "+ Add a condition", inputs, fresh, here.changed);
}

/** A list of small objects, e.g. demands on an event's properties, or the events of a sequence. */
function listInput(field, config, here) {
  const isDemand = field.fields.some((inner) => inner.widget === "value");
  const owner = isDemand ? config : null;
  const fresh = () => Object.fromEntries(field.fields.filter((f) => f.default && f.widget !== "list").map((f) => [f.name, f.default]));
  const label = isDemand ? "+ Add a condition" : "+ Add an event";
  return rows(config, field.name, label, (item) => rowInputs(field.fields, item, here, owner), fresh, here.changed);
}

function rowInputs(fields, item, here, owner) {
  const { changed } = here;
  const slot = el("div", { class: "rb-slot" });
  const chooser = fields.find((field) => field.extra.choices);
  const event = () => owner?.name ?? here.config.name ?? "";
  const drawValue = (field) => {
    const chosen = chooser?.extra.choices.find(([key]) => key === (item[chooser.name] ?? chooser.default));
    slot.replaceChildren(...valueInputs({
      type: "text",
      takes: chosen?.[2] ?? "one",
      value: item[field.name],
      label: field.label,
      load: () => here.builder.suggestions(here.subject, { event: event(), property: item.property ?? "" }),
      act: (value) => {
        set(item, field.name, Array.isArray(value) && !value.length ? null : value);
        changed();
      },
    }));
    return slot;
  };
  return fields.map((field) => {
    if (field.widget === "value") return drawValue(field);
    if (field.widget === "list") return listInput(field, item, here);
    if (field.extra.choices) {
      return select(field.label, field.extra.choices.map(([key, label]) => [key, label]), item[field.name] ?? field.default, (key) => {
        const kept = fields.find((other) => other.widget === "value");
        const takes = (of) => field.extra.choices.find(([other]) => other === of)?.[2];
        if (takes(key) !== takes(item[field.name] ?? field.default)) delete item[kept.name];
        item[field.name] = key;
        drawValue(kept);
        changed();
      });
    }
    const element = input("text", field.label, item[field.name], (value) => {
      set(item, field.name, value);
      changed();
    }, { placeholder: field.label });
    const load = field.name === "property"
      ? () => here.builder.suggestions(here.subject, { event: event() })
      : loader(field, item, here);
    return load ? el("span", { class: "rb-slot" }, element, suggest(element, load)) : element;
  });
}
