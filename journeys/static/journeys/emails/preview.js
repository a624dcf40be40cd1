// The live preview: what is in the form, filled in for a chosen person, by the server.
import { make } from "../../adminkit/dom.js";

export function startPreview(pane, form, blocks) {
  const part = (name) => pane.querySelector(`[data-${name}]`);
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  let people = [];
  let person = null;
  let wait = 0;
  let turn = 0;
  let last = "";

  const content = () => ({
    subject: form.elements.subject.value,
    preheader: form.elements.preheader.value,
    sender_name: form.elements.sender_name.value,
    reply_to: form.elements.reply_to.value,
    blocks: blocks.value(),
    person,
  });

  async function post(url) {
    const body = JSON.stringify(content());
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    const answer = await fetch(url, { method: "POST", headers, body });
    return answer.json();
  }

  function tell(words, bad = false) {
    part("note").textContent = words;
    part("note").classList.toggle("is-bad", bad);
  }

  async function refresh() {
    const now = JSON.stringify(content());
    if (now === last) return; // leaving a field is no change: keep what the note says
    last = now;
    const mine = ++turn;
    try {
      const answer = await post(pane.dataset.url);
      if (mine === turn) show(answer);
    } catch {
      last = "";
      if (mine === turn) tell("The preview does not answer. Your text is safe in the form.", true);
    }
  }

  function show(answer) {
    // What is merely not written yet is a hint, not an alarm.
    const missing = answer.problems.filter((p) => p.code === "missing");
    const wrong = answer.problems.filter((p) => p.code !== "missing");
    const rest = blocks.problems(wrong);
    const list = part("problems");
    list.replaceChildren(...rest.map((p) => make("li", {}, `${place(p.path)}${p.message}`)));
    list.hidden = !rest.length;
    if (answer.html === undefined) return tell("Mend what is marked, then the mail is shown here.", true);
    part("subject").textContent = answer.subject || "(no subject)";
    part("html").srcdoc = answer.html;
    part("text").textContent = answer.text;
    const empty = answer.empty.length ? `No value for ${answer.empty.join(", ")}: give a default.` : "";
    if (wrong.length) tell("It cannot be saved yet: see what is marked.", true);
    else tell(missing.length ? missing.map((p) => p.message).join(" ") : empty);
  }

  async function findPeople(words) {
    const answer = await fetch(`${pane.dataset.people}?q=${encodeURIComponent(words)}`);
    if (!answer.ok) return;
    people = (await answer.json()).people;
    document.getElementById("em-people").replaceChildren(...people.map((p) => make("option", { value: named(p) })));
  }

  function choose(chosen) {
    person = chosen?.id ?? null;
    refresh();
  }

  const later = () => {
    clearTimeout(wait);
    wait = setTimeout(refresh, 250);
  };
  form.addEventListener("input", (event) => pane.contains(event.target) || later());
  form.addEventListener("change", (event) => pane.contains(event.target) || later());
  part("who").addEventListener("input", async (event) => {
    const words = event.target.value;
    const chosen = people.find((p) => named(p) === words);
    if (chosen) return choose(chosen);
    await findPeople(words);
  });
  part("who").addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  part("send-me").addEventListener("click", async (event) => {
    event.currentTarget.disabled = true;
    const answer = await post(pane.dataset.send).catch(() => ({ problems: [{ path: "", message: "It could not be sent." }] }));
    tell(answer.message ?? answer.problems.map((p) => p.message).join(" "), !answer.message);
    part("send-me").disabled = false;
  });
  for (const button of pane.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => view(pane, button.dataset.view));
  }
  findPeople("").then(() => {
    if (people[0]) part("who").value = named(people[0]);
    choose(people[0]);
  });
}

const named = (person) => (person.email ? `${person.name} <${person.email}>` : person.name);

function place(path) {
  const name = path.split("/")[1] || "";
  return name ? `${name[0].toUpperCase()}${name.slice(1).replace("_", " ")}: ` : "";
}

function view(pane, name) {
  for (const button of pane.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === name));
  }
  const frame = pane.querySelector("[data-frame]");
  frame.classList.toggle("is-narrow", name === "narrow");
  frame.querySelector("iframe").hidden = name === "text";
  frame.querySelector("pre").hidden = name !== "text";
}
