// Page views: by themselves, also where a single page changes its address without loading.

// Parts of addresses that are nobody's business; `init` can name more.
const SECRETS = /^(token|password|passwd|secret|code|key|auth|access_token|id_token|email)$/i;
let dropped = {};
let pageviews = "auto";
let lastAddress = "";

/** This page's address without secrets and without its fragment, unless that is a route. */
function pageAddress() {
  return cleanAddress(PAGE.location.href);
}

function cleanAddress(address) {
  try {
    const url = new URL(address);
    Array.from(url.searchParams.keys()).forEach(function (name) {
      if (SECRETS.test(name) || dropped[name]) url.searchParams.delete(name);
    });
    if (!/^#!?\//.test(url.hash)) url.hash = "";
    url.username = url.password = "";
    return url.href.slice(0, 2000);
  } catch (error) {
    return "";
  }
}

function pageview() {
  const here = pageAddress();
  const referrer = lastAddress || cleanAddress(DOCUMENT.referrer);
  lastAddress = here;
  enqueue("page", { url: here, title: (DOCUMENT.title || "").slice(0, 500), referrer: referrer }, true);
}

/** The address may have changed: one view per address, once the page has set its title. */
const noticeAddress = guarded(function () {
  setTimeout(guarded(function () {
    if (pageviews === "auto" && settings.key && pageAddress() !== lastAddress) pageview();
  }), 0);
});

function watchAddress() {
  ["pushState", "replaceState"].forEach(function (name) {
    const original = PAGE.history[name];
    PAGE.history[name] = function () {
      const result = original.apply(this, arguments);
      noticeAddress();
      return result;
    };
  });
  listen(PAGE, "popstate", noticeAddress);
  listen(PAGE, "hashchange", noticeAddress);
  listen(PAGE, "pageshow", function (event) {
    if (event.persisted) { lastAddress = ""; noticeAddress(); }
  });
}
