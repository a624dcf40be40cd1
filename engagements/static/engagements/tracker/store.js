// What survives a page load: in localStorage, or only in memory where the page may not store.

const memory = {};
let prefix = "journey:";

function readStored(name) {
  try {
    const text = PAGE.localStorage.getItem(prefix + name);
    return text === null ? memory[name] : JSON.parse(text);
  } catch (error) {
    return memory[name];
  }
}

function writeStored(name, value) {
  memory[name] = value;
  try {
    if (value === undefined) PAGE.localStorage.removeItem(prefix + name);
    else PAGE.localStorage.setItem(prefix + name, JSON.stringify(value));
  } catch (error) {
    // full, blocked or switched off: the copy in memory serves until the page is left
  }
}

/** The anonymous id of this browser on this site. */
function visitorId() {
  let id = readStored("visitor");
  if (!/^[0-9a-f-]{36}$/.test(id || "")) {
    id = newId();
    writeStored("visitor", id);
  }
  return id;
}
