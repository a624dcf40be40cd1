// Requests of the program pages: JSON in, JSON out, problems as errors.

/** The server said no; `problems` are sentences with the path of the place. */
export class Refused extends Error {
  constructor(status, problems) {
    super(problems.map((problem) => problem.message).join(" ") || `The server answered ${status}.`);
    this.status = status;
    this.problems = problems;
  }

  /** Whether somebody else saved in between. */
  get stale() {
    return this.problems.some((problem) => problem.code === "stale");
  }
}

/** Nothing was decided yet, so trying again is right. why: "offline", "broken" or "signedout". */
export class Away extends Error {
  constructor(why, message) {
    super(message);
    this.why = why;
  }
}

const OFFLINE = "The server cannot be reached.";
const SIGNED_OUT = "You are signed out. Sign in in another window, then try again.";

/** The token of the cookie: signing in again, in another window, changes it. */
const token = () =>
  /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ??
  document.querySelector("[name=csrfmiddlewaretoken]")?.value ??
  "";

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch {
    throw new Away("offline", OFFLINE);
  }
  if (response.redirected) throw new Away("signedout", SIGNED_OUT);
  if (response.status >= 502) throw new Away("offline", OFFLINE);
  if (response.status >= 500) throw new Away("broken", `The server has a problem (${response.status}).`);
  if (!(response.headers.get("content-type") ?? "").includes("json")) {
    const message = `The server answered ${response.status}. Reload the page.`;
    throw new Refused(response.status, [{ path: "", message, code: "answer" }]);
  }
  const data = await response.json();
  if (!response.ok) throw new Refused(response.status, data.problems ?? []);
  return data;
}

export const getJson = (url) => ask(url, { headers: { Accept: "application/json" } });

export const postJson = (url, data) =>
  ask(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
    body: JSON.stringify(data),
  });

/** HTML of one of our own templates as nodes (escaped there; nothing of it is a script). */
export function nodesOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}
