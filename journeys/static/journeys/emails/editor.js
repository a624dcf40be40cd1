// The mail template page: block editor, token menus, live preview.
import { BlockList } from "./blocks.js";
import { addTokenButton } from "./tokens.js";
import { startPreview } from "./preview.js";

const root = document.querySelector("[data-block-editor]");
if (root) start(root);

function start(root) {
  const data = JSON.parse(document.getElementById("email-editor-data").textContent);
  const raw = root.querySelector("textarea");
  const form = raw.form;
  const list = new BlockList(root, data, raw);
  for (const name of ["subject", "preheader", "sender_name"]) {
    const input = form?.elements[name];
    if (input) addTokenButton(input, data.tokens);
  }
  const pane = document.querySelector("[data-preview]");
  if (pane && form) startPreview(pane, form, list);
}
