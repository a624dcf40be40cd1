// "Viewed" means: really seen. Half of it on the screen, in a tab that is looked at, for a moment.

const SEEN_AFTER = 600;
const GIVE_UP_AFTER = 10000;

/** Call `seen` once, or `never` when it did not become visible. Returns a function that stops. */
function watchVisible(element, seen, never) {
  let inSight = false;
  let timer = 0;
  const observer = new IntersectionObserver(function (entries) {
    inSight = entries[entries.length - 1].intersectionRatio >= 0.5;
    update();
  }, { threshold: [0, 0.5] });
  const giveUp = setTimeout(function () {
    if (!inSight && document.visibilityState === "visible") { stop(); never(); }
  }, GIVE_UP_AFTER);

  function update() {
    clearTimeout(timer);
    if (inSight && document.visibilityState === "visible") {
      timer = setTimeout(function () { stop(); seen(); }, SEEN_AFTER);
    }
  }
  function stop() {
    clearTimeout(timer);
    clearTimeout(giveUp);
    observer.disconnect();
    document.removeEventListener("visibilitychange", update);
  }
  document.addEventListener("visibilitychange", update);
  observer.observe(element);
  return stop;
}
