// The page works without this. It keeps what is shown up to date, fills in addresses, copies the
// settings, and sends a form once.
"use strict";

const EVERY = 1000; // milliseconds between two questions
const SLOWEST = 15000; // while there is no response
const VERSION = "X-Sandbox-Version";

const connection = document.getElementById("connection");
const all = (selector) => [...document.querySelectorAll(selector)];

function announce(words) {
  if (words.length) document.getElementById("announcer").textContent = words.slice(0, 5).join(". ");
}

/* Updating: the regions that are live are replaced; what was open, focused or scrolled still is. */

// Finds an element again: the first of its kind in the nearest one with an id.
function path(element) {
  const named = element.closest("[id]");
  const id = `#${CSS.escape(named.id)}`;
  return element === named ? id : `${id} ${element.localName}`;
}

function update(fresh) {
  const known = new Set(all("[id]").map((one) => one.id));
  const said = new Set(all("[data-announce]").map((one) => one.dataset.announce));
  const open = all("[data-live] details[open]").map(path);
  const scrolled = all("[data-live] [tabindex]").map((one) => [path(one), one.scrollTop]);
  const focused = document.activeElement.closest("[data-live]") && path(document.activeElement);
  for (const region of all("[data-live]")) {
    region.replaceChildren(...(fresh.getElementById(region.id)?.childNodes ?? []));
  }
  for (const details of open) document.querySelector(details)?.setAttribute("open", "");
  for (const [box, top] of scrolled) document.querySelector(box)?.scrollTo(0, top);
  if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
  for (const one of all(".row, .entry")) one.classList.toggle("is-new", !known.has(one.id));
  announce(all("[data-announce]").map((one) => one.dataset.announce).filter((text) => !said.has(text)));
}

/* Asking: once a second while the page is visible, more and more rarely without a response. */

let timer = 0;
let failures = 0;

async function ask() {
  try {
    const headers = { [VERSION]: document.body.dataset.version };
    const response = await fetch(location.href, { headers, cache: "no-store" });
    if (!response.ok) throw new Error(response.status);
    if (response.status !== 204) {
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      document.body.dataset.version = fresh.body.dataset.version;
      update(fresh);
    }
    showConnection("Live", "good");
    failures = 0;
  } catch (error) {
    failures += 1;
    // The sandbox was emptied, or is another one.
    if (error.message === "404") showConnection("This message is no longer kept", "warn");
    else if (failures > 1) showConnection("Disconnected. Retrying…", "warn");
  }
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(ask, Math.min(EVERY * 2 ** failures, SLOWEST));
}

function showConnection(text, severity) {
  if (connection.textContent !== text) connection.textContent = text;
  connection.className = `dot ${severity}`;
  connection.hidden = false;
}

/* Buttons: addresses that fill in a field, copying, and forms that are sent once. */

function fill(button, field) {
  const isThere = field.value.split(/[\s,<>]+/).includes(button.value);
  if (!isThere) field.value = [field.value.replace(/[\s,]+$/, ""), button.value].filter(Boolean).join(", ");
  announce([`${button.value} ${isThere ? "is already there" : "added"}`]);
}

function copy(button, field) {
  field.select();
  document.execCommand("copy"); // navigator.clipboard is not there on plain HTTP from elsewhere
  button.textContent = "Copied";
  announce(["Copied"]);
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-fill], [data-copy]");
  if (button?.dataset.fill) fill(button, document.getElementById(button.dataset.fill));
  if (button?.dataset.copy) copy(button, document.getElementById(button.dataset.copy));
});

// Once the form has been read: a disabled button is not a part of it.
document.addEventListener("submit", ({ submitter }) => setTimeout(() => submitter?.setAttribute("disabled", "")));
// The page may come back as it was left.
window.addEventListener("pageshow", () => all("button").forEach((button) => button.removeAttribute("disabled")));

if (document.body.dataset.version) {
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
  schedule();
}
