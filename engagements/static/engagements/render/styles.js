// The look, in a style sheet object: a strict Content-Security-Policy allows no style element.
// ":host" rules with !important win over whatever the page does to unknown elements.

const LOOK = `
:host { all: initial !important; display: block !important; position: fixed !important;
  inset: 0 auto auto 0 !important; width: 0 !important; height: 0 !important;
  opacity: 1 !important; visibility: visible !important; z-index: 2147483647 !important; }
:host, .panel { --accent: var(--journey-accent, #5b3fd6); --on-accent: var(--journey-on-accent, #fff);
  --ground: #fff; --ink: #1c1b22; --soft: #5c5a66; --line: #dcdae3; }
@media (prefers-color-scheme: dark) {
  :host, .panel { --accent: var(--journey-accent, #a594ff); --on-accent: var(--journey-on-accent, #17132b);
    --ground: #24222c; --ink: #f3f1f8; --soft: #b9b5c6; --line: #46424f; }
}
.panel, .panel * { box-sizing: border-box; }
.panel { margin: auto; padding: 24px; border: 0; background: var(--ground); color: var(--ink);
  font: 400 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  text-align: start; box-shadow: 0 16px 48px rgb(0 0 0 / .28); overflow: auto; overscroll-behavior: contain; }
.panel:focus { outline: none; }
dialog.panel { position: fixed; inset: 0; width: min(440px, calc(100vw - 32px)); height: fit-content;
  max-height: min(640px, calc(100dvh - 32px)); border-radius: 14px; }
dialog.panel::backdrop { background: rgb(18 14 32 / .5); }
.bar { position: fixed; margin: 0; inset: auto 0 auto 0; width: 100%; max-width: none; max-height: 50dvh; padding: 8px 16px;
  display: flex; align-items: center; gap: 8px 16px; border-block: 1px solid var(--line); }
.bar.top { top: 0; } .bar.bottom { bottom: 0; }
.bar .content { flex: 1; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; }
.bar .content > * { margin: 0; } .bar .content > .text { flex: 1 1 240px; }
.bar .actions { margin: 0; }
h2, h3, h4 { margin: 0 0 8px; line-height: 1.25; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 22px; } h3 { font-size: 18px; } h4 { font-size: 16px; }
.head h2:first-child, .head h3:first-child, .head h4:first-child { padding-inline-end: 40px; }
p { margin: 0 0 12px; overflow-wrap: anywhere; } .text > :last-child { margin-bottom: 0; } .text { margin: 0 0 12px; }
ul, ol { margin: 0 0 12px; padding-inline-start: 22px; } li { margin: 4px 0; overflow-wrap: anywhere; }
ul.checks { list-style: none; padding: 0; } ul.checks li { display: flex; gap: 10px; }
ul.checks li::before { content: "✓"; color: var(--accent); font-weight: 700; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto 12px; border-radius: 8px; }
hr { margin: 16px 0; border: 0; border-top: 1px solid var(--line); }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px 0 0; }
button, a.button { font: inherit; min-width: 44px; min-height: 44px; cursor: pointer; }
.actions button, a.button { display: inline-flex; align-items: center; justify-content: center; padding: 8px 18px;
  border: 1px solid transparent; border-radius: 8px; font-weight: 600; text-decoration: none;
  background: var(--accent); color: var(--on-accent); overflow-wrap: anywhere; }
.actions .quiet { background: transparent; color: var(--ink); border-color: var(--line); }
.actions button:hover, a.button:hover { filter: brightness(1.08); } .actions .quiet:hover { border-color: var(--soft); }
.close { position: absolute; inset-block-start: 8px; inset-inline-end: 8px; width: 44px; height: 44px; border: 0;
  border-radius: 8px; background: transparent; color: var(--soft); font-size: 22px; line-height: 1; }
.close:hover { color: var(--ink); } .bar .close { position: static; flex: none; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 480px) { dialog.panel { padding: 20px; } .panel:not(.bar) .actions > * { flex: 1 1 auto; } }
@media (forced-colors: active) { .panel, .actions > * { border: 1px solid ButtonText; } }
@media (prefers-reduced-motion: no-preference) {
  dialog.panel[open] { animation: rise .18s ease-out; } dialog.panel::backdrop { animation: fade .18s ease-out; }
  @keyframes rise { from { opacity: 0; transform: translateY(12px); } }
  @keyframes fade { from { opacity: 0; } }
}
`;

/** A shadow root of its own below the document's root, out of reach of the page's styles. */
function makeHost() {
  const host = document.createElement("journey-engagement");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(LOOK);
  root.adoptedStyleSheets = [sheet];
  document.documentElement.append(host);
  return { host: host, root: root };
}
