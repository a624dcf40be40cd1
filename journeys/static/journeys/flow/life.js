// Publish, pause, resume and stop on pages without the editor.

import { openLife } from "./dialogs.js";

const dialog = document.getElementById("flow-life");
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-life]");
  if (button && dialog) openLife(dialog, button.dataset.life, button.dataset.url ?? dialog.dataset.url);
});
