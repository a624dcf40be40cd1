// “Why does somebody match, or not?”: one person or company, answered test by test.

import { button, el, input } from "./dom.js";
import { fetchJSON, token } from "./server.js";

const WAIT_MS = 250;

export class Why {
  constructor(builder) {
    this.builder = builder;
    this.chosen = null;
    this.found = el("ul", { class: "rb-found" });
    this.result = el("div", { class: "rb-why-result", role: "status", "aria-live": "polite" });
    this.entry = input("search", "Look for somebody", "", () => this.later(), { placeholder: "Name begins with…", class: "rb-input rb-why-entry" });
    this.moment = input("datetime-local", "As of (UTC), empty for now", "", () => this.ask(), {});
    this.element = el("details", { class: "rb-why" },
      el("summary", {}, "Why does somebody match, or not?"),
      el("div", { class: "rb-why-ask" }, this.entry, el("label", { class: "rb-tick" }, "as of (UTC)", this.moment)),
      this.found, this.result);
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.find(), WAIT_MS);
  }

  async find() {
    const term = this.entry.value.trim();
    if (!term) return this.found.replaceChildren();
    const { subject, options } = this.builder;
    try {
      const told = await fetchJSON(`${options.findUrl}?${new URLSearchParams({ subject, q: term })}`);
      const rows = told.found.map((one) => el("li", {}, button(one.label, "", () => this.choose(one), { class: "rb-who" })));
      this.found.replaceChildren(...(rows.length ? rows : [el("li", { class: "rb-muted" }, "Nobody is found; type the beginning of the name.")]));
    } catch (error) {
      this.found.replaceChildren(el("li", { class: "rb-problem" }, error.message));
    }
  }

  choose(one) {
    this.chosen = one;
    this.found.replaceChildren();
    this.entry.value = one.label;
    this.ask();
  }

  /** Called after every change of the rule as well. */
  async ask() {
    if (!this.chosen || !this.element.open) return;
    const { subject, options } = this.builder;
    const body = JSON.stringify({ rule: this.builder.rule(), id: this.chosen.id, at: this.moment.value || null });
    try {
      const told = await fetchJSON(`${options.explainUrl}?subject=${subject}`, {
        method: "POST",
        body,
        headers: { "Content-Type": "application/json", "X-CSRFToken": options.csrf ?? token() },
      });
      if (told.problems.length) return this.say("Finish the marked tests first.");
      const verdict = told.alive ? (told.explained.truth ? "matches" : "does not match") : "is not there (merged, erased or not yet created)";
      const when = told.past ? " then" : "";
      this.result.replaceChildren(
        el("p", {}, el("a", { class: "rb-who", href: told.url, target: "_blank", rel: "noopener" }, told.label), ` ${verdict}${when}.`),
        told.alive ? el("ul", { class: "rb-explained" }, drawn(told.explained)) : "");
    } catch (error) {
      this.say(error.message);
    }
    return undefined;
  }

  say(text) {
    this.result.replaceChildren(el("p", { class: "rb-muted" }, text));
  }

  reset() {
    this.chosen = null;
    this.entry.value = "";
    this.found.replaceChildren();
    this.result.replaceChildren();
  }
}

/** One node of an explanation with those below it. */
function drawn(node) {
  const mark = node.truth ? "yes" : "no";
  return el("li", { class: `rb-truth-${mark}` },
    el("span", { class: "rb-mark", "aria-hidden": "true" }, node.truth ? "✓" : "✗"),
    el("span", { class: "rb-sr" }, `${mark}: `),
    el("span", {}, node.words),
    node.children.length ? null : el("span", { class: "rb-muted" }, ` — ${shown(node.value)}`),
    node.children.length ? el("ul", {}, ...node.children.map(drawn)) : null);
}

/** A value as people read it. */
function shown(value) {
  if (value === null || value === undefined) return "nothing";
  if (value === true || value === false) return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length ? value.map(shown).join(", ") : "nothing";
  if (typeof value !== "object") return String(value);
  if ("truth" in value) return `${value.label}: ${shown(value.truth)}`;
  return Object.entries(value).filter(([, item]) => item !== null && item !== "").slice(0, 8).map(([key, item]) => `${key.replaceAll("_", " ")} ${shown(item)}`).join(", ");
}
