// Before a file is uploaded: its columns, and what each of them is for.

const form = document.querySelector("[data-upload]");
const KEYS = {
  person: ["email", "e_mail", "mail", "email_address", "external_id", "user_id", "userid", "id"],
  company: ["external_id", "company_id", "account_id", "id", "domain", "company", "name"],
};
const CONTEXTS = ["context_id", "context", "ticket_id", "ticket", "case_id"];

/** A column's name as the name of a field; the server does the same. */
function slug(name) {
  const text = name.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 40);
  if (/^[a-z]/.test(text)) return text;
  return text ? `f_${text}`.slice(0, 40) : "";
}

/** The cells of the first line, as far as quotes need no more than one line. */
function cellsOf(line) {
  const count = (sign) => line.split(sign).length;
  const separator = [",", ";", "\t"].sort((a, b) => count(b) - count(a))[0];
  const cells = line.match(new RegExp(`("([^"]|"")*"|[^${separator}]*)(${separator}|$)`, "g")) ?? [];
  return cells.slice(0, line.endsWith(separator) ? undefined : -1 || undefined).map((cell) =>
    cell.replace(new RegExp(`${separator}$`), "").trim().replace(/^"|"$/g, "").replace(/""/g, '"'),
  );
}

function suggested(names, subject) {
  const key = KEYS[subject].find((wanted) => names.includes(wanted)) ?? names[0];
  const taken = new Set();
  return names.map((name) => {
    let use = name ? `field:${name}` : "skip";
    if (name === key && !taken.has("key")) use = "key";
    else if (CONTEXTS.includes(name) && !taken.has("context_id")) use = "context_id";
    else if (subject === "person" && ["name", "full_name"].includes(name)) use = "name";
    else if (taken.has(use)) use = "skip";
    taken.add(use);
    return use;
  });
}

function row(name, place, use, subject) {
  const label = document.createElement("label");
  label.className = "fl-field";
  const title = document.createElement("span");
  title.className = "fl-name";
  title.textContent = name || `Column ${place + 1}`;
  const select = document.createElement("select");
  select.className = "fl-text";
  select.name = `column_${place}`;
  const field = slug(name) || `column_${place + 1}`;
  const uses = [
    ["key", subject === "person" ? "Email or user id" : "Name, domain or external id"],
    ...(subject === "person" ? [["name", "Name (of new people)"]] : []),
    ["context_id", "Context id"],
    [`field:${field}`, `Participant field “${field}”`],
    ["skip", "Leave out"],
  ];
  for (const [value, text] of uses) select.append(new Option(text, value, false, value === use));
  label.append(title, select);
  return label;
}

form?.querySelector("[name=file]").addEventListener("change", async (event) => {
  const box = form.querySelector("[data-columns]");
  const files = event.target.files;
  box.hidden = files.length !== 1;
  const rows = box.querySelector("[data-column-rows]");
  rows.replaceChildren();
  if (box.hidden) return;
  const text = await files[0].slice(0, 65536).text();
  const names = cellsOf(text.replace(/^\ufeff/, "").split(/\r?\n/, 1)[0]);
  const uses = suggested(names.map(slug), form.dataset.subject);
  rows.append(...names.map((name, place) => row(name, place, uses[place], form.dataset.subject)));
});
