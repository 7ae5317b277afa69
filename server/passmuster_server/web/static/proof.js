// Opens the companion's ports one after the other in a small window, until the server has its proof.
"use strict";

const page = document.querySelector("[data-proof]");
const LOOK_EVERY_MS = 250;
const PATIENCE_MS = 16000; // the laptop reads everything anew before it answers
const TRIED = "passmuster-tried";

function shown(name) {
  document.querySelectorAll("[data-step]").forEach((step) => {
    step.hidden = step.dataset.step !== name;
  });
}

function mark(lasts) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `passmuster_window=1; Path=/proof; Max-Age=${lasts}; SameSite=Lax${secure}`;
}

async function state() {
  const answer = await fetch(page.dataset.state, { cache: "no-store" });
  return answer.ok ? (await answer.json()).state : "over";
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// Whether the window shows nothing yet, or a page of ours; what another site or the browser itself
// shows there (nobody listens, somebody else does) is hidden from us, which tells as much.
function isOurs(opened) {
  try {
    return opened.location.href !== "";
  } catch {
    return false;
  }
}

async function until(condition, within) {
  const end = performance.now() + within;
  while (!(await condition()) && performance.now() < end) {
    await pause(LOOK_EVERY_MS / 5);
  }
}

async function answered(opened) {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end && !opened.closed) {
    const refused = !isOurs(opened);
    const now = await state();
    if (now !== "waiting" || refused) {
      return now;
    }
    await pause(LOOK_EVERY_MS);
  }
  return state();
}

// Where no second window is allowed this one goes. Nothing of what it meets there comes back, so that
// each click of a visit tries the next address, and a new visit begins with the one that did.
function go(urls) {
  const [visit, last] = (sessionStorage.getItem(TRIED) ?? " 0").split(" ");
  const turn = (Number(last) + (visit === page.dataset.state ? 1 : 0)) % urls.length;
  sessionStorage.setItem(TRIED, `${page.dataset.state} ${turn}`);
  location.assign(urls[turn]);
}

async function check() {
  const urls = page.dataset.urls.split(" ");
  const opened = window.open(urls[0], "passmuster-proof", "popup,width=420,height=320");
  if (opened === null) {
    go(urls);
    return;
  }
  mark(60);
  shown("checking");
  let end = "waiting";
  let port = 0;
  for (const url of urls) {
    if (url !== urls[0]) {
      opened.location.replace("about:blank");
      await until(() => isOurs(opened), 1000);
      opened.location.replace(url);
    }
    port = new URL(url).port;
    end = await answered(opened);
    if (end !== "waiting" || opened.closed) {
      break;
    }
  }
  opened.close();
  mark(0);
  if (end === "proven") {
    location.replace(`${page.dataset.back}?port=${port}`);
    return;
  }
  shown("nobody");
}

if (page !== null) {
  const button = document.querySelector("[data-check]");
  button.addEventListener("click", (event) => {
    event.preventDefault();
    check();
  });
}
if (document.querySelector("[data-close]") !== null) {
  window.close();
}
