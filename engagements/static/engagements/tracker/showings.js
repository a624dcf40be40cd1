// What the server says is due: fetch its renderer, show it, report what came of it.

let current = null; // one attention slot per page
let lookTimers = [];

/** Whether something could be shown now. A hidden tab looks when it is looked at. */
function canShow() {
  return !current && DOCUMENT.visibilityState === "visible";
}

function onReply(reply) {
  lookTimers.forEach(clearTimeout);
  // Something was set in motion; what follows must not wait for the next page.
  lookTimers = (reply.again || []).map(function (delay) {
    return setTimeout(guarded(look), delay);
  });
  if (reply.show && canShow()) show(reply.show);
}

function report(showing, event, more) {
  const data = { ticket: showing.ticket, event: event, url: pageAddress() };
  Object.keys(more || {}).forEach(function (name) { data[name] = String(more[name]).slice(0, 100); });
  enqueue("showing", data, event === "completed" || event === "dismissed");
  tell(event, { content: showing.content, button: (more || {}).button || "" });
}

function show(showing) {
  const version = RENDERERS[showing.renderer];
  if (!version) return report(showing, "not_rendered", { reason: "unknown renderer" });
  current = showing;
  const release = function () { if (current === showing) current = null; };
  const failed = function (error) {
    release();
    report(showing, "not_rendered", { reason: (error && error.message) || error });
  };
  const source = address("/journey/" + showing.renderer + ".js?v=" + version);
  import(source).then(function (renderer) {
    if (current !== showing) return;
    renderer.open(showing.content, {
      viewed: guarded(function () { report(showing, "viewed"); }),
      completed: guarded(function (button) { release(); report(showing, "completed", { button: button }); }),
      dismissed: guarded(function (button) { release(); report(showing, "dismissed", { button: button }); }),
      failed: guarded(failed),
    });
  }).catch(guarded(failed));
}

/** The person changes: what is on the screen was for somebody else. */
function closeShowing() {
  const shown = DOCUMENT.querySelector("journey-engagement");
  if (shown && shown.close) shown.close();
  current = null;
}

listen(DOCUMENT, "visibilitychange", function () {
  if (settings.key && canShow()) look();
});
