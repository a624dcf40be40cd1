// A rule within a form: the shared rule builder, or none yet for a rule that may be left out.

import { mountRuleBuilder } from "../../rules/builder.js";

/** Put a rule builder into a box; `box.ruleValue` is the rule at any time, null for none. */
export function mountRule(box, context) {
  box.dataset.mounted = "1";
  box.ruleValue = JSON.parse(box.dataset.rule);
  if (box.ruleValue === null && box.dataset.optional) return offer(box, context);
  return build(box, context);
}

function build(box, context) {
  box.ruleValue ??= {};
  const place = document.createElement("div");
  box.replaceChildren(place);
  mountRuleBuilder(place, {
    subject: box.dataset.about || context.subject,
    value: box.ruleValue,
    readOnly: !context.editing,
    fields: box.dataset.about && box.dataset.about !== context.subject ? [] : context.fields ?? [],
    onChange: (rule) => {
      box.ruleValue = rule;
      changed(box);
    },
  });
  if (!box.dataset.optional || !context.editing) return;
  const remove = button("Remove it", "fl-link", () => {
    box.ruleValue = null;
    offer(box, context);
    changed(box);
  });
  box.append(remove);
}

function offer(box, context) {
  const add = button(box.dataset.optional, "fl-add", () => {
    box.ruleValue = {};
    build(box, context);
    changed(box);
  });
  add.disabled = !context.editing;
  box.replaceChildren(add);
}

function button(text, className, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.className = className;
  element.textContent = text;
  element.addEventListener("click", act);
  return element;
}

function changed(box) {
  box.dispatchEvent(new Event("input", { bubbles: true }));
}
