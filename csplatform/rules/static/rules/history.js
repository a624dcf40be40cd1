// Undo and redo of a builder: rules as JSON text. No DOM here.

const TYPING_MS = 700;

export class History {
  constructor(rule) {
    this.reset(rule);
  }

  reset(rule) {
    this.now = JSON.stringify(rule);
    this.past = [];
    this.future = [];
    this.at = 0;
  }

  /** Remember a change; what is typed in one go is one step. */
  note(rule) {
    const text = JSON.stringify(rule);
    if (text === this.now) return;
    const moment = Date.now();
    if (moment - this.at > TYPING_MS || !this.past.length) this.past.push(this.now);
    this.at = moment;
    this.now = text;
    this.future = [];
  }

  /** The rule before or after, null when there is none. */
  step(back) {
    const [from, to] = back ? [this.past, this.future] : [this.future, this.past];
    if (!from.length) return null;
    to.push(this.now);
    this.now = from.pop();
    this.at = 0;
    return JSON.parse(this.now);
  }
}
