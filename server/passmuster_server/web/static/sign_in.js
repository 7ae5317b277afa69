// Takes the token out of the address (its fragment never leaves the browser) and into the form.
"use strict";

const form = document.querySelector("[data-sign-in]");

function takeToken() {
  const token = location.hash.slice(1);
  if (form === null || token === "") {
    return;
  }
  form.elements.namedItem("link").value = token;
  for (const part of document.querySelectorAll("[data-without-link]")) {
    part.hidden = true;
  }
  form.querySelector("[data-with-link]").hidden = false;
  history.replaceState(null, "", location.pathname);
  form.querySelector("button").focus();
}

takeToken();
// A link that is opened in a tab that shows this page already loads nothing anew.
addEventListener("hashchange", takeToken);
