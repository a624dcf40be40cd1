// Typed inputs: values by their type, and the editor of a test of an attribute.
// An editor draws into a box and calls `changed()` after writing into the test's config.

import { chips, el, input, select, suggest, ticks } from "./dom.js";

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

export function number(label, value, act, attributes) {
  return input("number", label, value, (item) => act(item === "" ? null : Number(item)), attributes);
}

export function set(config, name, value) {
  if (value === null || value === undefined || value === "") delete config[name];
  else config[name] = value;
}

/**
 * Inputs [name, operator, value] of an item that asks for one of some typed attributes. A control is
 * never replaced while it is being changed: the keyboard would lose its place.
 *
 * `key` is where the item keeps the attribute's name, `load(name)` gives suggestions of values.
 */
export function typedInputs({ attributes, item, key, load, changed, label, focus }) {
  if (!item[key] && attributes.length) item[key] = attributes[0].name;
  const specOf = () => attributes.find((spec) => spec.name === item[key]);
  const operatorOf = () => specOf()?.operators.find((operator) => operator.key === item.operator);
  const slot = () => el("div", { class: "rb-slot" });
  const [operators, values] = [slot(), slot()];

  const drawValues = () => {
    const [spec, operator] = [specOf(), operatorOf()];
    if (!operator) return values.replaceChildren();
    return values.replaceChildren(...valueInputs({
      type: spec.type,
      takes: operator.takes,
      choices: spec.choices,
      value: item.value,
      load: () => load(spec.name),
      act: (value) => {
        set(item, "value", Array.isArray(value) && !value.length ? null : value);
        changed();
      },
    }));
  };
  const drawOperators = () => {
    const spec = specOf();
    if (spec && !operatorOf()) {
      item.operator = spec.operators[0].key;
      delete item.value;
    }
    const pairs = (spec?.operators ?? []).map((operator) => [operator.key, operator.label]);
    operators.replaceChildren(select("Operator", pairs, item.operator, (chosen) => {
      const takes = operatorOf()?.takes;
      item.operator = chosen;
      if (operatorOf()?.takes !== takes) delete item.value;
      drawValues();
      changed();
    }));
    drawValues();
  };
  const grouped = attributes.some((spec) => spec.declared);
  const names = attributes.map((spec) => [spec.name, spec.label, grouped ? (spec.declared ? "Your attributes" : "Built in") : ""]);
  const chosen = select(label, names, item[key], (name) => {
    const before = specOf()?.type;
    item[key] = name;
    if (specOf()?.type !== before || before === "choice") delete item.value;
    drawOperators();
    changed();
  }, focus ? { "data-focus": focus } : {});
  drawOperators();
  return [chosen, operators, values];
}

/** Attribute, operator, value. */
export function attributeEditor(test, context, changed) {
  return el("div", { class: "rb-fields" }, ...typedInputs({
    attributes: context.description.attributes,
    item: test.config,
    key: "name",
    load: (name) => context.builder.suggestions(context.subject, { attribute: name }),
    changed,
    label: "Attribute",
    focus: test.id,
  }));
}

/** The same for a field that the page itself brings. */
export function fieldEditor(test, context, changed) {
  const attributes = context.builder.options.fields;
  return attributeEditor(test, { ...context, description: { ...context.description, attributes } }, changed);
}
