// Puts a rule builder in place of every rule field of the page; its text area keeps the JSON.

import { mountRuleBuilder } from "./builder.js";

function mount(field) {
  if (field.dataset.mounted) return;
  field.dataset.mounted = "1";
  const text = field.querySelector("textarea");
  const chosen = field.dataset.subjectFrom
    ? text.form?.elements.namedItem(field.dataset.subjectFrom)
    : null;
  const builder = mountRuleBuilder(field.querySelector(".rule-builder-place"), {
    subject: chosen?.value || field.dataset.subject,
    value: parsed(text.value),
    describeUrl: field.dataset.describeUrl,
    previewUrl: field.dataset.previewUrl,
    suggestUrl: field.dataset.suggestUrl,
    findUrl: field.dataset.findUrl,
    explainUrl: field.dataset.explainUrl,
    readOnly: text.disabled || text.readOnly,
    onChange: (rule) => {
      text.value = JSON.stringify(rule);
      text.dispatchEvent(new Event("change", { bubbles: true }));
    },
  });
  text.hidden = true;
  hideUnless(field, text.form?.elements.namedItem(field.dataset.shownIf ?? ""));
  chosen?.addEventListener?.("change", () => builder.setSubject(chosen.value));
}

/** Show the whole row of the field only while another input has a certain value. */
function hideUnless(field, other) {
  if (!other?.addEventListener) return;
  const row = field.closest(".form-row, [class*='field-rule']") ?? field;
  const update = () => {
    row.hidden = other.value !== field.dataset.shownValue;
  };
  other.addEventListener("change", update);
  update();
}

function parsed(text) {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return {};
  }
}

const mountAll = (root) => root.querySelectorAll("[data-rule-builder]").forEach(mount);
mountAll(document);
document.addEventListener("formset:added", (event) => mountAll(event.target));
