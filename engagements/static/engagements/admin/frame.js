// The preview's own page: the tracker's renderer, fed by the builder around it.

const { open } = await import(document.body.dataset.renderer);

function tell(message) {
  parent.postMessage({ from: "engagement-preview", ...message }, location.origin);
}

function close() {
  for (const old of document.querySelectorAll("journey-engagement")) {
    if (old.close) old.close();
    old.remove();
  }
}

addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== parent || !event.data.content) return;
  close();
  open(event.data.content, {
    viewed() {},
    completed(button) { tell({ event: "completed", button }); },
    dismissed(button) { tell({ event: "dismissed", button }); },
    failed(error) { tell({ event: "failed", button: String((error && error.message) || error) }); },
  }, { takeFocus: false }); // somebody is typing in the builder around it
});

// Links lead nowhere from here.
addEventListener("click", (event) => {
  const link = event.composedPath().find((node) => node.tagName === "A");
  if (link) event.preventDefault();
}, true);

tell({ event: "ready" });
