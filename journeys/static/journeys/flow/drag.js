// Drag and drop of steps onto the "+" between steps.

export function enableDrag(canvas, { move, spotOf }) {
  let dragged = "";
  const root = canvas.element;
  const target = (event) => event.target.closest?.(".fl-gap")?.querySelector(".fl-plus");

  root.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.(".fl-card[data-key]");
    if (!card) return;
    dragged = card.dataset.key;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged);
    // Changing the page within dragstart would cancel the drag.
    requestAnimationFrame(() => root.closest(".fl-editor").classList.add("is-dragging"));
  });
  root.addEventListener("dragover", (event) => {
    const plus = dragged ? target(event) : null;
    mark(plus);
    if (plus) event.preventDefault();
  });
  root.addEventListener("drop", (event) => {
    const plus = dragged ? target(event) : null;
    if (!plus) return;
    event.preventDefault();
    const key = dragged;
    end();
    move(key, spotOf(plus));
  });
  root.addEventListener("dragend", end);

  function mark(plus) {
    for (const other of root.querySelectorAll(".is-target")) {
      if (other !== plus) other.classList.remove("is-target");
    }
    plus?.classList.add("is-target");
  }

  function end() {
    dragged = "";
    mark(null);
    root.closest(".fl-editor").classList.remove("is-dragging");
  }
}
