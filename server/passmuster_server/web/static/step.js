// Goes on with the sign-in by itself, as soon as what was in the way is put right.
"use strict";

const step = document.querySelector("[data-ready]");
const LOOK_EVERY_MS = 2000;

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(step.dataset.ready, { cache: "no-store" });
      if (!answer.ok || (await answer.json()).ready) {
        location.replace(step.dataset.go ?? location.href);
        return;
      }
    } catch {
      // Away from the network for a moment: the next look tells.
    }
  }
  setTimeout(look, LOOK_EVERY_MS);
}

setTimeout(look, LOOK_EVERY_MS);
