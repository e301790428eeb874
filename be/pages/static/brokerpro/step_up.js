// The dialog that asks a signed-in customer to prove again who they are: what can do the most harm
// needs that. The call that was refused is then made once more.

import { element } from "./dom.js";
import * as passkeys from "./passkeys.js";
import * as session from "./session.js";

session.onStepUp(stepUp);

let asking = null;

/** Ask, and wait for a step-up; calls at the same time share one question. False: canceled. */
function stepUp() {
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

async function ask() {
  const has = await session.call("GET", "/api/auth/factors/");
  const dialog = form(has);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "done");
    });
  });
}

function form(has) {
  const field = has.second_factor
    ? input(has.totp ? "Code of your app, or a recovery code" : "A recovery code", { autocomplete: "one-time-code" })
    : input("Password", { type: "password", autocomplete: "current-password" });
  const outcome = element("p", { className: "outcome bad", role: "alert" });
  const send = element("button", { className: "primary" }, "Confirm");
  const passkey = element("button", { type: "button", className: "primary" }, "Use a passkey");
  const cancel = element("button", { type: "button", className: "quiet" }, "Cancel");
  const typed = element(
    "form", { method: "dialog", className: "step-up" },
    element("h2", { id: "step-up-title" }, "Is it you?"),
    element("p", { className: "muted" }, "This can do harm in the wrong hands, so please confirm it. It counts for five minutes."),
    ...(has.passkeys.length && passkeys.available() ? [passkey] : []),
    ...(has.totp || has.recovery_codes_left || !has.second_factor ? [field, send] : []),
    cancel, outcome,
  );
  const dialog = element("dialog", { className: "card" }, typed);
  dialog.setAttribute("aria-labelledby", "step-up-title");

  const attempt = async (prove) => {
    outcome.textContent = "";
    try {
      await session.call("POST", "/api/auth/step-up/", { body: await prove() });
      dialog.close("done");
    } catch (problem) {
      outcome.textContent = problem.message;
    }
  };
  typed.addEventListener("submit", (event) => {
    event.preventDefault();
    const { value } = field.querySelector("input");
    attempt(() => (has.second_factor ? { code: value } : { password: value }));
  });
  passkey.addEventListener("click", () => attempt(async () => {
    const { public_key } = await session.call("POST", "/api/auth/step-up/passkey/options/");
    return { passkey: await passkeys.get(public_key) };
  }));
  cancel.addEventListener("click", () => dialog.close("canceled"));
  return dialog;
}

const input = (label, properties) =>
  element("label", {}, label, element("input", { required: true, ...properties }));
