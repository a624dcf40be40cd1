// Copied steps, kept in the browser so that they can be pasted into another program too.

const NAME = "csplatform.flow.clipboard";

export function copySteps(subject, steps, label) {
  try {
    localStorage.setItem(NAME, JSON.stringify({ subject, steps, label }));
  } catch {
    // Storage is full or forbidden: nothing was copied, and paste will say so.
  }
}

/** What can be pasted into a program of this subject, or null. */
export function readClipboard(subject) {
  try {
    const held = JSON.parse(localStorage.getItem(NAME));
    return held?.subject === subject && held.steps?.length ? held : null;
  } catch {
    return null;
  }
}
