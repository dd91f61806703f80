// The page works without this. It keeps what is shown up to date, and saves some clicks.
"use strict";

const EVERY = 1000; // milliseconds between two questions
const SLOWEST = 15000; // while nobody answers
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

/* Merging: what is new comes into the page; what is the same is left alone, with its focus, its
   scroll position, its selected text, and whether it is open. */

function merge(old, fresh, found) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.matches("time[data-ago]") && old.dateTime === fresh.dateTime) return;
  mergeAttributes(old, fresh);
  mergeChildren(old, fresh, found);
}

function mergeAttributes(old, fresh) {
  const keep = (name) => name === "open" || (name === "class" && old.classList.contains("is-new"));
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !keep(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !keep(name)) old.setAttribute(name, value);
  }
}

function mergeChildren(old, fresh, found) {
  let here = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = counterpart(old, here, child);
    if (known === null) {
      const added = document.importNode(child, true);
      old.insertBefore(added, here);
      if (added.nodeType === Node.ELEMENT_NODE) found.push(added);
      continue;
    }
    if (known !== here) {
      if (known.id && !staysBehind(here, known, fresh)) old.insertBefore(known, here);
      else while (here !== known) here = remove(here);
    }
    merge(known, child, found);
    here = known.nextSibling;
  }
  while (here) here = remove(here);
}

// The node that shows the same as a fresh one: by id, or of the same kind at the same place.
function counterpart(old, here, child) {
  if (child.id) return [...old.children].find((one) => one.id === child.id) ?? null;
  const like = (one) => one && one.nodeType === child.nodeType && one.nodeName === child.nodeName && !one.id;
  return like(here) ? here : null;
}

// Whether everything between two siblings is gone from the fresh page.
function staysBehind(here, known, fresh) {
  for (let one = here; one && one !== known; one = one.nextSibling) {
    if (one.id && [...fresh.children].some((other) => other.id === one.id)) return false;
  }
  return true;
}

function remove(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function mergePage(fresh) {
  const found = [];
  for (const region of document.querySelectorAll("[data-live]")) {
    const other = fresh.getElementById(region.id);
    if (other) merge(region, other, found);
  }
  refreshTimes();
  const news = found.flatMap((one) => [one, ...one.querySelectorAll("[data-announce]")]);
  for (const one of found) if (one.matches(".row, .entry")) one.classList.add("is-new");
  announce(news.map((one) => one.dataset.announce).filter(Boolean));
}

function announce(words) {
  if (words.length) announcer.textContent = words.slice(0, 5).join(". ");
}

/* Asking: once a second while somebody looks, more and more rarely while nobody answers. */

const asks = document.body.dataset.version && !("still" in document.body.dataset);
let timer = 0;
let failures = 0;

async function load(url, headers = {}) {
  const response = await fetch(url, { headers, cache: "no-store" });
  if (response.status === 204) return null;
  if (!response.ok) throw new Error(response.status);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

async function ask() {
  try {
    const url = location.href;
    const fresh = await load(url, { [VERSION]: document.body.dataset.version });
    if (fresh && url === location.href) {
      document.body.dataset.version = fresh.body.dataset.version;
      mergePage(fresh);
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

/* Tabs are links; with this they change a part of the page only. */

let tab = location.search;

async function swap(link) {
  const id = link.dataset.swap;
  try {
    const fresh = await load(link.href, { [VERSION]: "" });
    document.getElementById(id).replaceChildren(...fresh.getElementById(id).childNodes);
    history.pushState({ swap: true }, "", link.href);
    tab = location.search;
    document.getElementById(link.id)?.focus({ preventScroll: true });
    refreshTimes();
  } catch {
    location.href = link.href;
  }
}

// Links to a place on the page change the history, too: those need nothing else.
addEventListener("popstate", () => location.search === tab || location.reload());

/* Small helpers: copy, fill in, and say that something is under way. */

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
  const target = event.target.closest("[data-swap], [data-copy], [data-fill]");
  if (!target || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  if (target.dataset.swap) swap(target);
  else if (target.dataset.copy) copy(target);
  else fill(target);
});

document.addEventListener("submit", (event) => {
  const button = event.submitter ?? event.target.querySelector("[data-busy]");
  if (!button?.dataset.busy) return;
  if (button.hasAttribute("aria-busy")) return event.preventDefault();
  button.setAttribute("aria-busy", "true");
  button.dataset.before = button.lastChild.nodeValue;
  button.lastChild.nodeValue = button.dataset.busy;
});

// Coming back to the page with the browser's "back".
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[aria-busy]")) {
    button.removeAttribute("aria-busy");
    button.lastChild.nodeValue = button.dataset.before;
  }
});

function showCopyButtons() {
  if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

refreshTimes();
showCopyButtons();
setInterval(refreshTimes, 5000);
if (asks) {
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
  schedule();
}
