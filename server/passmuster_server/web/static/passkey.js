// Asks the browser for a passkey, and sends its answer with the form.
"use strict";

const form = document.querySelector("[data-passkey]");
const trouble = form.querySelector("[data-trouble]");
const button = form.querySelector("button");

function answer() {
  const options = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === "add") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble.hidden = true;
  button.disabled = true;
  try {
    form.elements.namedItem("credential").value = JSON.stringify(await answer());
    // Does not raise the event again.
    form.submit();
  } catch {
    // The person said no, has none, or the browser is too old: it does not tell us which.
    trouble.hidden = false;
    button.disabled = false;
  }
});

button.disabled = false;
