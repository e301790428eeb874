// The second half of signing in: a code or a passkey, after the password was right.

import { $ } from "./dom.js";
import * as passkeys from "./passkeys.js";
import * as session from "./session.js";

/** Prepare the form. `finish` is called with a button and what opens the session. */
export function ask({ factor_token, methods }, finish) {
  const form = $("second-factor");
  const byCode = methods.includes("totp") || methods.includes("recovery_code");
  const byPasskey = methods.includes("passkey") && passkeys.available();
  form.querySelector("[data-by=code]").hidden = !byCode;
  form.elements.code.required = byCode;
  form.elements.passkey.hidden = !byPasskey;
  $("second-factor-hint").textContent = hint(methods, byPasskey);
  form.onsubmit = (event) => {
    event.preventDefault();
    const code = form.elements.code.value;
    finish(form.elements.send, () => session.passSecondFactor({ factor_token, code }));
  };
  form.elements.passkey.onclick = ({ currentTarget }) =>
    finish(currentTarget, async () => {
      const options = await session.passkeyOptions({ factor_token });
      await session.passSecondFactor({ factor_token, passkey: await passkeys.get(options) });
    });
  form.elements.cancel.onclick = () => location.reload();
}

function hint(methods, byPasskey) {
  if (!methods.includes("totp") && !byPasskey) return "Type one of your recovery codes.";
  if (!methods.includes("totp")) return "Use your passkey, or type one of your recovery codes.";
  return "Type the six digits that your app shows, or one of your recovery codes.";
}

/** Offer signing in by a passkey and nothing else, where the browser can do that. */
export function offer(enter) {
  const button = $("passkey-alone");
  button.hidden = !passkeys.available();
  button.addEventListener("click", () =>
    enter(button, async () => {
      const options = await session.passkeyOptions({});
      await session.logInByPasskey(await passkeys.get(options));
    }),
  );
}
