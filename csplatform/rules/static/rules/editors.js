// The inputs of a test: of an attribute by its type, of every other kind from its fields.
// An editor draws into a box and calls `changed()` after writing into the test's config.

import { button, chips, el, input, select, suggest, ticks } from "./dom.js";

const listOf = (value) => (Array.isArray(value) ? [...value] : value === null || value === undefined ? [] : [value]);

/** Inputs for a value: `takes` is none, one, many, pair or days. */
export function valueInputs({ type, takes, choices, value, load, act, label = "Value" }) {
  if (takes === "none") return [];
  if (takes === "days") {
    return [number(label, value, act, { min: 0, step: 1, class: "rb-input rb-short" }), el("span", {}, "days")];
  }
  if (takes === "pair") {
    const pair = [listOf(value)[0] ?? null, listOf(value)[1] ?? null];
    const end = (place, name) => single({ type, choices, value: pair[place], label: name, act: (item) => {
      pair[place] = item;
      act([...pair]);
    } });
    return [...end(0, "From"), el("span", {}, "and"), ...end(1, "To")];
  }
  if (takes === "many") {
    if (type === "choice") return [ticks(label, choices, listOf(value), act)];
    return [chips(label, listOf(value), act, { load, type: type === "number" ? "number" : "text" })];
  }
  return single({ type, choices, value: Array.isArray(value) ? value[0] : value, load, act, label });
}

function single({ type, choices, value, load, act, label }) {
  if (type === "choice") {
    return [select(label, [["", "Choose…"], ...choices], value, (item) => act(item || null))];
  }
  if (type === "number") return [number(label, value, act, { step: "any" })];
  const isMoment = type === "datetime" && String(value ?? "").length > 10;
  if ((type === "date" || type === "datetime") && !isMoment) {
    return [input("date", label, value, (item) => act(item || null))];
  }
  const element = input("text", label, value, (item) => act(item === "" ? null : item), { maxlength: 2000 });
  return load ? [element, suggest(element, load)] : [element];
}

function number(label, value, act, attributes) {
  return input("number", label, value, (item) => act(item === "" ? null : Number(item)), attributes);
}

function set(config, name, value) {
  if (value === null || value === undefined || value === "") delete config[name];
  else config[name] = value;
}

/**
 * Attribute, operator, value. A control is never replaced while it is being changed: the keyboard
 * would lose its place.
 */
export function attributeEditor(test, context, changed) {
  const { attributes } = context.description;
  const config = test.config;
  if (!config.name && attributes.length) config.name = attributes[0].name;
  const specOf = () => attributes.find((item) => item.name === config.name);
  const operatorOf = () => specOf()?.operators.find((item) => item.key === config.operator);
  const slot = () => el("div", { class: "rb-slot" });
  const [operators, values] = [slot(), slot()];

  const drawValues = () => {
    const [spec, operator] = [specOf(), operatorOf()];
    if (!operator) return values.replaceChildren();
    return values.replaceChildren(...valueInputs({
      type: spec.type,
      takes: operator.takes,
      choices: spec.choices,
      value: config.value,
      load: () => context.builder.suggestions(context.subject, spec.name),
      act: (value) => {
        set(config, "value", Array.isArray(value) && !value.length ? null : value);
        changed();
      },
    }));
  };
  const drawOperators = () => {
    const spec = specOf();
    if (spec && !operatorOf()) {
      config.operator = spec.operators[0].key;
      delete config.value;
    }
    const pairs = (spec?.operators ?? []).map((item) => [item.key, item.label]);
    operators.replaceChildren(select("Operator", pairs, config.operator, (key) => {
      const takes = operatorOf()?.takes;
      config.operator = key;
      if (operatorOf()?.takes !== takes) delete config.value;
      drawValues();
      changed();
    }));
    drawValues();
  };
  const names = attributes.map((item) => [item.name, item.label, item.declared ? "Your attributes" : "Built in"]);
  const chosen = select("Attribute", names, config.name, (name) => {
    const before = specOf()?.type;
    config.name = name;
    if (specOf()?.type !== before || before === "choice") delete config.value;
    drawOperators();
    changed();
  }, { "data-focus": test.id });
  drawOperators();
  return el("div", { class: "rb-fields" }, chosen, operators, values);
}

/** Inputs from the kind's fields, for every kind that brings no editor of its own. */
export function fieldsEditor(test, context, changed) {
  const fields = context.kind.fields.filter((field) => field.widget !== "rule");
  const rows = new Map();
  const update = () => {
    for (const [field, row] of rows) row.hidden = !applies(field, test.config, context.kind.fields);
  };
  fields.forEach((field, index) => {
    const attributes = index ? {} : { "data-focus": test.id };
    rows.set(field, labelled(field, fieldInput(field, test.config, context, changed, update, attributes)));
  });
  update();
  return el("div", { class: "rb-fields" }, ...rows.values());
}

function labelled(field, inputs) {
  return el("div", { class: `rb-field rb-${field.widget}` },
    el("span", { class: "rb-label", title: field.help || null }, field.label),
    ...inputs,
    field.help ? el("span", { class: "rb-help" }, field.help) : null);
}

/** Whether a field counts: `only_if` is "name=value|value" of a neighbour. */
function applies(field, config, fields) {
  const [name, wanted] = (field.extra.only_if ?? "").split("=");
  if (!wanted) return true;
  const neighbour = fields.find((other) => other.name === name);
  return wanted.split("|").includes(String(config[name] ?? neighbour?.default));
}

function fieldInput(field, config, context, changed, update, attributes) {
  const value = config[field.name] ?? field.default;
  const put = (item) => {
    set(config, field.name, item);
    changed();
  };
  const options = field.provider ? context.description.options[field.provider] ?? [] : field.options;
  if (field.widget === "list") return [listInput(field, config, changed)];
  if (field.widget === "select") {
    const pairs = field.extra.choices?.map(([key, label]) => [key, label]) ?? options;
    const any = !field.required && field.default == null ? [["", "Any"]] : [];
    const all = field.required && !value ? [["", "Choose…"], ...pairs] : [...any, ...pairs];
    return [select(field.label, all, value ?? "", (item) => {
      put(item === "" ? null : /^\d+$/.test(item) ? Number(item) : item);
      update();
    }, attributes)];
  }
  if (field.widget === "checkbox") {
    return [el("input", { type: "checkbox", "aria-label": field.label, checked: Boolean(value), onchange: (event) => put(event.target.checked) })];
  }
  if (field.widget === "number") {
    return [number(field.label, value, put, { step: "any", class: "rb-input rb-short", placeholder: field.required ? null : "ever", ...attributes })];
  }
  const element = input("text", field.label, value, put, attributes);
  return options.length ? [element, suggest(element, async () => options)] : [element];
}

/** A list of small objects, e.g. demands on an event's properties. */
function listInput(field, config, changed) {
  const box = el("div", { class: "rb-rows" });
  const items = () => (config[field.name] ??= []);
  const draw = () => {
    const rows = (config[field.name] ?? []).map((item, index) =>
      el("div", { class: "rb-row" },
        ...rowInputs(field.fields, item, changed),
        button(`Remove line ${index + 1}`, "close", () => {
          items().splice(index, 1);
          if (!items().length) delete config[field.name];
          draw();
          changed();
        })));
    box.replaceChildren(...rows, button("+ Add a condition", "", () => {
      items().push(Object.fromEntries(field.fields.filter((f) => f.default).map((f) => [f.name, f.default])));
      draw();
      changed();
    }, { class: "rb-link" }));
  };
  draw();
  return box;
}

function rowInputs(fields, item, changed) {
  const slot = el("div", { class: "rb-slot" });
  const chooser = fields.find((field) => field.extra.choices);
  const drawValue = (field) => {
    const chosen = chooser?.extra.choices.find(([key]) => key === (item[chooser.name] ?? chooser.default));
    slot.replaceChildren(...valueInputs({
      type: "text",
      takes: chosen?.[2] ?? "one",
      value: item[field.name],
      label: field.label,
      act: (value) => {
        set(item, field.name, Array.isArray(value) && !value.length ? null : value);
        changed();
      },
    }));
    return slot;
  };
  return fields.map((field) => {
    if (field.widget === "value") return drawValue(field);
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
    return input("text", field.label, item[field.name], (value) => {
      set(item, field.name, value);
      changed();
    }, { placeholder: field.label });
  });
}
