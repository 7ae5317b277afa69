// Opens the companion's ports one after the other in a small window, until the server has its proof.
"use strict";

const page = document.querySelector("[data-proof]");
const LOOK_EVERY_MS = 300;
const PATIENCE_MS = 8000; // the laptop reads everything anew before it answers
const FIRST_MS = 1500; // and where nobody listens, the browser knows at once

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

async function proven(within) {
  const end = performance.now() + within;
  while (performance.now() < end) {
    const now = await state();
    if (now !== "waiting") {
      return now;
    }
    await pause(LOOK_EVERY_MS);
  }
  return "waiting";
}

async function check() {
  const urls = page.dataset.urls.split(" ");
  const opened = window.open(urls[0], "passmuster-proof", "popup,width=420,height=320");
  if (opened === null) {
    location.assign(urls[0]); // no second window is allowed here: this one goes
    return;
  }
  mark(60);
  shown("checking");
  let end = "waiting";
  let port = 0;
  for (let at = 0; at < urls.length && end === "waiting"; at += 1) {
    if (at > 0) {
      opened.location.replace(urls[at]);
    }
    port = new URL(urls[at]).port;
    end = await proven(at === urls.length - 1 ? PATIENCE_MS : FIRST_MS);
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
