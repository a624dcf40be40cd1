// Walking from one problem to the next: F8 and Shift+F8, or the buttons of the strip.

export class Problems {
  /** Hooks: show(mark) opens the place of a problem; closed() when the strip is put away. */
  constructor(strip, store, hooks) {
    Object.assign(this, { strip, store, hooks, current: null });
    strip.addEventListener("click", (event) => {
      const what = event.target.closest("[data-walk]")?.dataset.walk;
      if (what === "close") this.close();
      else if (what) this.go(Number(what));
    });
  }

  /** Errors first, each group in reading order. */
  get list() {
    const level = (name) => this.store.marks.filter((mark) => mark.level === name);
    return [...level("error"), ...level("warning")];
  }

  go(direction) {
    const { list } = this;
    if (!list.length) return this.close();
    const at = this.#place(list);
    const start = direction > 0 ? -1 : 0;
    const next = ((at < 0 ? start : at) + direction + list.length) % list.length;
    this.current = list[next];
    this.#draw(list, next);
    this.hooks.show(this.current);
  }

  /** After an edit: the strip tells how many are left; a problem that was solved is left behind. */
  refresh() {
    if (this.strip.hidden) return;
    const { list } = this;
    const at = this.#place(list);
    if (!list.length) return this.close();
    if (at >= 0) this.#draw(list, at);
    else this.#say(`Solved. ${list.length} left.`, "good", list.length);
  }

  close() {
    this.current = null;
    this.strip.hidden = true;
  }

  #place(list) {
    const same = (mark) => mark.step === this.current.step && mark.path === this.current.path &&
      mark.message === this.current.message;
    return this.current ? list.findIndex(same) : -1;
  }

  #draw(list, at) {
    const { level, title, message } = list[at];
    const words = title ? `${title}: ${message}` : message;
    this.#say(words, level, `${at + 1} of ${list.length}`);
  }

  #say(words, level, count) {
    this.strip.hidden = false;
    this.strip.dataset.level = level;
    this.strip.querySelector("[data-count]").textContent = count;
    this.strip.querySelector("[data-words]").textContent = words;
  }
}
