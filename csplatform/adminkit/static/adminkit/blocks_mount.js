// Puts the editor of blocks on every field that asks for it.

import { mountBlocks } from "./blocks.js";

for (const field of document.querySelectorAll("[data-blocks-editor]")) {
  const text = field.querySelector("textarea");
  const about = JSON.parse(document.getElementById(field.dataset.blocksEditor).textContent);
  let value = [];
  try {
    value = JSON.parse(text.value || "[]");
  } catch {
    continue; // the text area stays, so that what is in it can be put right
  }
  field.classList.add("bl-ready");
  field.editor = mountBlocks(field.querySelector(".bl-place"), {
    ...about,
    value,
    onChange(blocks) {
      text.value = JSON.stringify(blocks);
      text.dispatchEvent(new Event("input", { bubbles: true }));
      text.dispatchEvent(new Event("change", { bubbles: true }));
    },
  });
}
