// The builder: settings, blocks, and the preview that the tracker's own renderer draws.

import { isBlockList, mountBlocks } from "../../adminkit/blocks.js";
import { makeFields, showProblems } from "../../adminkit/fields.js";

const WORDS = { completed: "counts as completed", dismissed: "counts as dismissed", failed: "could not be shown" };

class Builder {
  constructor(field, text, content) {
    this.text = text;
    this.about = JSON.parse(document.getElementById(field.dataset.engagementBuilder).textContent);
    this.content = content;
    this.field = field;
    this.frame = field.querySelector(".eb-frame");
    this.settings = field.querySelector(".eb-settings");
    this.said = field.querySelector(".eb-said");
    this.asked = 0;
    this.timer = 0;
    this.ready = false;
    this.shown = null;
    field.classList.add("bl-ready");
    field.querySelector(".eb-view").hidden = false;
    this.drawInputs();
    this.listen();
    this.preview(0);
  }

  drawInputs() {
    const { about, content } = this;
    this.settings.append(...makeFields(about.settings, content, {
      onChange: (name, value) => { content[name] = value; this.changed(); },
    }));
    this.blocks = mountBlocks(this.field.querySelector(".eb-blocks"), {
      kinds: about.kinds,
      tokens: about.tokens,
      value: content.blocks || [],
      onChange: (blocks) => { content.blocks = blocks; this.changed(); },
    });
  }

  listen() {
    addEventListener("message", (event) => {
      if (event.source !== this.frame.contentWindow || event.data.from !== "engagement-preview") return;
      if (event.data.event === "ready") { this.ready = true; this.show(); }
      else this.answered(event.data);
    });
    // Inert, so that what opens in it does not take the focus away from who is typing.
    const stage = this.field.querySelector(".eb-stage");
    stage.addEventListener("pointerenter", () => { this.frame.inert = false; });
    stage.addEventListener("pointerleave", () => { this.frame.inert = true; });
    for (const button of this.field.querySelectorAll("[data-size]")) {
      button.addEventListener("click", () => this.resize(button));
    }
    this.field.querySelector("[data-again]").addEventListener("click", () => this.show());
  }

  resize(button) {
    for (const other of this.field.querySelectorAll("[data-size]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    this.field.querySelector(".eb-stage").classList.toggle("eb-phone", button.dataset.size === "phone");
    this.show();
  }

  answered({ event, button }) {
    const pressed = { close: "Close", escape: "The Esc key" }[button] || `“${button}”`;
    this.said.textContent = `${pressed} ${WORDS[event] || ""}.`;
    this.frame.inert = true;
    setTimeout(() => this.show(), 1200);
  }

  changed() {
    this.text.value = JSON.stringify(this.content);
    this.text.dispatchEvent(new Event("change", { bubbles: true }));
    this.preview(250);
  }

  /** Have the server check and fill in the draft; only the last answer counts. */
  preview(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      const number = (this.asked += 1);
      const token = document.querySelector("[name=csrfmiddlewaretoken]");
      try {
        const response = await fetch(this.about.preview, {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-CSRFToken": token ? token.value : "" },
          body: JSON.stringify({ kind: this.about.kind, content: this.content }),
        });
        if (number !== this.asked) return;
        if (!response.ok) throw new Error(String(response.status));
        this.receive(await response.json());
      } catch {
        this.said.textContent = "The preview could not be loaded; your draft is kept here.";
      }
    }, delay);
  }

  receive({ content, problems, as }) {
    this.field.querySelector(".eb-as").textContent = as;
    const rest = this.blocks.problems(problems);
    const general = rest.filter((p) => p.path.startsWith("/blocks"));
    showProblems(this.settings, rest.filter((p) => !general.includes(p)));
    this.field.querySelector(".eb-problems").replaceChildren(...general.map((p) => {
      const line = document.createElement("li");
      line.className = `bl-problem bl-${p.level}`;
      line.textContent = p.message;
      return line;
    }));
    if (content) { this.shown = content; this.show(); }
  }

  show() {
    if (this.ready && this.shown) this.frame.contentWindow.postMessage({ content: this.shown }, location.origin);
  }
}

/** The content, or null for what the builder cannot show: then its JSON stays, to be mended by hand. */
function readContent(text) {
  try {
    const found = JSON.parse(text.value || "{}");
    return isBlockList([found]) && isBlockList(found.blocks || []) ? found : null;
  } catch {
    return null;
  }
}

for (const field of document.querySelectorAll("[data-engagement-builder]")) {
  const text = field.querySelector("textarea");
  const content = readContent(text);
  if (content) new Builder(field, text, content);
}
