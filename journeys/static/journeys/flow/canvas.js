// The drawn flow: selection, keyboard travel, folding, zoom, drag and drop.

import { nodesOf } from "./api.js";

const ZOOMS = [0.4, 0.5, 0.65, 0.8, 1, 1.2];

export class Canvas {
  constructor(element) {
    this.element = element;
    this.selected = "";
    this.folded = new Set();
    this.zoom = 1;
  }

  get cards() {
    return [...this.element.querySelectorAll(".fl-card")];
  }

  card(name) {
    return name ? this.element.querySelector(`.fl-card[data-panel="${CSS.escape(name)}"]`) : null;
  }

  /** Draw new HTML; scroll position, folding, selection and focus stay. */
  show(html) {
    const focused = this.element.contains(document.activeElement) ? this.focusedName() : null;
    const { scrollLeft, scrollTop } = this.element;
    this.element.replaceChildren(nodesOf(html));
    for (const key of this.folded) this.#fold(key, true);
    this.#applyZoom();
    this.select(this.selected);
    this.element.scrollTo(scrollLeft, scrollTop); // folding and zoom changed the size
    if (focused) this.card(focused)?.focus({ preventScroll: true });
  }

  focusedName() {
    return document.activeElement?.closest?.(".fl-card")?.dataset.panel ?? "";
  }

  /** Mark a card as the open one; it becomes the one that Tab enters. */
  select(name) {
    this.selected = name;
    const chosen = this.card(name);
    for (const card of this.cards) {
      card.classList.toggle("is-selected", card === chosen);
      if (card === chosen) card.setAttribute("aria-current", "true");
      else card.removeAttribute("aria-current");
      card.tabIndex = -1;
    }
    (chosen ?? this.cards[0])?.setAttribute("tabindex", "0");
  }

  focus(name) {
    const card = this.card(name);
    if (!card) return;
    for (const other of this.cards) other.tabIndex = other === card ? 0 : -1;
    this.reveal(name);
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Where an arrow key leads from a card; the card itself when there is nothing. */
  neighbour(card, key) {
    const moves = {
      ArrowDown: () => this.#below(card),
      ArrowUp: () => this.#above(card),
      ArrowRight: () => this.#beside(card, 1),
      ArrowLeft: () => this.#beside(card, -1),
    };
    return moves[key]?.() ?? card;
  }

  #column(card) {
    return card.closest(".fl-col");
  }

  #cardsOf(column) {
    return [...column.children].filter((child) => child.matches(".fl-card"));
  }

  #below(card) {
    if (card.dataset.panel === "entry") return this.card("aims");
    if (card.dataset.panel === "aims") return this.card("fields");
    if (card.dataset.panel === "fields") return this.#first(this.element);
    const branches = card.nextElementSibling?.matches(".fl-branches:not([hidden])")
      ? card.nextElementSibling
      : null;
    return (branches && this.#first(branches)) ?? this.#after(card);
  }

  #first(within) {
    return within.querySelector(".fl-col > .fl-card");
  }

  #after(card) {
    const column = this.#column(card);
    const cards = this.#cardsOf(column);
    const next = cards[cards.indexOf(card) + 1];
    if (next) return next;
    const owner = this.card(column.dataset.parent);
    return owner ? this.#after(owner) : null;
  }

  #above(card) {
    if (card.dataset.panel === "aims") return this.card("entry");
    if (card.dataset.panel === "fields") return this.card("aims");
    const column = this.#column(card);
    if (!column) return null;
    const cards = this.#cardsOf(column);
    const previous = cards[cards.indexOf(card) - 1];
    return previous ?? this.card(column.dataset.parent || "fields");
  }

  #beside(card, direction) {
    let branch = card.closest(".fl-branch");
    while (branch) {
      let next = branch;
      do next = direction > 0 ? next.nextElementSibling : next.previousElementSibling;
      while (next && !this.#first(next));
      if (next) return this.#first(next);
      branch = branch.parentElement.closest(".fl-branch");
    }
    return null;
  }

  /** The spot right after a card (behind its branches). */
  spotAfter(card) {
    const column = card ? this.#column(card) : null;
    if (!column) return { parent: "", exit: "", index: 0 };
    const index = this.#cardsOf(column).indexOf(card) + 1;
    return { parent: column.dataset.parent, exit: column.dataset.exit, index };
  }

  /** The paths of a step, null for one that does not branch. */
  branchesOf(key) {
    const next = this.card(key)?.nextElementSibling;
    return next?.matches(".fl-branches") ? next : null;
  }

  /** Whether a step is `owner` or stands somewhere in its branches. */
  within(owner, key) {
    const card = this.card(key);
    return owner === key || Boolean(card && this.branchesOf(owner)?.contains(card));
  }

  /** Unfold whatever hides a card. */
  reveal(name) {
    let branches = this.card(name)?.closest(".fl-branches");
    while (branches) {
      const { key } = branches.previousElementSibling.dataset;
      if (this.folded.has(key)) this.toggle(key);
      branches = branches.parentElement.closest(".fl-branches");
    }
  }

  /** Fold the paths of all steps, or unfold them when all are folded; whether they are now. */
  toggleAll() {
    const keys = this.cards.map((card) => card.dataset.key).filter((key) => key && this.branchesOf(key));
    const folded = keys.some((key) => !this.folded.has(key));
    this.folded = new Set(folded ? keys : []);
    for (const key of keys) this.#fold(key, folded);
    return folded;
  }

  /** Hide or show the branches of a step. */
  toggle(key) {
    const folded = !this.folded.has(key);
    if (folded) this.folded.add(key);
    else this.folded.delete(key);
    this.#fold(key, folded);
  }

  #fold(key, folded) {
    const card = this.card(key);
    const branches = this.branchesOf(key);
    if (!branches) return;
    branches.hidden = folded;
    card.classList.toggle("is-folded", folded);
    const button = card.querySelector(".fl-fold");
    button?.setAttribute("aria-expanded", String(!folded));
  }

  zoomBy(direction) {
    const at = ZOOMS.findIndex((value) => value >= this.zoom - 0.001);
    const next = Math.min(Math.max((at < 0 ? ZOOMS.length - 1 : at) + direction, 0), ZOOMS.length - 1);
    this.zoom = ZOOMS[next];
    this.#applyZoom();
  }

  /** Fit the width into the window, or go back to 100 %. */
  zoomFit() {
    const flow = this.element.querySelector(".fl-flow");
    const wide = flow.scrollWidth / (this.zoom || 1);
    const fit = Math.min(1, (this.element.clientWidth - 48) / wide);
    this.zoom = Math.abs(this.zoom - 1) < 0.01 && fit < 0.99 ? Math.max(fit, 0.25) : 1;
    this.#applyZoom();
  }

  #applyZoom() {
    const flow = this.element.querySelector(".fl-flow");
    if (flow) flow.style.zoom = this.zoom;
  }
}
