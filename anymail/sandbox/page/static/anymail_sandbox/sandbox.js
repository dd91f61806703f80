// The page works without this. It keeps what is shown up to date, and saves some clicks.
"use strict";

const EVERY = 1000; // milliseconds between two questions
const SLOWEST = 15000; // while there is no response
const VERSION = "X-Sandbox-Version";

const announcer = document.getElementById("announcer");
const connection = document.getElementById("connection");

/* Times: "12 s ago", kept true; the title has the time on this machine's clock. */

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

function ago(date) {
  const seconds = (Date.now() - date) / 1000;
  if (seconds < 5) return "just now";
  const [length, unit] = UNITS.find(([length]) => seconds >= length);
  return `${Math.floor(seconds / length)} ${unit} ago`;
}

function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const date = new Date(time.dateTime);
    const text = ago(date);
    if (time.textContent !== text) time.textContent = text;
    const title = date.toLocaleString();
    if (time.title !== title) time.title = title;
  }
}

/* Updating: the regions that are live are replaced; what was open, focused or scrolled still is. */

// Finds an element again: the first of its kind in the nearest one with an id.
function path(element) {
  const named = element.closest("[id]");
  const id = `#${CSS.escape(named.id)}`;
  return element === named ? id : `${id} ${element.localName}`;
}

function update(fresh) {
  const known = new Set([...document.querySelectorAll("[id]")].map((one) => one.id));
  const open = [...document.querySelectorAll("[data-live] details[open]")].map(path);
  const scrolled = [...document.querySelectorAll("[data-live] .scroll")].map((one) => [path(one), one.scrollTop]);
  const focused = document.activeElement.closest("[data-live]") && path(document.activeElement);
  const said = texts();
  for (const region of document.querySelectorAll("[data-live]")) {
    region.replaceChildren(...(fresh.getElementById(region.id)?.childNodes ?? []));
  }
  for (const details of open) document.querySelector(details)?.setAttribute("open", "");
  for (const [box, top] of scrolled) document.querySelector(box)?.scrollTo(0, top);
  if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
  for (const one of document.querySelectorAll(".row, .entry")) one.classList.toggle("is-new", !known.has(one.id));
  announce([...texts()].filter((text) => !said.has(text)));
  refreshTimes();
  showCopyButtons();
}

function texts() {
  return new Set([...document.querySelectorAll("[data-announce]")].map((one) => one.dataset.announce));
}

function announce(words) {
  if (words.length) announcer.textContent = words.slice(0, 5).join(". ");
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
    showConnection("Live", true);
    showGone(false);
    failures = 0;
  } catch (error) {
    failures += 1;
    // The sandbox was emptied, or is another one.
    if (error.message === "404") showGone(true);
    else if (failures > 1) showConnection("Disconnected. Trying again…");
  }
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(ask, Math.min(EVERY * 2 ** failures, SLOWEST));
}

function showConnection(text, isThere = false) {
  if (connection.textContent !== text) connection.textContent = text;
  connection.classList.toggle("off", !isThere);
  connection.hidden = false;
}

function showGone(isGone) {
  const notice = document.getElementById("gone");
  if (notice) notice.hidden = !isGone;
  if (isGone) showConnection("No longer kept");
}

/* Small helpers: copy, fill in, and send forms once. */

function showCopyButtons() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  await navigator.clipboard.writeText(text);
  const label = button.lastChild;
  const before = label.nodeValue;
  if (before === "Copied") return;
  label.nodeValue = "Copied";
  announce(["Copied"]);
  setTimeout(() => (label.nodeValue = before), 1500);
}

function fill(button) {
  const field = document.getElementById(button.dataset.fill);
  if (field.value.split(/[\s,;<>]+/).includes(button.value)) return announce([`${button.value} is there already`]);
  const before = field.value.replace(/[\s,]+$/, "");
  field.value = before ? `${before}, ${button.value}` : button.value;
  announce([`${button.value} added`]);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-fill]");
  if (target?.dataset.copy) copy(target);
  else if (target) fill(target);
});

// A form is sent once; coming back to its page, it can be sent again.
document.addEventListener("submit", (event) => {
  if (event.target.hasAttribute("aria-busy")) event.preventDefault();
  event.target.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

refreshTimes();
showCopyButtons();
setInterval(refreshTimes, 5000);
if (document.body.dataset.version) {
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
  schedule();
}
