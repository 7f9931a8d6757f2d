// Questions before acts, and what is said about them.
import { $, setText } from "./dom.js";

// {yes, reason}: whether it shall be done, and why, where `reason` asks for it.
export function ask({ title, text, yes, reason = false }) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  $("ask-yes").textContent = yes;
  $("ask-reason").value = "";
  $("ask-reason-label").hidden = !reason;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve({ yes: dialog.returnValue === "yes", reason: $("ask-reason").value }), { once: true });
  });
}

// What went wrong last; empty: nothing.
export function say(text) {
  setText($("trouble"), text);
  $("trouble").hidden = text === "";
}
