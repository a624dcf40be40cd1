// The mail template page: block editor, token menus, live preview.

import { mountField } from "../../adminkit/blocks.js";
import { addTokenButton } from "../../adminkit/tokens.js";
import { startPreview } from "./preview.js";

const root = document.querySelector("[data-block-editor]");
if (root) start(root);

function start(root) {
  const blocks = mountField(root);
  const form = root.closest("form");
  for (const name of ["subject", "preheader", "sender_name"]) {
    const input = form?.elements[name];
    if (input) addTokenButton(input, blocks.about.tokens, labelOf(input));
  }
  const pane = document.querySelector("[data-preview]");
  if (pane && form) startPreview(pane, form, blocks);
}

// The label without the mark of a required field.
function labelOf(input) {
  const words = input.labels[0]?.textContent || input.name;
  return words.replace("*", "").trim();
}
