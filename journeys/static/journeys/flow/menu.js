// The menu of a step.

/** Items: {icon, text, keys, danger, act}. */
export function openMenu(menu, anchor, items) {
  menu.replaceChildren(...items.map((item) => entry(menu, item)));
  menu.showPopover();
  const box = anchor.getBoundingClientRect();
  const top = Math.min(box.bottom + 4, window.innerHeight - menu.offsetHeight - 8);
  const left = Math.min(box.right - 40, window.innerWidth - menu.offsetWidth - 8);
  menu.style.inset = `${Math.max(8, top)}px auto auto ${Math.max(8, left)}px`;
  menu.firstElementChild.focus();
  menu.onkeydown = (event) => travel(menu, event);
}

function entry(menu, { icon, text, keys, danger, act }) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "menuitem");
  if (danger) button.className = "is-danger";
  const picture = document.createElement("span");
  picture.className = "material-symbols-outlined";
  picture.textContent = icon;
  picture.setAttribute("aria-hidden", "true");
  const words = document.createElement("span");
  words.textContent = text;
  button.append(picture, words);
  if (keys) {
    const hint = document.createElement("kbd");
    hint.textContent = keys;
    button.append(hint);
  }
  button.addEventListener("click", () => {
    menu.hidePopover();
    act();
  });
  return button;
}

function travel(menu, event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const entries = [...menu.children];
  const next = entries.indexOf(document.activeElement) + step;
  entries[(next + entries.length) % entries.length].focus();
}
