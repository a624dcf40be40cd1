// The builder's picture of a rule: groups and tests, and the way from and to the rule's JSON.
// A group's word joins its items: all, any, none (not any), not_all. No DOM here.

export const WORDS = [
  ["all", "All of these are true"],
  ["any", "At least one is true"],
  ["none", "None of these is true"],
  ["not_all", "Not all of these are true"],
];

let lastId = 0;
const fresh = () => `rb${(lastId += 1)}`;

export function newGroup(word = "all", items = []) {
  return { id: fresh(), type: "group", word, items };
}

export function newTest(kind, config = {}, inner = null) {
  return { id: fresh(), type: "test", kind, config, inner, isNew: false };
}

function fromNode(json) {
  if (!json || typeof json !== "object" || Array.isArray(json)) return newGroup();
  if ("test" in json) {
    const { test, rule, ...config } = json;
    return newTest(test, config, rule === undefined ? null : fromJSON(rule));
  }
  if ("not" in json) {
    const item = fromNode(json.not);
    const negated = { any: "none", all: "not_all" }[item.type === "group" ? item.word : ""];
    return negated ? { ...item, word: negated } : newGroup("none", [item]);
  }
  const word = "any" in json ? "any" : "all";
  const items = Array.isArray(json[word]) ? json[word] : [];
  return newGroup(word, items.map(fromNode));
}

/** The root group of a rule; a lone test gets a group around it. */
export function fromJSON(json) {
  const node = fromNode(json);
  return node.type === "group" ? node : newGroup("all", [node]);
}

/** The rule's JSON; `places` (a Map) learns which path belongs to which node. */
export function toJSON(node, path = "", places = new Map()) {
  places.set(path, node);
  if (node.type === "test") {
    const json = { test: node.kind, ...node.config };
    if (node.inner) json.rule = toJSON(node.inner, `${path}/rule`, places);
    return json;
  }
  const word = { none: "any", not_all: "all" }[node.word] ?? node.word;
  const below = word === node.word ? `${path}/${word}` : `${path}/not/${word}`;
  const items = node.items.map((item, index) => toJSON(item, `${below}/${index}`, places));
  return word === node.word ? { [word]: items } : { not: { [word]: items } };
}

/** The node that a problem's path lies in. */
export function nodeAt(places, path) {
  let place = path;
  while (place && !places.has(place)) place = place.slice(0, place.lastIndexOf("/"));
  return places.get(place) ?? places.get("");
}

/** Move an item one place up or down, into and out of neighbouring groups. */
export function move(root, parent, index, step) {
  const [item] = parent.items.splice(index, 1);
  const at = step < 0 ? index - 1 : index;
  const neighbour = parent.items[at];
  if (neighbour?.type === "group" && item.type === "test") {
    neighbour.items.splice(step < 0 ? neighbour.items.length : 0, 0, item);
  } else if (index + step >= 0 && index + step <= parent.items.length) {
    parent.items.splice(index + step, 0, item);
  } else {
    const outer = parentOf(root, parent);
    if (!outer) parent.items.splice(index, 0, item);
    else outer.items.splice(outer.items.indexOf(parent) + (step < 0 ? 0 : 1), 0, item);
  }
}

/** The group that holds a node, within the same subject; null for a root. */
export function parentOf(group, node) {
  for (const item of group.items) {
    if (item === node) return group;
    const found = item.type === "group" ? parentOf(item, node) : null;
    if (found) return found;
  }
  return null;
}

/** A copy with ids of its own. */
export function copyOf(node) {
  return fromNode(toJSON(node));
}
