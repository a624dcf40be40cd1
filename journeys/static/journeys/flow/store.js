// The draft as the server has it, one edit at a time, with undo and redo.

import { Away, Refused, getJson, postJson } from "./api.js";

const RETRY_MS = 2000;
const LONGEST_RETRY_MS = 15_000;
const KEPT = 200;

/**
 * Hooks: shown(answer) draws an answer, saving(state, message) tells how saving goes,
 * conflict() asks which flow to keep ("theirs", "copy" or "mine"), settled() follows the choice,
 * elsewhere(revision) tells that somebody else saved, refused(error) shows a problem, away(why, giveUp) tells that the server does not take an edit.
 */
export class Store {
  constructor(state, hooks) {
    Object.assign(this, state);
    this.hooks = hooks;
    this.undos = [];
    this.redos = [];
    this.tail = Promise.resolve();
    this.waiting = 0;
    this.era = 0; // rises when the flow of somebody else is taken: what was queued before is void
  }

  /**
   * Queue an edit. `merge` joins it with the edit before it into one step of undo.
   * Resolves to the answer, or null when it was refused.
   */
  edit(edit, { panel = "", merge = "", from = "" } = {}) {
    this.waiting += 1;
    this.hooks.saving("busy");
    const { era } = this;
    const done = this.tail.then(() =>
      era === this.era ? this.#send(edit, { panel, merge, from }) : null,
    );
    this.tail = done.catch(() => null);
    return done.finally(() => {
      this.waiting -= 1;
    });
  }

  async #send(edit, options) {
    const before = { document: this.document, selected: options.from, merge: options.merge };
    const body = { revision: this.revision, edit, panel: options.panel };
    try {
      const answer = await this.#post(body);
      this.#remember(before, options);
      this.#take(answer);
      return answer;
    } catch (error) {
      return this.#failed(error, edit, { before, ...options });
    }
  }

  async #post(body) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await postJson(this.urls.flow_edit, body);
      } catch (error) {
        if (!(error instanceof Away)) throw error;
        this.hooks.saving(error.why);
        await this.#pause(error, Math.min(RETRY_MS * tries, LONGEST_RETRY_MS));
      }
    }
  }

  /** Until the next try: after some time, when the window is looked at again, or never. */
  #pause(error, milliseconds) {
    return new Promise((resolve, reject) => {
      const done = (act) => {
        clearTimeout(timer);
        window.removeEventListener("focus", now);
        window.removeEventListener("online", now);
        act();
      };
      const now = () => done(resolve);
      const timer = setTimeout(now, milliseconds);
      window.addEventListener("focus", now);
      window.addEventListener("online", now);
      this.hooks.away(error, () => done(() => reject(error)));
    });
  }

  #remember(before, { history, merge }) {
    if (history === "undo") {
      this.redos.push(before);
      return;
    }
    if (history !== "redo") this.redos = [];
    const last = this.undos.at(-1);
    if (merge && last?.merge === merge && !history) return;
    this.undos.push(before);
    if (this.undos.length > KEPT) this.undos.shift();
  }

  #take(answer) {
    this.document = answer.document;
    this.revision = answer.revision;
    this.marks = answer.marks;
    this.amendable = answer.amendable;
    this.fields = answer.fields ?? this.fields;
    this.hooks.shown(answer);
    this.hooks.saving(this.waiting > 1 ? "busy" : "saved");
  }

  async #failed(error, edit, options) {
    if (error instanceof Refused && error.stale) {
      try {
        return await this.#settle(edit, options);
      } catch (again) {
        return this.#failed(again, edit, options); // a third one saved meanwhile, or nobody answered
      }
    }
    this.hooks.saving("refused");
    this.hooks.refused(error);
    return null;
  }

  /**
   * Two browsers: the user says which flow to keep; the other stays within reach. Nobody is asked
   * when both are the same: an edit whose answer was lost on the way had arrived after all.
   */
  async #settle(edit, options) {
    const kept = { document: this.document, edit, preview: true };
    const mine = (await postJson(this.urls.flow_copy, kept)).document;
    const theirs = await getJson(this.urls.flow_state);
    if (canonical(mine) === canonical(theirs.document)) {
      this.#remember(options.before, options);
      this.#take(theirs);
      return theirs;
    }
    this.hooks.saving("conflict");
    const choice = await this.hooks.conflict();
    if (choice === "copy") {
      const copy = await postJson(this.urls.flow_copy, { document: this.document, edit });
      window.location.assign(copy.url);
      return null;
    }
    this.#take(theirs);
    this.undos.push({ document: mine, selected: "", merge: "" });
    if (choice !== "mine") {
      this.era += 1;
      await this.hooks.settled();
      return null;
    }
    const theirDocument = { document: theirs.document, selected: "", merge: "" };
    const answer = await this.#whole(mine);
    this.undos.push(theirDocument);
    await this.hooks.settled();
    return answer;
  }

  async #whole(document) {
    const edit = { op: "document", document };
    const answer = await this.#post({ revision: this.revision, edit, panel: "" });
    this.#take(answer);
    return answer;
  }

  /** Show what is saved now; what was shown before stays within reach of undo. */
  async load() {
    const before = { document: this.document, selected: "", merge: "" };
    this.#take(await getJson(this.urls.flow_state));
    this.undos.push(before);
    await this.hooks.settled();
  }

  /** Look again at what may have changed around the flow, e.g. an engagement that was paused. */
  async look() {
    if (this.waiting > 0) return;
    const answer = await getJson(this.urls.flow_state).catch(() => null);
    if (!answer || this.waiting > 0 || answer.revision < this.revision) return;
    if (answer.revision > this.revision) this.hooks.elsewhere(answer.revision);
    else this.#take(answer);
  }

  undo(panel) {
    return this.#travel(this.undos, "undo", panel);
  }

  redo(panel) {
    return this.#travel(this.redos, "redo", panel);
  }

  /** Put back an earlier (or undone) document as an edit of its own. */
  #travel(stack, history, panel) {
    this.waiting += 1;
    this.hooks.saving("busy");
    const done = this.tail.then(async () => {
      const entry = stack.pop();
      if (!entry) {
        this.hooks.saving("saved");
        return null;
      }
      const edit = { op: "document", document: entry.document, selected: entry.selected };
      return this.#send(edit, { panel, merge: "", from: entry.selected, history });
    });
    this.tail = done.catch(() => null);
    return done.finally(() => {
      this.waiting -= 1;
    });
  }
}

/** JSON that is equal for equal values, whatever the order of their names. */
function canonical(value) {
  return JSON.stringify(value, (name, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** A step of a document with the sequence that owns it, or null. */
export function findStep(document, key) {
  const search = (steps, parent, exit) => {
    for (const [index, step] of steps.entries()) {
      if (step.key === key) return { step, steps, parent, exit, index };
      for (const [name, inner] of Object.entries(step.exits ?? {})) {
        const found = search(inner, step.key, name);
        if (found) return found;
      }
    }
    return null;
  };
  return search(document.steps, "", "");
}
