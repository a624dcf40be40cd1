// The palette of step kinds: search, arrows, Enter.

export class Palette {
  constructor(dialog, choose) {
    this.dialog = dialog;
    this.choose = choose;
    if (!dialog) return;
    this.input = dialog.querySelector("input");
    this.choices = [...dialog.querySelectorAll(".fl-choice")];
    this.paste = dialog.querySelector("[data-paste]");
    this.none = dialog.querySelector(".fl-none");
    this.input.addEventListener("input", () => this.#filter());
    dialog.addEventListener("keydown", (event) => this.#key(event));
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
      const choice = event.target.closest(".fl-choice");
      if (choice) this.#pick(choice);
    });
  }

  /** Open for a spot. `clipboard` is what could be pasted: {label} or null. */
  open(spot, anchor, clipboard) {
    if (!this.dialog) return;
    this.spot = spot;
    this.paste.hidden = !clipboard;
    if (clipboard) this.paste.querySelector("small").textContent = clipboard.label;
    this.hasPaste = Boolean(clipboard);
    this.input.value = "";
    this.#filter();
    this.dialog.showModal();
    this.#place(anchor);
    this.input.focus();
  }

  #place(anchor) {
    const box = anchor?.getBoundingClientRect();
    if (!box || window.innerWidth < 700) {
      this.dialog.style.inset = "";
      this.dialog.classList.add("is-centred");
      return;
    }
    this.dialog.classList.remove("is-centred");
    const { offsetHeight: height, offsetWidth: width } = this.dialog;
    const top = Math.max(12, Math.min(box.top - 40, window.innerHeight - height - 12));
    const right = box.right + 14;
    const left = right + width < window.innerWidth ? right : Math.max(12, box.left - width - 14);
    this.dialog.style.inset = `${top}px auto auto ${left}px`;
  }

  get shown() {
    return this.choices.filter((choice) => !choice.hidden && !choice.parentElement.hidden);
  }

  #filter() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const choice of this.choices) {
      const text = choice.textContent.toLowerCase();
      choice.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of this.dialog.querySelectorAll(".fl-kind-group")) {
      const any = [...group.querySelectorAll(".fl-choice")].some((choice) => !choice.hidden);
      group.hidden = !any || (group === this.paste && !this.hasPaste);
    }
    this.none.hidden = this.shown.length > 0;
    this.#mark(this.shown[0]);
  }

  #mark(choice) {
    for (const other of this.choices) {
      other.classList.toggle("is-active", other === choice);
      other.setAttribute("aria-selected", String(other === choice));
    }
    choice?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const shown = this.shown;
    const at = shown.findIndex((choice) => choice.classList.contains("is-active"));
    if (event.key === "ArrowDown") this.#mark(shown[Math.min(at + 1, shown.length - 1)]);
    else if (event.key === "ArrowUp") this.#mark(shown[Math.max(at - 1, 0)]);
    else if (event.key === "Enter" && shown[at]) this.#pick(shown[at]);
    else return;
    event.preventDefault();
  }

  #pick(choice) {
    this.dialog.close();
    this.choose(this.spot, choice.dataset.kind);
  }
}
