// Keeps an open page up to date: told that something changed, it fetches itself and swaps what differs.
"use strict";

const LEAST_PAUSE_MS = 1000;
const REFRESH_MS = 30000; // verdicts also age without any event

const regions = [...document.querySelectorAll("[data-live]")];
const status = document.querySelector("[data-live-status]");

let timer = 0;
let lastFetch = 0;

function say(text) {
  if (status !== null && status.textContent !== text) {
    status.textContent = text;
    status.hidden = false;
  }
}

function replaceRows(current, fresh) {
  const before = new Map([...current.rows].map((row) => [row.id, row]));
  [...fresh.rows].forEach((row, index) => {
    const known = before.get(row.id);
    before.delete(row.id);
    let shown = known;
    if (known === undefined || known.outerHTML !== row.outerHTML) {
      shown = document.importNode(row, true);
      const verdict = (element) => element.querySelector(".verdict")?.textContent;
      if (known === undefined || verdict(known) !== verdict(row)) {
        shown.classList.add("changed");
        shown.addEventListener("animationend", () => shown.classList.remove("changed"));
      }
      known?.remove();
    }
    if (current.rows[index] !== shown) {
      current.insertBefore(shown, current.rows[index] ?? null);
    }
  });
  before.forEach((row) => row.remove());
}

function replaceRegion(current, fresh) {
  const rows = current.querySelector("[data-live-rows]");
  const freshRows = fresh.querySelector("[data-live-rows]");
  if (rows !== null && freshRows !== null) {
    replaceRows(rows, freshRows);
    return;
  }
  if (current.innerHTML === fresh.innerHTML) {
    return;
  }
  const open = new Map([...current.querySelectorAll("details[id]")].map((each) => [each.id, each.open]));
  current.replaceChildren(...document.importNode(fresh, true).childNodes);
  for (const each of current.querySelectorAll("details[id]")) {
    each.open = open.get(each.id) ?? each.open;
  }
}

async function refresh() {
  timer = 0;
  lastFetch = Date.now();
  let response;
  try {
    response = await fetch(location.href, { headers: { "X-Passmuster-Background": "1" } });
  } catch {
    say("The server can't be reached. Trying again…");
    return;
  }
  if (response.status === 401) {
    say("You are signed out. Reload the page to sign in.");
    stream.close();
    clearInterval(pulse);
    return;
  }
  if (!response.ok) {
    say("The server could not answer. Trying again…");
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const focused = document.activeElement?.id;
  for (const region of regions) {
    const fresh = page.querySelector(`[data-live="${region.dataset.live}"]`);
    if (fresh !== null) {
      replaceRegion(region, fresh);
    }
  }
  if (focused && document.activeElement === document.body) {
    document.getElementById(focused)?.focus();
  }
  say("Live");
}

function refreshSoon() {
  if (timer === 0) {
    timer = setTimeout(refresh, Math.max(0, lastFetch + LEAST_PAUSE_MS - Date.now()));
  }
}

let stream;
let pulse;
if (regions.length > 0) {
  stream = new EventSource("/fleet/events");
  stream.addEventListener("open", () => say("Live"));
  stream.addEventListener("changed", refreshSoon);
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.OPEN) {
      say("Connecting…");
      refreshSoon();
    }
  });
  pulse = setInterval(refreshSoon, REFRESH_MS);
  addEventListener("pagehide", () => stream.close());
}
