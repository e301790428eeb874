// The account's section "API keys": make one, see its secret once, name and revoke.

import { sectionOf } from "./account_section.js";
import { $, element } from "./dom.js";
import { call } from "./session.js";

const KEYS = "/api/auth/api-keys/";
const SCOPES = { read: "Read", trade: "Trade", transfer: "Deposit and withdraw" };

/** Fill the section, and show it. */
export async function show(section) {
  const { results } = await call("GET", KEYS);
  const intro = "A bot signs in with a key, not with your password. It survives a change of the password.";
  section.replaceChildren(
    $("keys-title"),
    element("p", { className: "outcome", role: "status" }),
    element("p", { className: "muted" }, intro),
    ...(results.length ? [table(results)] : []),
    form(),
  );
  section.hidden = false;
}

const { change, say } = sectionOf("account-keys", show);

// The keys ---------------------------------------------------------------------------------------

function table(keys) {
  const heads = ["Name", "May", "From", "Made", "Ends", "Last used", ""];
  const body = element("tbody", {}, ...keys.map(row));
  return element(
    "div", { className: "scroll" },
    element(
      "table", { className: "keys", ariaLabel: "API keys" },
      element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)))),
      body,
    ),
  );
}

function row(key) {
  const revoke = element("button", { type: "button", className: "quiet", ariaLabel: `Revoke ${key.name}` }, "Revoke");
  revoke.addEventListener("click", () => {
    if (!confirm(`Revoke ${key.name}? What uses it stops at once.`)) return;
    change(revoke, () => call("DELETE", `${KEYS}${key.id}/`), `${key.name} is revoked.`);
  });
  const cell = (...children) => element("td", {}, ...children);
  return element(
    "tr", {},
    element("th", { scope: "row" }, key.name, element("small", { className: "muted" }, ` ${key.key_id}`)),
    cell(key.scopes.map((scope) => SCOPES[scope]).join(", ")),
    cell(key.addresses.join(", ") || "anywhere"),
    cell(day(key.created_at)),
    cell(key.expires_at ? day(key.expires_at) : "never"),
    cell(key.last_used_at ? day(key.last_used_at) : "never"),
    cell(revoke),
  );
}

const day = (time) => new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });

// A new key --------------------------------------------------------------------------------------

function form() {
  const send = element("button", { className: "primary" }, "Make a key");
  const scopes = Object.entries(SCOPES).map(([value, text]) =>
    element(
      "label", {},
      element("input", { type: "checkbox", name: "scopes", value, checked: value === "read" }), ` ${text}`,
    ));
  const made = element(
    "form", { className: "new-key" },
    element("label", {}, "Name of a new key", element("input", { name: "name", required: true, maxLength: 100 })),
    element("fieldset", {}, element("legend", {}, "It may"), ...scopes),
    element("label", {}, "Ends on, if it ends", element("input", { name: "ends", type: "date" })),
    element("label", {}, "Only from these addresses", element("input", {
      name: "addresses", placeholder: "anywhere, or 192.0.2.7 198.51.100.0/24", autocomplete: "off",
    })),
    send,
  );
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    change(send, async () => secretOf(await call("POST", KEYS, { body: wanted(made) })), "The key is made.");
  });
  return made;
}

function wanted(from) {
  const given = new FormData(from);
  const ends = given.get("ends");
  const addresses = given.get("addresses").split(/[\s,]+/).filter(Boolean);
  return {
    name: given.get("name"),
    scopes: given.getAll("scopes"),
    expires_at: ends ? new Date(`${ends}T23:59:59`).toISOString() : null,
    ...(addresses.length ? { addresses } : {}),
  };
}

/** The whole key, which the server shows this once. */
function secretOf({ name, key_id, secret }) {
  const whole = `${key_id}.${secret}`;
  const shown = element("output", { className: "key" }, whole);
  const copy = element("button", { type: "button", className: "quiet" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(whole);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(shown); // no clipboard at this address: copy by hand
    }
  });
  return element(
    "div", { className: "secret", role: "group", ariaLabel: `The key ${name}` },
    element("p", {}, "Copy it now. It is not shown again."),
    shown, " ", copy,
  );
}
