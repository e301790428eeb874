// The account's section "Bank accounts": link, verify by micro-deposits, unlink.

import { $, element } from "./dom.js";
import { call } from "./session.js";

const ACCOUNTS = "/api/banking/accounts/";
const WORDS = { pending: "waits for its micro-deposits", verified: "verified", unlinked: "unlinked" };

/** "changed": accounts were linked, verified or unlinked. */
export const events = new EventTarget();

/** Fill the section, and show it. */
export async function show(section) {
  await load();
  section.hidden = false;
}

/** The customer's accounts at banks, without unlinked ones. */
export async function linked() {
  const { results } = await call("GET", `${ACCOUNTS}?page_size=200`);
  return results.filter(({ status }) => status !== "unlinked");
}

export const name = ({ bank_name, account_number_last4 }) => `${bank_name} ··${account_number_last4}`;

async function load() {
  const accounts = await linked();
  $("bank-accounts").replaceChildren(...accounts.map(item));
  $("no-bank-accounts").hidden = accounts.length > 0;
  if (accounts.length === 0) $("link-bank").open = true;
}

function item(account) {
  const made = element(
    "li", {},
    element("div", {},
      element("b", {}, name(account)), ` ${account.account_type}, `,
      element("span", { className: account.status }, WORDS[account.status] ?? account.status),
    ),
    unlinkButton(account),
    ...(account.status === "pending" ? [verifyForm(account)] : []),
  );
  made.dataset.account = account.id;
  return made;
}

function unlinkButton(account) {
  const button = element("button", { type: "button", className: "quiet", ariaLabel: `Unlink ${name(account)}` }, "Unlink");
  button.addEventListener("click", () => work(button, async () => {
    if (!confirm(`Unlink ${name(account)}? Its number is deleted; transfers that were made stay.`)) return "";
    await call("DELETE", `${ACCOUNTS}${account.id}/`);
    return `${name(account)} is unlinked.`;
  }));
  return button;
}

function verifyForm(account) {
  const amount = (label) => element("label", {}, label, element("input", {
    name: "amount", inputMode: "decimal", autocomplete: "off", placeholder: "0.00", required: true,
  }));
  const button = element("button", { className: "primary" }, "Verify");
  const form = element(
    "form", { className: "fields" },
    element("p", { className: "all muted" }, hint(account)),
    amount("First amount"), amount("Second amount"), button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const amounts = new FormData(form).getAll("amount").map((text) => text.trim().replace(/^\$/, ""));
    work(button, async () => {
      await call("POST", `${ACCOUNTS}${account.id}/verify/`, { body: { amounts } });
      return `${name(account)} is verified.`;
    });
  });
  return form;
}

function hint({ verification_tries_left: left }) {
  const tries = left == null ? "" : ` ${left} ${left === 1 ? "try is" : "tries are"} left.`;
  return `Two small deposits are on their way to this account. Enter their amounts to verify that it is yours.${tries}`;
}

/** Work once at a time; say what came of it, and show what there is now. */
async function work(button, act) {
  button.disabled = true;
  try {
    say(await act());
  } catch (problem) {
    say(problem.message, true);
  } finally {
    button.disabled = false;
  }
  await load().catch(() => {}); // what was said stays
  events.dispatchEvent(new Event("changed"));
}

function say(text, isBad = false) {
  $("bank-outcome").textContent = text;
  $("bank-outcome").classList.toggle("bad", isBad);
}

$("bank-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  work(event.submitter, async () => {
    const body = Object.fromEntries(new FormData(form));
    const account = await call("POST", ACCOUNTS, { body });
    form.reset();
    $("link-bank").open = false;
    return account.status === "pending"
      ? `${name(account)} is linked, and has to be verified.`
      : `${name(account)} is linked and verified.`;
  });
});
