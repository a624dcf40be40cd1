// Items wait here until the server has said what became of them. Every item has its own id, so
// sending one twice does no harm: better twice than not at all.

const MOST_PER_POST = 50;
const MOST_KEPT = 500;
const LONGEST_WAIT = 60000;
let waiting = [];
let timer = 0;
let sending = false;
let failures = 0;
let wantsLook = false;
let postSize = MOST_PER_POST;

/** Put an item into the queue; `look` asks for what is due in the same round trip. */
function enqueue(type, data, look) {
  waiting.push({ visitor: visitorId(), id: newId(), type: type, at: new Date().toISOString(), data: data });
  if (waiting.length > MOST_KEPT) waiting.shift();
  wantsLook = wantsLook || Boolean(look);
  schedule(25);
}

/** Ask what is due, with whatever else there is to send. */
function look() {
  wantsLook = true;
  schedule(0);
}

function schedule(delay) {
  if (!settings.key || sending) return;
  clearTimeout(timer);
  timer = setTimeout(guarded(flush), delay);
}

/** The next items of one visitor (a reset in between starts another batch). */
function nextItems() {
  const first = waiting[0];
  if (!first) return [];
  return waiting.filter(function (item) { return item.visitor === first.visitor; }).slice(0, postSize);
}

function asBatch(items, looks) {
  return {
    visitor: items.length ? items[0].visitor : visitorId(),
    url: pageAddress(),
    sent_at: new Date().toISOString(),
    look: looks,
    items: items.map(function (item) {
      return { id: item.id, type: item.type, at: item.at, data: item.data };
    }),
  };
}

function flush() {
  const items = nextItems();
  if (sending || !settings.key || (!items.length && !wantsLook)) return;
  // Only the visitor of now can be shown something.
  const looks = wantsLook && canShow() && (!items.length || items[0].visitor === visitorId());
  if (!items.length && !looks) { wantsLook = false; return; }
  sending = true;
  post(asBatch(items, looks)).then(guarded(function (answer) {
    sending = false;
    settle(items, looks, answer);
  }));
}

/** What to do with a posted batch, by its answer. */
function settle(items, looked, answer) {
  const status = answer.status;
  if (status === 200 && answer.reply) {
    if (looked) wantsLook = false;
    failures = 0;
    postSize = MOST_PER_POST;
    forget(items);
    answer.reply.results.forEach(function (result) {
      if (result.status === "rejected" || result.ignored) tell("rejected", result);
    });
    onReply(answer.reply);
    if (waiting.length || wantsLook) schedule(0);
  } else if (status === 413 && items.length > 1) {
    postSize = Math.ceil(items.length / 2);
    schedule(0);
  } else if (status >= 400 && status < 500 && status !== 429 && status !== 408) {
    // It will not be taken another time either.
    if (looked) wantsLook = false;
    forget(items);
    tell("error", { status: status, message: answer.reply && answer.reply.error && answer.reply.error.message });
    if (waiting.length) schedule(0);
  } else {
    keep();
    failures += 1;
    const backOff = Math.min(LONGEST_WAIT, 1000 * Math.pow(2, failures - 1));
    schedule(Math.max(answer.retryAfter * 1000, backOff * (0.5 + Math.random() / 2)));
  }
}

function forget(items) {
  const gone = {};
  items.forEach(function (item) { gone[item.id] = true; });
  const left = function (item) { return !gone[item.id]; };
  waiting = waiting.filter(left);
  const kept = readStored("queue");
  if (kept && kept.length) {
    const still = kept.filter(left);
    writeStored("queue", still.length ? still : undefined);
  }
}

/** Store what is not answered yet; other tabs' items stay. */
function keep() {
  if (!waiting.length) return;
  const known = {};
  const all = (readStored("queue") || []).concat(waiting).filter(function (item) {
    const isNew = item && item.id && !known[item.id];
    if (isNew) known[item.id] = true;
    return isNew;
  });
  writeStored("queue", all.slice(-MOST_KEPT));
}

/** Take up what earlier pages could not get rid of. */
function resume() {
  const known = {};
  waiting.forEach(function (item) { known[item.id] = true; });
  const kept = (readStored("queue") || []).filter(function (item) {
    return item && item.id && item.visitor && !known[item.id];
  });
  waiting = kept.concat(waiting);
  if (waiting.length) schedule(25);
}

/** The page goes away: hand over what there is. It stays stored until a later page has seen it
 * acknowledged. */
function leavePage() {
  keep();
  const items = nextItems();
  if (items.length && settings.key) beacon(asBatch(items, false));
}

listen(PAGE, "online", function () { failures = 0; schedule(0); });
listen(PAGE, "pagehide", leavePage);
