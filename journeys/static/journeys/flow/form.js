// A step's form as JSON: the markup says what each input is, nothing here knows a step kind.

import { mountRule } from "./rule.js";

/** The settings below a scope, as JSON. */
export function readScope(scope) {
  const values = {};
  for (const input of inputsOf(scope)) values[input.dataset.name] = readInput(input);
  return values;
}

/** The inputs that belong to a scope itself, not to one nested in it. */
function inputsOf(scope) {
  return [...scope.querySelectorAll("[data-name]")].filter(
    (input) => input.parentElement.closest("[data-scope]") === scope,
  );
}

function readInput(input) {
  const widget = input.dataset.widget;
  if (widget === "object") return readScope(input.querySelector("[data-scope]"));
  if (widget === "rule") return input.querySelector("[data-rule]").ruleValue;
  if (widget === "conditions") return readConditions(input);
  if (widget === "chips") return chosenChips(input.querySelector("[data-chips]"));
  if (widget === "numbers") return chosenChips(input.querySelector("[data-chips]")).map(Number);
  if (widget === "attribute_value") return readAttribute(input.querySelector("[data-attribute-value]"));
  const items = input.querySelector("[data-items]");
  if (items) return [...items.children].map(readScope);
  return readPlain(input.querySelector("[data-value]"));
}

function readPlain(element) {
  if (element.type === "checkbox") return element.checked;
  if (element.hasAttribute("data-lines")) {
    return element.value.split("\n").map((line) => line.trim()).filter(Boolean);
  }
  if (element.hasAttribute("data-several")) return readSeveral(element);
  if (element.type === "number") return element.value === "" ? null : Number(element.value);
  if (element.tagName === "SELECT" && element.value === "") return null;
  if (element.hasAttribute("data-numeric")) return Number(element.value);
  return element.value;
}

/** One value, several where the operator beside it takes a list, null where it takes none. */
function readSeveral(element) {
  const scope = element.closest("[data-scope]");
  const operator = scope.querySelector('[data-name="operator"] [data-value]')?.value;
  const parts = element.value.split(",").map((part) => part.trim()).filter(Boolean);
  if (["in", "not_in"].includes(operator)) return parts;
  return element.value.trim() === "" ? null : element.value.trim();
}

function chosenChips(box) {
  return [...box.querySelectorAll("input:checked")].map((chip) => chip.value);
}

function readConditions(input) {
  return [...input.querySelectorAll("[data-condition]")].map((item) => {
    const what = item.querySelector("[data-what]").value;
    if (what === "rule") return { type: "rule", rule: item.querySelector("[data-rule]").ruleValue };
    if (what === "field") return { type: "field", test: readTest(item.querySelector("[data-field-test]")) };
    const [step = "", event = ""] = what.split(" ");
    return { type: "event", step, event, ...readQuorum(item.querySelector("[data-quorum]")) };
  });
}

/** By how many people; nothing where one subject alone can do it. */
function readQuorum(box) {
  if (!box || box.hidden) return {};
  const quorum = box.querySelector("[data-how-many]").value;
  if (quorum !== "count") return { quorum };
  return { quorum, count: Number(box.querySelector("[data-count] input").value) || null };
}

/** A test of a participant field; {} as long as no field is named. */
function readTest(box) {
  const property = box.querySelector("[data-property]").value.trim();
  if (!property) return {};
  const operator = box.querySelector('[data-name="operator"] [data-value]').value;
  return { property, operator, value: readSeveral(box.querySelector("[data-several]")) };
}

function readAttribute(box) {
  const element = box.querySelector("[data-attribute]");
  if (!element || element.value === "") return null;
  const type = element.dataset.type;
  if (type === "number") return Number(element.value);
  if (type === "boolean") return element.value === "true";
  if (type === "list") return element.value.split(",").map((part) => part.trim()).filter(Boolean);
  return element.value;
}

/** Bring the live parts of a form to life: rules, conditions, attribute values. */
export function enliven(root, context) {
  for (const box of root.querySelectorAll("[data-rule]")) {
    const item = box.closest("[data-condition]");
    if (!item) mountRule(box, context);
    else enlivenCondition(item, box, context);
  }
  for (const box of root.querySelectorAll("[data-attribute-value]")) enlivenAttribute(box, context);
  for (const input of root.querySelectorAll("[data-when]")) enlivenWhen(input);
}

/** An input that is of use for some choices only; hidden, it keeps its value. */
function enlivenWhen(input) {
  const scope = input.parentElement.closest("[data-scope]");
  const show = () => {
    input.hidden = !Object.entries(JSON.parse(input.dataset.when)).every(([name, values]) =>
      values.includes(scope.querySelector(`[data-name="${CSS.escape(name)}"] [data-value]`)?.value),
    );
  };
  scope.addEventListener("change", show);
  show();
}

function enlivenCondition(item, box, context) {
  const select = item.querySelector("[data-what]");
  const quorum = item.querySelector("[data-quorum]");
  const howMany = quorum.querySelector("[data-how-many]");
  const show = () => {
    box.hidden = select.value !== "rule";
    item.querySelector("[data-field-test]").hidden = select.value !== "field";
    if (!box.hidden && !box.dataset.mounted) mountRule(box, context);
    quorum.hidden = !("people" in (select.selectedOptions[0]?.dataset ?? {}));
    quorum.querySelector("[data-count]").hidden = howMany.value !== "count";
  };
  select.addEventListener("change", show);
  howMany.addEventListener("change", show);
  show();
}

function enlivenAttribute(box, context) {
  const scope = box.closest("[data-scope]");
  const select = scope.querySelector(`[data-name="${CSS.escape(box.dataset.follows)}"] [data-value]`);
  const draw = (value) => {
    const spec = context.attributes[select?.value] ?? { type: "text", choices: [] };
    box.replaceChildren(attributeInput(spec, value, box.dataset.label));
  };
  draw(JSON.parse(box.dataset.attributeValue));
  select?.addEventListener("change", () => draw(null));
}

function attributeInput(spec, value, label) {
  const choices = spec.type === "boolean" ? [["true", "Yes"], ["false", "No"]] : spec.choices;
  const input = document.createElement(choices.length ? "select" : "input");
  input.dataset.attribute = "";
  input.dataset.type = spec.type;
  input.setAttribute("aria-label", label);
  if (choices.length) {
    for (const [key, text] of [["", "(clear it)"], ...choices]) input.append(new Option(text, key));
  } else {
    const types = { number: "number", date: "date", link: "url" };
    input.type = types[spec.type] ?? "text";
    if (spec.type === "number") input.step = "any";
    if (spec.type === "list") input.placeholder = "a, b, c";
    if (spec.type === "datetime") input.placeholder = "2026-01-31T09:00";
  }
  input.value = Array.isArray(value) ? value.join(", ") : String(value ?? "");
  return input;
}

/** A new item of a list, with a key and a name of its own where it has such. */
export function addItem(list, context, variant = "") {
  const items = list.querySelector("[data-items]");
  const blank = list.querySelector(`:scope > template[data-blank="${CSS.escape(variant)}"]`);
  const item = blank.content.cloneNode(true).firstElementChild;
  const number = items.children.length + 1;
  for (const key of item.querySelectorAll("[data-key-input]")) key.value = randomKey();
  const label = item.querySelector('[data-name="label"] [data-value]');
  if (label && !label.value) label.value = `${list.dataset.noun} ${number}`;
  const percent = item.querySelector('[data-name="percent"] [data-value]');
  if (percent && !percent.value) percent.value = "0";
  items.append(item);
  enliven(item, context);
  (item.querySelector("input:not([type=hidden]), select, textarea") ?? item).focus();
  return item;
}

/** Take an item out of its list; expressions that name items by number go on meaning the same. */
export function removeItem(item) {
  const removed = [...item.parentElement.children].indexOf(item) + 1;
  const list = item.parentElement.closest("[data-name]");
  const scope = list.parentElement.closest("[data-scope]");
  for (const input of scope.querySelectorAll(`[data-numbers-of="${CSS.escape(list.dataset.name)}"]`)) {
    input.value = renumbered(input.value, removed);
  }
  item.remove();
}

/** Numbers above the removed one go down by one; its own becomes "?", which is marked. */
function renumbered(text, removed) {
  return text.replace(/\d+/g, (found) => {
    const number = Number(found);
    if (number === removed) return "?";
    return String(number > removed ? number - 1 : number);
  });
}

function randomKey() {
  const letters = "abcdefghijkmnpqrstuvwxyz";
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return [...bytes].map((byte) => letters[byte % letters.length]).join("");
}

/** Write problems beside the inputs they are about; what has no place goes to the end. */
export function showProblems(form, problems) {
  for (const list of form.querySelectorAll("[data-problems-of]")) clear(list);
  for (const input of form.querySelectorAll(".has-problem")) input.classList.remove("has-problem");
  const rest = form.querySelector("[data-problems]");
  if (rest) clear(rest);
  const root = form.querySelector("[data-scope]");
  for (const problem of problems) {
    const input = root ? locate(root, problem.field.split("/").filter(Boolean)) : null;
    const shown = input && !input.closest("[hidden]");
    const list = (shown && input.querySelector(":scope > [data-problems-of]")) || rest;
    if (!list) continue;
    input?.classList.add("has-problem");
    const line = document.createElement("li");
    line.className = `is-${problem.level}`;
    line.textContent = problem.message;
    list.append(line);
    list.hidden = false;
  }
}

function clear(list) {
  list.replaceChildren();
  list.hidden = true;
}

/** The innermost input that a path of a problem leads to. */
function locate(scope, path) {
  const [name, ...rest] = path;
  const input = inputsOf(scope).find((candidate) => candidate.dataset.name === name);
  if (!input) return null;
  if (input.dataset.widget === "object") {
    return locate(input.querySelector("[data-scope]"), rest) ?? input;
  }
  const item = input.querySelector("[data-items]")?.children[Number(rest[0])];
  if (item?.matches("[data-scope]")) return locate(item, rest.slice(1)) ?? input;
  return input;
}
