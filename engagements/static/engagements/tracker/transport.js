// One way out: POST as text/plain, so that browsers need no preflight.

const settings = { key: "", endpoint: "" };
const KEEPALIVE_BYTES = 60000; // browsers refuse larger bodies that are to outlive the page

function address(path) {
  return settings.endpoint + path;
}

function ingestAddress() {
  return address("/t/?key=" + encodeURIComponent(settings.key));
}

/** Post a batch; resolves to {status, retryAfter, reply}, with status 0 when nobody answered. */
function post(batch) {
  const body = JSON.stringify(batch);
  const options = {
    method: "POST",
    body: body,
    headers: { "Content-Type": "text/plain;charset=UTF-8" },
    credentials: "omit",
    mode: "cors",
    keepalive: body.length < KEEPALIVE_BYTES,
  };
  // Inside of a promise, so that a page without fetch is an answer like any other failure.
  return Promise.resolve().then(function () { return PAGE.fetch(ingestAddress(), options); }).then(
    function (response) {
      return response.json().catch(function () { return null; }).then(function (reply) {
        const wait = Number(response.headers.get("Retry-After")) || 0;
        return { status: response.status, retryAfter: wait, reply: reply };
      });
    },
    function () { return { status: 0, retryAfter: 0, reply: null }; }
  );
}

/** Hand a batch to the browser while the page goes away. The answer is never seen. */
function beacon(batch) {
  const body = new Blob([JSON.stringify(batch)], { type: "text/plain;charset=UTF-8" });
  return Boolean(PAGE.navigator.sendBeacon && PAGE.navigator.sendBeacon(ingestAddress(), body));
}
