// The account's section "Security": second factors, the password, and where one is signed in.

import { sectionOf } from "./account_section.js";
import { $, element } from "./dom.js";
import * as passkeys from "./passkeys.js";
import * as session from "./session.js";

const FACTORS = "/api/auth/factors/";

/** Fill the section, and show it. */
export async function show(section) {
  const [has, signedIn] = await Promise.all([
    session.call("GET", FACTORS),
    session.call("GET", "/api/auth/sessions/"),
  ]);
  const outcome = element("p", { className: "outcome", role: "status" });
  const parts = [
    outcome,
    ...app(has), ...keys(has), ...codes(has), ...password(has), ...sessions(signedIn.results),
  ];
  section.replaceChildren($("security-title"), ...parts);
  section.hidden = false;
}

const { change, say } = sectionOf("account-security", show);

// The authenticator app --------------------------------------------------------------------------

function app(has) {
  const title = element("h3", {}, "Authenticator app");
  if (has.totp) {
    const remove = button("Remove the app", () =>
      change(remove, () => session.call("DELETE", `${FACTORS}totp/`), "The app is removed."));
    return [title, text(`Signing in asks for a code of your app since ${when(has.totp.confirmed_at)}.`), remove];
  }
  const begin = button("Set up an app", async () => {
    begin.disabled = true;
    try {
      begin.replaceWith(setUp(await session.call("POST", `${FACTORS}totp/`)));
    } catch (problem) {
      say(problem.message, "bad");
      begin.disabled = false;
    }
  });
  return [title, text("An app on your phone shows a new code every half a minute."), begin];
}

function setUp({ secret, qr_code }) {
  const send = element("button", { className: "primary" }, "Confirm");
  const form = element(
    "form", { className: "set-up" },
    element("img", { src: qr_code, alt: "A QR code for your authenticator app", className: "qr" }),
    element(
      "div", {},
      text("Scan this with your app, or type the key into it. Then type the code that it shows."),
      element("p", {}, element("code", { className: "key" }, secret.match(/.{1,4}/g).join(" "))),
      element("label", {}, "Code", element("input", {
        name: "code", required: true, inputMode: "numeric", autocomplete: "one-time-code",
      })),
      send,
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { code } = Object.fromEntries(new FormData(form));
    change(send, async () => {
      const { recovery_codes } = await session.call("POST", `${FACTORS}totp/confirm/`, { body: { code } });
      return recovery_codes.length ? list(recovery_codes) : null;
    }, "The app is set up.");
  });
  return form;
}

// Passkeys ---------------------------------------------------------------------------------------

function keys(has) {
  const title = element("h3", {}, "Passkeys");
  const intro = text("Your finger, face or PIN on a device of yours: as a second factor, or in the place of the password.");
  const rows = has.passkeys.map((passkey) => {
    const remove = button("Remove", () => change(
      remove, () => session.call("DELETE", `${FACTORS}passkeys/${passkey.id}/`), "The passkey is removed.",
    ));
    remove.ariaLabel = `Remove the passkey ${passkey.name}`;
    const used = passkey.last_used_at ? `used ${when(passkey.last_used_at)}` : "not used yet";
    return [passkey.name, `added ${when(passkey.created_at)}`, used, remove];
  });
  return [title, intro, ...(rows.length ? [table("Passkeys", rows)] : []), passkeys.available() ? adding() : notHere()];
}

function adding() {
  const send = element("button", { className: "quiet" }, "Add a passkey");
  const form = element(
    "form", { className: "actions" },
    element("label", {}, "Name of a new passkey", element("input", { name: "name", required: true, maxLength: 64, value: "This device" })),
    send,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { name } = Object.fromEntries(new FormData(form));
    change(send, async () => {
      const { public_key } = await session.call("POST", `${FACTORS}passkeys/options/`);
      const body = { name, credential: await passkeys.create(public_key) };
      const { recovery_codes } = await session.call("POST", `${FACTORS}passkeys/`, { body });
      return recovery_codes.length ? list(recovery_codes) : null;
    }, "The passkey is added.");
  });
  return form;
}

const notHere = () =>
  text("This browser can't make passkeys at this address: open the page by its name and https, or by http://localhost.");

// Recovery codes ---------------------------------------------------------------------------------

function codes(has) {
  if (!has.second_factor) return [];
  const renew = button("Make new codes", () => change(renew, async () => {
    const { recovery_codes } = await session.call("POST", `${FACTORS}recovery-codes/`);
    return list(recovery_codes);
  }, "The old codes work no more."));
  return [
    element("h3", {}, "Recovery codes"),
    text(`Each lets you in once without app or passkey. ${has.recovery_codes_left} of yours are left.`),
    renew,
  ];
}

/** The codes, which are shown this once, and a file of them. */
function list(recovery_codes) {
  const file = new Blob([`BrokerPro recovery codes; each works once\n\n${recovery_codes.join("\n")}\n`], { type: "text/plain" });
  const save = element("a", { href: URL.createObjectURL(file), download: "brokerpro-recovery-codes.txt" }, "Download them");
  return element(
    "div", { className: "recovery", id: "recovery-codes" },
    element("p", {}, element("strong", {}, "Keep these recovery codes in a safe place. They are shown this once.")),
    element("ul", {}, ...recovery_codes.map((code) => element("li", {}, element("code", {}, code)))),
    save,
  );
}

// Password and sessions --------------------------------------------------------------------------

function password() {
  const send = element("button", { className: "quiet" }, "Change the password");
  const form = element(
    "form", { className: "fields", id: "change-password" },
    field("Current password", "current_password", "current-password"),
    field("New password", "new_password", "new-password"),
    send,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = Object.fromEntries(new FormData(form));
    send.disabled = true;
    try {
      await session.call("POST", "/api/auth/password/", { body });
      await session.ended("Your password is changed. Please sign in with the new one.");
    } catch (problem) {
      say(problem.message, "bad");
      send.disabled = false;
    }
  });
  return [element("h3", {}, "Password"), text("A new password signs you out everywhere."), form];
}

const field = (label, name, autocomplete) =>
  element("label", {}, label, element("input", { name, type: "password", required: true, autocomplete }));

function sessions(found) {
  const rows = found.map((one) => {
    const end = button("End", () => change(
      end, () => session.call("DELETE", `/api/auth/sessions/${one.id}/`), "The session is ended.",
    ));
    end.ariaLabel = `End the session of ${one.ip_address ?? "an unknown address"}`;
    const device = element("span", { className: "agent" }, one.user_agent || "unknown device");
    const address = one.ip_address ?? "";
    return [device, address, `used ${when(one.last_used_at)}`, one.current ? "this one" : end];
  });
  return [element("h3", {}, "Where you are signed in"), table("Sessions", rows)];
}

// Pieces -----------------------------------------------------------------------------------------

const text = (words) => element("p", { className: "muted" }, words);

function button(words, onclick) {
  return element("button", { type: "button", className: "quiet", onclick }, words);
}

function table(caption, rows) {
  const cells = (row) => row.map((cell) => element("td", {}, cell));
  return element(
    "div", { className: "scroll" },
    element("table", {}, element("caption", {}, caption), element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row))))),
  );
}

function when(time) {
  const format = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
  return new Date(time).toLocaleString("en-GB", format);
}
