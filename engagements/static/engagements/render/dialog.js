// A box over the page, or a bar at its top or bottom.

const WORDS = { en: ["Close", "Message"], de: ["Schließen", "Mitteilung"], fr: ["Fermer", "Message"],
  es: ["Cerrar", "Mensaje"], ar: ["إغلاق", "رسالة"], he: ["סגירה", "הודעה"] };

/** The renderer's own two words in the page's language. */
function words() {
  const language = (document.documentElement.lang || "en").slice(0, 2).toLowerCase();
  return WORDS[language] || WORDS.en;
}

/**
 * Show a content. `hooks`: viewed(), completed(button), dismissed(button), failed(error); each is
 * called at most once, and after completed, dismissed or failed nothing is left on the page.
 * `takeFocus` false leaves the focus where it is, also that of a page around this one.
 */
function open(content, hooks, { takeFocus = true } = {}) {
  let place;
  let stopWatching = function () {};
  let done = false;

  function end(event, detail) {
    if (done) return;
    done = true;
    stopWatching();
    closePanel(place);
    hooks[event](detail);
  }
  try {
    place = makeHost();
    const panel = makePanel(content, end);
    place.panel = panel;
    place.host.close = function () { done = true; stopWatching(); closePanel(place); };
    place.root.append(panel);
    openPanel(panel, takeFocus);
    stopWatching = watchVisible(panel, hooks.viewed, function () { end("failed", "never visible"); });
  } catch (error) {
    end("failed", error);
  }
}

function makePanel(content, end) {
  const modal = content.view === "modal";
  const direction = getComputedStyle(document.documentElement).direction;
  const panel = make(modal ? "dialog" : "section", { class: modal ? "panel head" : "panel bar " + content.view, dir: direction });
  const blocks = makeBlocks(content.blocks, end);
  const close = make("button", { type: "button", class: "close", "aria-label": words()[0] }, ["×"]);
  close.addEventListener("click", function () { end("dismissed", "close"); });
  const heading = blocks.find(function (element) { return /^H\d$/.test(element.tagName); });
  if (heading) {
    heading.id = "title";
    panel.setAttribute("aria-labelledby", "title");
  } else {
    panel.setAttribute("aria-label", words()[1]);
  }
  if (modal) {
    panel.setAttribute("aria-modal", "true");
    panel.tabIndex = -1;
    panel.append.apply(panel, blocks.concat([close]));
    panel.addEventListener("cancel", function (event) { event.preventDefault(); end("dismissed", "escape"); });
  } else {
    panel.append(make("div", { class: "content", role: "status" }, blocks), close);
  }
  panel.addEventListener("keydown", function (event) {
    event.stopPropagation(); // the page's shortcuts are not meant
    if (event.key === "Escape") { event.preventDefault(); end("dismissed", "escape"); }
    if (event.key === "Tab" && modal) keepFocus(panel, event);
  });
  return panel;
}

/** Into the top layer, above every z-index of the page. */
function openPanel(panel, takeFocus) {
  if (panel.tagName === "DIALOG") {
    panel.inert = !takeFocus; // showModal itself takes the focus, unless there is nothing to be focused
    panel.showModal();
    panel.inert = false;
    if (takeFocus) panel.focus();
  } else if (panel.showPopover) {
    panel.setAttribute("popover", "manual");
    panel.showPopover();
  }
}

function closePanel(place) {
  if (!place) return;
  // Closing a dialog gives the focus back to where it was.
  if (place.panel && place.panel.open) place.panel.close();
  place.host.remove();
}

/** Tab goes round inside of the box. */
function keepFocus(panel, event) {
  const stops = panel.querySelectorAll("button, a[href]");
  const first = stops[0];
  const last = stops[stops.length - 1];
  const at = panel.getRootNode().activeElement;
  if (event.shiftKey ? at === first || at === panel : at === last) {
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }
}

export { open };
