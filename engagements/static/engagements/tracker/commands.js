// window.journey: the only global. Calls made before this script arrived wait in journey.q.

const SCRIPT = DOCUMENT.currentScript;
let started = false;
let early = []; // calls before "init": they need its key

const COMMANDS = {
  /** journey("init", writeKey, {endpoint, pageviews: "auto" | "once" | "off", dropParameters}) */
  init: function (key, options) {
    if (started || !key) return;
    started = true;
    options = options || {};
    settings.key = String(key);
    settings.endpoint = String(options.endpoint || ownOrigin()).replace(/\/+$/, "");
    prefix = "journey:" + settings.key.slice(-8) + ":";
    (options.dropParameters || []).forEach(function (name) { dropped[name] = true; });
    pageviews = options.pageviews || "auto";
    resume();
    if (pageviews !== "off") pageview();
    if (pageviews === "auto") watchAddress();
    const calls = early;
    early = [];
    calls.forEach(function (call) { journey.apply(null, call); });
  },

  /** journey("identify", {id, email, name, traits, company: {id, name, domain}})
   *  or journey("identify", id, traits, company) */
  identify: function (who, traits, company) {
    const given = typeof who === "object" && who ? who : { id: who, traits: traits, company: company };
    const data = { traits: {} };
    if (given.id !== undefined && given.id !== null) data.user_id = String(given.id);
    Object.keys(given.traits || {}).forEach(function (name) {
      if (name === "email" || name === "name") data[name] = given.traits[name];
      else data.traits[name] = given.traits[name];
    });
    if (given.email) data.email = String(given.email);
    if (given.name) data.name = String(given.name);
    const at = given.company;
    if (at) data.company = typeof at === "object" ? at : { id: String(at) };
    if (data.company && data.company.id !== undefined) {
      data.company = Object.assign({}, data.company, { id: String(data.company.id) });
    }
    const person = data.user_id || data.email;
    if (!person) return;
    const before = readStored("person");
    // Somebody else signs in on this browser: a new visitor, or two histories would mix.
    if (before && before !== person) COMMANDS.reset();
    writeStored("person", person);
    enqueue("identify", data, true);
  },

  /** journey("reset"): signed out; whoever comes next is a new visitor. */
  reset: function () {
    closeShowing();
    lookTimers.forEach(clearTimeout);
    writeStored("person", undefined);
    writeStored("visitor", newId());
  },

  /** journey("pageview"): for sites that switched the automatic ones off. */
  pageview: function () { pageview(); },

  /** journey("record", name, properties) */
  record: function (name, properties) {
    enqueue("track", { name: String(name), properties: properties || {} }, true);
  },

  /** journey("on", "viewed" | "completed" | "dismissed" | "rejected" | "error", listener) */
  on: function (event, listener) {
    if (typeof listener === "function") (listeners[event] = listeners[event] || []).push(listener);
  },
};

function ownOrigin() {
  return SCRIPT && SCRIPT.src ? new URL(SCRIPT.src, DOCUMENT.baseURI).origin : PAGE.location.origin;
}

/** Properties as JSON takes them; a page may hand over anything. */
function plain(value) {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

const journey = guarded(function (command) {
  const run = Object.prototype.hasOwnProperty.call(COMMANDS, command) && COMMANDS[command];
  if (!run) return tell("error", { message: "unknown command " + command });
  if (!started && command !== "init" && command !== "on") return early.push(arguments);
  const rest = Array.prototype.slice.call(arguments, 1);
  run.apply(null, command === "on" ? rest : rest.map(plain));
});

guarded(function () {
  const stub = PAGE.journey;
  if (stub && stub.loaded) return; // the snippet stands on the page twice
  journey.loaded = true;
  PAGE.journey = journey;
  // <script async src=".../journey.js" data-key="wk_..."> needs no snippet at all.
  const data = (SCRIPT && SCRIPT.dataset) || {};
  ((stub && stub.q) || []).forEach(function (call) { journey.apply(null, call); });
  if (data.key) journey("init", data.key, { pageviews: data.pageviews, endpoint: data.endpoint });
})();
