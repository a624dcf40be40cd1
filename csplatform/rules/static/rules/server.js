// Asking the server.

/** Django's token of the page: of a form, else of the cookie. */
export function token() {
  const field = document.querySelector("[name=csrfmiddlewaretoken]");
  return field?.value ?? document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "";
}

/** The JSON of an answer. Throws an Error with the first problem that the server told. */
export async function fetchJSON(url, init = {}) {
  const response = await fetch(url, { credentials: "same-origin", ...init });
  let told = null;
  try {
    told = await response.json();
  } catch {
    throw new Error(`the server answered ${response.status}`);
  }
  if (!response.ok) throw new Error(told?.problems?.[0]?.message ?? `the server answered ${response.status}`);
  return told;
}
