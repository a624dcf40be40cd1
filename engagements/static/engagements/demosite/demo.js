// The demo product's own script: how a site talks to the tracker.

const journey = (...call) => window.journey(...call);
const identity = document.getElementById("identity");
const toast = document.getElementById("toast");
let hideTimer = 0;

journey("init", document.body.dataset.key);
if (identity) journey("identify", JSON.parse(identity.textContent));
else if (new URLSearchParams(location.search).has("signed-out")) journey("reset");

function say(words) {
  toast.textContent = words;
  toast.hidden = false;
  clearTimeout(hideTimer);
  hideTimer = setTimeout(() => { toast.hidden = true; }, 2500);
}

for (const button of document.querySelectorAll("[data-record]")) {
  button.addEventListener("click", () => {
    journey("record", button.dataset.record, JSON.parse(button.dataset.properties || "{}"));
    say(`Recorded: ${button.dataset.record.replaceAll("_", " ")}`);
  });
}

// Tabs of the settings page: another address, no page load.
function showTab(name) {
  for (const tab of document.querySelectorAll("[data-tab]")) tab.setAttribute("aria-pressed", String(tab.dataset.tab === name));
  for (const panel of document.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== name;
}
const tabOf = () => new URLSearchParams(location.search).get("tab") || "profile";
for (const tab of document.querySelectorAll("[data-tab]")) {
  tab.addEventListener("click", () => {
    history.pushState({}, "", `?tab=${tab.dataset.tab}`);
    showTab(tab.dataset.tab);
  });
}
if (document.querySelector("[data-tab]")) {
  addEventListener("popstate", () => showTab(tabOf()));
  showTab(tabOf());
}
