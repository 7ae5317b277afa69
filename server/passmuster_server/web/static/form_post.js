// Sends the form with the answer for the sign-in that is waiting; without scripts, its button does.
"use strict";

document.querySelector("[data-send-at-once]").submit();
