// The rule builder: nested groups of typed tests with a live answer of who matches.
//
// mountRuleBuilder(element, {subject, value, onChange, describeUrl, previewUrl, suggestUrl, findUrl,
// explainUrl, csrf, readOnly, fields}) draws it into an element of any page; only `subject` is required. It
// returns {getValue, setSubject, setValue, destroy}. `onChange(rule)` is called after every change. `fields`
// are values that the page itself brings (calculated fields of a program), in the shape of attributes.

import { button, el } from "./dom.js";
import { History } from "./history.js";
import { drawGroup } from "./nodes.js";
import { fetchJSON, token } from "./server.js";
import { fromJSON, nodeAt, toJSON } from "./tree.js";
import { Why } from "./why.js";

const WAIT_MS = 350;
const FIELD_KIND = {
  key: "field", label: "Calculated field", group: "This program", editor: "field", inner: null, fields: [],
  help: "A value that this program works out.",
};

function usesFields(node) {
  return node.type === "test" ? node.kind === "field" : node.items.some(usesFields);
}

const descriptions = new Map();

export function mountRuleBuilder(element, options) {
  const builder = new Builder(element, options);
  builder.start();
  return {
    getValue: () => builder.rule(),
    setValue: (rule) => builder.setValue(rule),
    setSubject: (subject) => builder.setSubject(subject),
    destroy: () => builder.destroy(),
  };
}

class Builder {
  constructor(element, options) {
    this.options = {
      describeUrl: "/admin/rules/describe",
      previewUrl: "/admin/rules/preview",
      suggestUrl: "/admin/rules/suggest",
      findUrl: "/admin/rules/find",
      explainUrl: "/admin/rules/explain",
      onChange: () => {},
      readOnly: false,
      fields: [],
      ...options,
    };
    this.subject = options.subject;
    this.root = fromJSON(options.value);
    this.values = new Map();
    this.suggested = new Map();
    this.problems = [];
    this.places = new Map();
    this.tree = el("fieldset", { class: "rb-tree", disabled: this.options.readOnly });
    this.answer = el("div", { class: "rb-answer", role: "status", "aria-live": "polite" });
    this.history = new History(this.rule());
    this.why = new Why(this);
    this.steps = [true, false].map((back) =>
      button(back ? "Undo" : "Redo", back ? "undo" : "redo", () => this.step(back), { disabled: true, "aria-keyshortcuts": back ? "Control+Z" : "Control+Y" }));
    this.bar = el("div", { class: "rb-bar", role: "toolbar", "aria-label": "Rule" }, ...this.steps);
    this.tree.addEventListener("keydown", (event) => this.keys(event));
    element.classList.add("rb");
    element.classList.toggle("rb-readonly", this.options.readOnly);
    element.replaceChildren(...(this.options.readOnly ? [] : [this.bar]), this.tree, this.answer, this.why.element);
    this.element = element;
  }

  async start() {
    this.tree.replaceChildren(el("p", { class: "rb-empty" }, "Loading…"));
    try {
      const [person, company] = await Promise.all(["person", "company"].map((subject) => this.describe(subject)));
      this.descriptions = { person, company };
      const own = this.descriptions[this.subject];
      if (this.options.fields.length || usesFields(this.root)) {
        this.descriptions[this.subject] = { ...own, kinds: [...own.kinds, FIELD_KIND] };
      }
    } catch (error) {
      const again = button("Try again", "", () => this.start());
      this.tree.replaceChildren(el("p", { class: "rb-problem" }, `The rule builder could not be loaded (${error.message}). `, again));
      return;
    }
    this.redraw();
    this.preview();
  }

  describe(subject) {
    const url = `${this.options.describeUrl}?subject=${subject}`;
    if (!descriptions.has(url)) {
      const asked = fetchJSON(url);
      descriptions.set(url, asked);
      asked.catch(() => descriptions.delete(url));
    }
    return descriptions.get(url);
  }

  /** What the drawing functions need to know. */
  context(subject, root, level = 0) {
    return { builder: this, subject, root, level, description: this.descriptions[subject] };
  }

  rule(places = new Map()) {
    return toJSON(this.root, "", places);
  }

  redraw(focus = "") {
    if (!this.descriptions) return;
    this.tree.replaceChildren(drawGroup(this.root, this.context(this.subject, this.root)));
    this.showProblems();
    if (focus) this.tree.querySelector(`[data-focus="${focus}"]`)?.focus();
  }

  changed() {
    const rule = this.rule();
    this.history.note(rule);
    this.showSteps();
    this.options.onChange(rule);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.preview(), WAIT_MS);
  }

  /** Undo or redo one step. */
  step(back) {
    const rule = this.history.step(back);
    if (rule === null) return;
    this.root = fromJSON(rule);
    this.showSteps();
    this.options.onChange(rule);
    this.redraw();
    this.preview();
  }

  showSteps() {
    const { past, future } = this.history;
    [past, future].forEach((list, index) => {
      this.steps[index].disabled = !list.length;
    });
  }

  /** Undo and redo by keyboard; text inputs keep their own. */
  keys(event) {
    const inText = event.target.matches?.("input:not([type=checkbox])");
    if (inText || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    this.step(key === "z" && !event.shiftKey);
    this.tree.querySelector("select, button")?.focus();
  }

  setValue(rule) {
    this.root = fromJSON(rule);
    this.history.reset(this.rule());
    this.showSteps();
    this.redraw();
    this.preview();
  }

  /** Another subject has other attributes; each keeps its own rule meanwhile. */
  setSubject(subject) {
    if (subject === this.subject) return;
    this.values.set(this.subject, this.root);
    this.subject = subject;
    this.root = this.values.get(subject) ?? fromJSON({});
    this.history.reset(this.rule());
    this.why.reset();
    this.redraw();
    this.changed();
  }

  /** Frequent values; `about` names an attribute, an event, or an event and its property. */
  async suggestions(subject, about) {
    const url = `${this.options.suggestUrl}?${new URLSearchParams({ subject, ...about })}`;
    if (!this.suggested.has(url)) {
      this.suggested.set(url, fetchJSON(url).then((told) => told.values.map((value) => [value, value]), () => []));
    }
    return this.suggested.get(url);
  }

  async preview() {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    const places = new Map();
    const body = JSON.stringify(this.rule(places), (name, value) => this.defined(value));
    this.answer.setAttribute("aria-busy", "true");
    try {
      const told = await fetchJSON(`${this.options.previewUrl}?subject=${this.subject}`, {
        method: "POST",
        body,
        signal,
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.options.csrf ?? token() },
      });
      if (signal.aborted) return;
      this.places = places;
      this.problems = told.problems;
      this.showProblems();
      this.showAnswer(told);
      this.why.ask();
    } catch (error) {
      if (!signal.aborted) this.answer.replaceChildren(el("p", { class: "rb-problem" }, `Who matches is not known: ${error.message}`));
    }
    if (!signal.aborted) this.answer.removeAttribute("aria-busy");
  }

  /** A test of the page's own field, with what the server needs to work it out. */
  defined(value) {
    if (value?.test !== "field") return value;
    const field = this.options.fields.find((item) => item.name === value.name);
    return field ? { ...value, definition: field.definition } : value;
  }

  /** Each problem at its node. */
  showProblems() {
    for (const place of this.tree.querySelectorAll(".rb-problem, .rb-hint")) {
      place.hidden = true;
      place.replaceChildren();
      place.closest(".rb-test, .rb-group")?.classList.remove("rb-bad");
    }
    for (const { path, message } of this.problems) {
      const node = nodeAt(this.places, path);
      if (!node?.place) continue;
      node.place.hidden = false;
      node.place.className = node.isNew ? "rb-hint" : "rb-problem";
      node.place.append(el("span", {}, message), " ");
      if (!node.isNew) node.place.closest(".rb-test, .rb-group")?.classList.add("rb-bad");
    }
  }

  showAnswer(told) {
    if (told.problems.length) {
      const what = told.problems.length === 1 ? "the marked test" : `${told.problems.length} marked places`;
      this.answer.replaceChildren(el("p", { class: "rb-muted" }, `Finish ${what} to see who matches.`));
      return;
    }
    const one = this.subject === "person" ? "person matches" : "company matches";
    const many = this.subject === "person" ? "people match" : "companies match";
    const figure = told.count === null ? "Many" : `${told.estimated ? "About " : ""}${told.count.toLocaleString("en")}`;
    const sample = told.sample.map(({ label, url }) => el("a", { class: "rb-who", href: url, target: "_blank", rel: "noopener" }, label));
    const rest = (told.count ?? 0) - sample.length;
    this.answer.replaceChildren(
      el("p", { class: "rb-count" }, el("strong", {}, figure), ` ${told.count === 1 ? one : many} now`),
      el("p", { class: "rb-words" }, told.words),
      told.slow ? el("p", { class: "rb-muted" }, told.estimated
        ? `Counting all takes long here, so this is estimated from ${told.of.toLocaleString("en")} of them. The rule itself is fine.`
        : "Counting takes long here, so it was left out. The rule itself is fine.") : "",
      sample.length
        ? el("p", { class: "rb-sample" }, el("span", { class: "rb-muted" }, "For example "), ...sample,
            rest > 0 ? el("span", { class: "rb-muted" }, ` and ${rest.toLocaleString("en")} more`) : "")
        : "",
    );
  }

  destroy() {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.element.replaceChildren();
  }
}
