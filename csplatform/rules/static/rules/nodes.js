// Groups and tests on the screen. Structural changes redraw the tree; typing does not.

import { button, el, select } from "./dom.js";
import { attributeEditor, fieldEditor } from "./editors.js";
import { fieldsEditor } from "./fields.js";
import { WORDS, copyOf, move, newGroup, newTest } from "./tree.js";

const EDITORS = { attribute: attributeEditor, field: fieldEditor, fields: fieldsEditor };

/** A group with its items; `parent` is null for the root of a rule or of a nested rule. */
export function drawGroup(group, context, parent = null, index = 0) {
  const word = select("How these tests are joined", WORDS, group.word, (value) => {
    group.word = value;
    box.className = `rb-group rb-${value}`;
    empty.textContent = emptyWords(group, context);
    items.forEach((item, place) => item.setAttribute("data-join", joint(value, place) ?? ""));
    context.builder.changed();
  }, { "data-focus": `${group.id}-word`, class: "rb-input rb-word" });
  const head = el("div", { class: "rb-head" }, word, parent ? tools(group, context, parent, index, "group") : null);
  const items = group.items.map((item, place) =>
    el("li", { class: "rb-item", "data-join": joint(group.word, place) },
      item.type === "group" ? drawGroup(item, context, group, place) : drawTest(item, context, group, place)));
  const empty = el("p", { class: "rb-empty" }, emptyWords(group, context));
  group.place = el("p", { class: "rb-problem", hidden: true });
  const box = el("section", { class: `rb-group rb-${group.word}`, role: "group", "aria-label": "Group of tests" },
    head,
    group.items.length ? el("ul", { class: "rb-items" }, ...items) : empty,
    group.place,
    foot(group, context));
  return box;
}

function joint(word, place) {
  if (!place) return null;
  return { all: "and", any: "or", none: "nor", not_all: "and" }[word];
}

function emptyWords(group, context) {
  const whom = context.subject === "person" ? "everybody" : "every company";
  const nobody = context.subject === "person" ? "nobody" : "no company";
  const all = group.word === "all" || group.word === "none";
  return `Nothing is asked yet: ${all ? whom : nobody} matches. Add a test.`;
}

function foot(group, context) {
  const add = (item, focus) => {
    group.items.push(item);
    context.builder.changed();
    context.builder.redraw(focus ?? item.id);
  };
  return el("div", { class: "rb-foot" },
    button("+ Add a test", "", () => {
      const test = newTest(context.description.kinds[0].key);
      test.isNew = true;
      add(test);
    }, { "data-focus": `${group.id}-add` }),
    context.level < 6
      ? button("+ Add a group", "", () => {
          const inner = newGroup(group.word === "all" ? "any" : "all");
          add(inner, `${inner.id}-word`);
        })
      : null);
}

function tools(node, context, parent, index, name) {
  const { builder, root } = context;
  const label = `${name} ${index + 1}`;
  const act = (change, focus) => () => {
    change();
    builder.changed();
    builder.redraw(focus ?? `${node.id}-up`);
  };
  return el("div", { class: "rb-tools", role: "toolbar", "aria-label": `Arrange ${label}` },
    button(`Move ${label} up`, "arrow_upward", act(() => move(root, parent, index, -1)), { "data-focus": `${node.id}-up` }),
    button(`Move ${label} down`, "arrow_downward", act(() => move(root, parent, index, 1), `${node.id}-down`), { "data-focus": `${node.id}-down` }),
    button(`Copy ${label}`, "content_copy", act(() => parent.items.splice(index + 1, 0, copyOf(node)))),
    button(`Remove ${label}`, "delete", act(() => parent.items.splice(index, 1), `${parent.id}-add`), { class: "rb-tool rb-remove" }));
}

function drawTest(test, context, parent, index) {
  const kinds = context.description.kinds.map((item) => [item.key, item.label, item.group]);
  const kindOf = () => context.description.kinds.find((item) => item.key === test.kind);
  const [editor, inner] = [el("div", { class: "rb-slot" }), el("div", { class: "rb-slot" })];
  const changed = () => context.builder.changed();
  const draw = () => {
    const kind = kindOf();
    choose.title = kind?.help ?? "";
    editor.replaceChildren(kind
      ? (EDITORS[kind.editor] ?? fieldsEditor)(test, { ...context, kind }, changed)
      : el("span", {}, "This kind of test is no longer there."));
    inner.replaceChildren(...(kind?.inner ? [drawInner(test, kind, context)] : []));
  };
  // The choice itself stays where it is: who types a name must not lose the place between letters.
  const choose = select("Kind of test", kinds, test.kind, (key) => {
    test.kind = key;
    test.config = {};
    test.inner = null;
    test.isNew = true;
    draw();
    changed();
  }, { class: "rb-input rb-kind", "data-focus": `${test.id}-kind` });
  test.place = el("p", { class: "rb-problem", hidden: true });
  draw();
  const row = el("article", { class: "rb-test", role: "group", "aria-label": `Test ${index + 1}` },
    el("div", { class: "rb-line" }, choose, editor, tools(test, context, parent, index, "test")),
    inner,
    test.place);
  // Until somebody has left it, a half-filled test is a hint, not an error.
  row.addEventListener("focusout", () => setTimeout(() => {
    if (!test.isNew || !row.isConnected || row.contains(document.activeElement)) return;
    test.isNew = false;
    context.builder.showProblems();
  }));
  return row;
}

function drawInner(test, kind, context) {
  test.inner ??= newGroup();
  const below = context.builder.context(kind.inner, test.inner, context.level + 1);
  const whose = kind.inner === "company" ? "the company" : "the person";
  return el("div", { class: "rb-inner" },
    el("span", { class: "rb-whose" }, `About ${whose}:`),
    drawGroup(test.inner, { ...below, root: test.inner }));
}
