// The parts below are joined into one closure (see engagements/tracker/scripts.py), in order.
// Nothing here may ever disturb the page that it is a guest on.

const PAGE = window;
const DOCUMENT = document;
const listeners = {};

/** Tell the page's own listeners (`journey("on", ...)`); their errors are theirs. */
function tell(event, detail) {
  (listeners[event] || []).forEach(function (listener) {
    try {
      listener(detail);
    } catch (error) {
      setTimeout(function () { throw error; });
    }
  });
}

/** A function that never throws: what goes wrong is told to `on("error")` and otherwise kept. */
function guarded(work) {
  return function () {
    try {
      return work.apply(this, arguments);
    } catch (error) {
      tell("error", { message: String((error && error.message) || error) });
    }
  };
}

function listen(target, event, work, options) {
  target.addEventListener(event, guarded(work), options);
}

/** A random id; pages without a secure context have no randomUUID. */
function newId() {
  if (PAGE.crypto.randomUUID) return PAGE.crypto.randomUUID();
  const bytes = PAGE.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, function (byte) { return (byte + 256).toString(16).slice(1); });
  return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
