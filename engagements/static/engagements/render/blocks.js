// Typed blocks to elements. createElement and text only: there is no way in for markup.

const BLOCKS = {
  heading: function (block) {
    return make("h" + (Math.min(Math.max(Number(block.level) || 1, 1), 3) + 1), { dir: "auto" }, [block.text]);
  },
  text: function (block) {
    return make("div", { class: "text" }, String(block.text).split(/\n\s*\n/).map(paragraph));
  },
  list: function (block) {
    const items = block.items.map(function (item) {
      return make("li", {}, [make("span", { dir: "auto" }, [item])]);
    });
    return make(block.style === "numbers" ? "ol" : "ul", { class: block.style }, items);
  },
  image: function (block) {
    const url = safeLink(block.url);
    if (!url || url.protocol === "mailto:") return null;
    const image = make("img", { src: url.href, alt: block.alt || "", referrerpolicy: "no-referrer" });
    image.addEventListener("error", function () { image.remove(); }); // no broken frame
    return image;
  },
  divider: function () { return make("hr"); },
  button: function (block, answer) {
    const url = safeLink(block.url);
    if (!url) return null;
    const away = url.origin !== location.origin;
    const link = make("a", {
      class: "button", href: url.href, dir: "auto",
      target: away ? "_blank" : undefined, rel: away ? "noopener noreferrer" : undefined,
    }, [block.label]);
    link.addEventListener("click", function () { answer("completed", block.label); });
    return link;
  },
  action: function (block, answer) {
    const button = make("button", { type: "button", class: block.look, dir: "auto" }, [block.label]);
    button.addEventListener("click", function () {
      answer(block.does === "dismiss" ? "dismissed" : "completed", block.label);
    });
    return button;
  },
};

function paragraph(text) {
  const lines = [];
  text.split("\n").forEach(function (line, index) {
    if (index) lines.push(document.createElement("br"));
    lines.push(line);
  });
  return make("p", { dir: "auto" }, lines);
}

/** Elements of a list of blocks; buttons that follow each other share a row. Kinds that this
 * version does not know are left out. */
function makeBlocks(blocks, answer) {
  const elements = [];
  let row = null;
  blocks.forEach(function (block) {
    const draw = Object.prototype.hasOwnProperty.call(BLOCKS, block.kind) && BLOCKS[block.kind];
    const element = draw && draw(block, answer);
    if (!element) return;
    if (block.kind !== "action" && block.kind !== "button") {
      row = null;
      elements.push(element);
      return;
    }
    if (!row) elements.push((row = make("div", { class: "actions" })));
    row.append(element);
  });
  return elements;
}
