// Drag and drop of steps onto the "+" between steps; pulling and zooming the canvas by mouse.

export function enableDrag(canvas, { move, spotOf }) {
  let dragged = "";
  const root = canvas.element;
  const editor = root.closest(".fl-editor");

  /** The "+" below the pointer, unless it stands in a path of the dragged step itself. */
  const target = (event) => {
    const plus = dragged ? event.target.closest?.(".fl-gap")?.querySelector(".fl-plus") : null;
    return plus && !canvas.within(dragged, plus.dataset.parent) ? plus : null;
  };

  root.addEventListener("dragstart", (event) => {
    const card = event.target.closest?.(".fl-card[data-key]");
    if (!card) return;
    dragged = card.dataset.key;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged);
    // Changing the page within dragstart would cancel the drag.
    requestAnimationFrame(() => {
      editor.classList.add("is-dragging");
      canvas.card(dragged)?.classList.add("is-moved");
      canvas.branchesOf(dragged)?.classList.add("is-closed");
    });
  });
  root.addEventListener("dragover", (event) => {
    const plus = target(event);
    mark(plus);
    if (plus) event.preventDefault();
  });
  root.addEventListener("drop", (event) => {
    const plus = target(event);
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
    editor.classList.remove("is-dragging");
    for (const name of ["is-moved", "is-closed"]) {
      root.querySelector(`.${name}`)?.classList.remove(name);
    }
  }
}

/** Pull the empty canvas to scroll it; Ctrl and the wheel zoom. */
export function enablePan(canvas, zoomBy) {
  const root = canvas.element;
  let from = null;

  root.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    if (event.target.closest(".fl-card, .fl-plus, .fl-path, a, button")) return;
    from = { x: event.clientX + root.scrollLeft, y: event.clientY + root.scrollTop };
    root.setPointerCapture(event.pointerId);
    root.classList.add("is-pulled");
  });
  root.addEventListener("pointermove", (event) => {
    if (from) root.scrollTo(from.x - event.clientX, from.y - event.clientY);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    root.addEventListener(name, () => {
      from = null;
      root.classList.remove("is-pulled");
    });
  }
  root.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomBy(event.deltaY < 0 ? 1 : -1);
    },
    { passive: false },
  );
}
