// The side panel: shows a form, sends what is typed, marks what is wrong while typing.

import { getJson, nodesOf } from "./api.js";
import { addItem, enliven, readScope, removeItem, showProblems } from "./form.js";

const TYPING_MS = 350;

/** Hooks: send(edit, of) saves an edit, act(name, of) does what a button says, closed(). */
export class Panel {
  constructor(element, store, hooks) {
    this.element = element;
    this.store = store;
    this.hooks = hooks;
    this.of = "";
    this.timer = 0;
    element.addEventListener("input", () => this.#typed());
    element.addEventListener("change", () => this.#typed());
    element.addEventListener("submit", (event) => {
      if (event.target.matches("[data-panel-form]")) event.preventDefault();
    });
    element.addEventListener("click", (event) => this.#click(event));
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  get form() {
    return this.element.querySelector("form[data-panel-form]");
  }

  /** Open the panel of a step, the entry or the aims. */
  async open(of, { focus = true } = {}) {
    await this.flush();
    const answer = await getJson(`${this.store.urls.flow_panel}?of=${encodeURIComponent(of)}`);
    this.store.marks = answer.marks;
    this.store.amendable = answer.amendable;
    this.show(of, answer.panel, { focus });
  }

  /** Show a panel's HTML. */
  show(of, html, { focus = false } = {}) {
    this.of = of;
    this.element.replaceChildren(nodesOf(html));
    this.element.hidden = false;
    this.element.scrollTop = 0;
    document.body.classList.add("fl-panel-open");
    enliven(this.element, this.store);
    this.sent = this.form ? JSON.stringify(this.#edit()) : "";
    this.refresh();
    if (focus) this.#focusFirst();
  }

  #focusFirst() {
    const inputs = ":is(input:not([type=hidden]), select, textarea, .fl-add)";
    const first = this.form?.querySelector(`[data-scope] ${inputs}`);
    const name = this.form?.querySelector("[data-step-name]");
    (first ?? name ?? this.element.querySelector("[data-do=close]"))?.focus({ preventScroll: true });
  }

  /** Put the cursor where a problem is put right. */
  focusProblem(mark) {
    const wrong = [...(this.form?.querySelectorAll(".has-problem") ?? [])];
    const said = wrong.find((input) => input.textContent.includes(mark.message)) ?? wrong[0];
    const place = said?.querySelector("input:not([type=hidden]), select, textarea, button");
    if (place) place.focus();
    else this.#focusFirst();
  }

  close() {
    this.flush();
    this.of = "";
    this.element.hidden = true;
    this.element.replaceChildren();
    document.body.classList.remove("fl-panel-open");
    this.hooks.closed();
  }

  /** Marks and the sentence, as the last answer has them. */
  refresh() {
    if (!this.form) return;
    const ours = (mark) => {
      if (this.of === "entry") return mark.path.startsWith("/entry");
      if (this.of === "aims") return /^\/(goal|exits|leaving|control)/.test(mark.path);
      if (this.of === "fields") return mark.path.startsWith("/fields");
      return mark.step === this.of;
    };
    const marks = this.store.marks.filter(ours).map((mark) => ({
      ...mark,
      field: this.#fieldOf(mark),
    }));
    showProblems(this.form, marks);
    const inPlace = this.element.querySelector("[data-amend]");
    const wrong = marks.some((mark) => mark.level === "error");
    if (inPlace) inPlace.hidden = wrong || !this.store.amendable?.includes(this.of);
    const card = document.querySelector(`.fl-card[data-panel="${CSS.escape(this.of)}"]`);
    const sentence = this.form.querySelector("[data-sentence]");
    if (sentence) sentence.textContent = card?.querySelector(".fl-say")?.textContent ?? "";
  }

  /** The path of a mark within the form; a source's settings stand under the source's key. */
  #fieldOf(mark) {
    if (this.of === "entry") return mark.path.replace("/entry", "");
    if (this.of !== "fields") return mark.field;
    const [, list, index, part, ...rest] = mark.path.split("/");
    const source = this.store.document.fields?.[Number(index)]?.source;
    return ["", list, index, part === "config" ? source : part, ...rest].join("/");
  }

  #typed() {
    if (!this.form || this.form.querySelector("fieldset").disabled) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), TYPING_MS);
    this.dirty = true;
  }

  /** Send what was typed, now. */
  async flush() {
    clearTimeout(this.timer);
    if (!this.dirty || !this.form) return;
    this.dirty = false;
    const edit = this.#edit();
    const text = JSON.stringify(edit);
    if (text === this.sent) return; // leaving an input tells of the same change once more
    this.sent = text;
    await this.hooks.send(edit, this.of);
  }

  /** Show what the server has, forgetting what was typed. */
  async reload() {
    clearTimeout(this.timer);
    this.dirty = false;
    if (this.of) await this.open(this.of, { focus: false });
  }

  #edit() {
    const values = readScope(this.form.querySelector("[data-scope]"));
    if (this.of === "entry") return { op: "entry", entry: values };
    if (this.of === "aims") return { op: "aims", ...values };
    if (this.of === "fields") return { op: "fields", ...values };
    const name = this.form.querySelector("[data-step-name]").value;
    return { op: "update", key: this.of, name, config: values };
  }

  #click(event) {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    const item = button.closest("[data-items] > *");
    if (button.dataset.do === "close") this.close();
    else if (button.dataset.do === "add-item") {
      addItem(button.closest(".fl-group"), this.store, button.dataset.variant);
      this.#typed();
    } else if (button.dataset.do === "item-remove") {
      removeItem(item);
      this.#typed();
    } else if (button.dataset.do === "item-up") {
      item.previousElementSibling?.before(item);
      this.#typed();
    } else this.hooks.act(button.dataset.do, this.of);
  }

  #key(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    event.stopPropagation();
    this.close();
  }
}
