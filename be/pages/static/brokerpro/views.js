// The two views of a signed-in customer: the trading desk, and the account with its sections.
// The address says which one is shown (#account), so that links and the back button work.

import * as bank from "./account_bank.js";
import * as keys from "./account_keys.js";
import * as profile from "./account_profile.js";
import * as security from "./account_security.js";
import * as transfers from "./account_transfers.js";
import { $ } from "./dom.js";

/** Each module fills its section in `show(section)`, which is called whenever the view is opened. */
const SECTIONS = {
  "account-bank": bank,
  "account-transfers": transfers,
  "account-profile": profile,
  "account-security": security,
  "account-keys": keys,
};

/** Show the view that the address names, now and whenever it changes. */
export function start() {
  $("views").hidden = false;
  addEventListener("hashchange", show);
  show();
}

const isAccount = () => location.hash.startsWith("#account");

function show() {
  $("desk").hidden = isAccount();
  $("account").hidden = !isAccount();
  for (const link of $("views").querySelectorAll("a")) {
    const isShown = (link.hash === "#account") === isAccount();
    if (isShown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (isAccount()) Object.keys(SECTIONS).forEach(fill);
}

/** A section that can't be read now says so, and leaves the others alone. */
async function fill(id) {
  const section = $(id);
  section.querySelector(":scope > .failure")?.remove();
  try {
    await SECTIONS[id].show(section);
  } catch (problem) {
    const failure = Object.assign(document.createElement("p"), { className: "failure bad" });
    failure.textContent = problem.message;
    section.append(failure);
    section.hidden = false;
  }
}
