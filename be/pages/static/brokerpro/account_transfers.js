// The account's section "Deposits and withdrawals": a form, and what became of each transfer.

import { loadHoldings } from "./account.js";
import * as bank from "./account_bank.js";
import * as decimals from "./decimals.js";
import { $, element } from "./dom.js";
import { call } from "./session.js";

const TRANSACTIONS = "/api/banking/transactions/";
const SHOWN = 20;
const LOOK_AGAIN = 1_500; // milliseconds, while something is pending
const REASONS = { waiting: "waits for approval", approved: "approved", rejected: "not approved" };

const form = $("transfer");
const fields = form.elements;
let accounts = [];
let timer = 0;
let attempt = null; // {text, key}: the same transfer sent again keeps its Idempotency-Key

/** Fill the section, and show it. */
export async function show(section) {
  section.hidden = false;
  await Promise.all([loadAccounts(), load()]);
}

async function loadAccounts() {
  const chosen = fields.account.value;
  accounts = await bank.linked();
  const verified = accounts.filter(({ status }) => status === "verified");
  fields.account.replaceChildren(
    ...verified.map((account) => element("option", { value: account.id }, bank.name(account))),
  );
  if (verified.some(({ id }) => id === chosen)) fields.account.value = chosen;
  form.hidden = verified.length === 0;
  $("no-verified-account").hidden = verified.length > 0;
}

async function load() {
  clearTimeout(timer);
  const [{ results }, balances] = await Promise.all([
    call("GET", `${TRANSACTIONS}?page_size=${SHOWN}`),
    call("GET", "/api/banking/balances/"),
  ]);
  showBalance(balances.results.find(({ asset }) => asset === "USD"));
  $("transfers").replaceChildren(...results.map(row));
  $("no-transfers").hidden = results.length > 0;
  if (results.some(({ status }) => status === "pending")) timer = setTimeout(lookAgain, LOOK_AGAIN);
}

/** While something is pending and somebody looks. */
function lookAgain() {
  if ($("account").hidden) return; // opening the view loads anew
  load().then(loadHoldings).catch(() => (timer = setTimeout(lookAgain, LOOK_AGAIN)));
}

function showBalance(dollars) {
  const money = (name) => decimals.money(dollars?.[name] ?? "0.00");
  const held = decimals.isPositive(dollars?.held ?? "0") ? `, ${money("held")} held` : "";
  $("transfer-balance").textContent = `You can withdraw ${money("available")}${held}.`;
  const hasDebt = decimals.isPositive(dollars?.debt ?? "0");
  $("transfer-debt").hidden = !hasDebt;
  if (hasDebt) {
    $("transfer-debt").textContent =
      `You owe ${money("debt")}, because a deposit was returned after it was spent. The next deposit pays it.`;
  }
}

function row(transaction) {
  const { type, amount, status, created_at } = transaction;
  const account = accounts.find(({ id }) => id === transaction.account);
  const sign = type === "deposit" ? "+" : "−";
  const made = element(
    "tr", { className: status === "pending" ? "open" : "" },
    element("td", { className: "wide muted" }, timeText(created_at)),
    element("td", {}, type, element("span", { className: "muted wide" }, account ? ` ${bank.name(account)}` : "")),
    element("td", { className: "n" }, sign + decimals.money(amount)),
    element("td", { className: "status" }, ...state(transaction)),
    element("td", { className: "n" }, ...(status === "pending" ? [cancelButton(transaction)] : [])),
  );
  made.dataset.transfer = transaction.id;
  return made;
}

/** The state in words: why it failed, who looks at it, when the bank is done. */
function state({ status, failure_reason, review, settles_on }) {
  const details = [
    failure_reason?.replaceAll("_", " "),
    review && REASONS[review],
    status === "pending" && settles_on && `settles ${settles_on}`,
  ].filter(Boolean);
  return [status, element("span", { className: "muted" }, details.map((text) => ` · ${text}`).join(""))];
}

function cancelButton({ id, type }) {
  const button = element("button", { type: "button", className: "quiet", ariaLabel: `Cancel the ${type}` }, "Cancel");
  button.addEventListener("click", () => work(button, async () => {
    await call("POST", `${TRANSACTIONS}${id}/cancel/`);
    return "Canceled.";
  }));
  return button;
}

async function work(button, act) {
  button.disabled = true;
  try {
    say(await act());
  } catch (problem) {
    say(problem.message, true);
  } finally {
    button.disabled = false;
  }
  await Promise.all([load(), loadHoldings()]).catch(() => {}); // what was said stays
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const amount = fields.amount.value.trim().replace(/^\$/, "").replaceAll(",", "");
  const body = { account: fields.account.value, type: fields.type.value, amount };
  work($("transfer-send"), () => send(body));
});

async function send(body) {
  const text = JSON.stringify(body);
  if (attempt?.text !== text) attempt = { text, key: newKey() };
  try {
    const headers = { "Idempotency-Key": attempt.key };
    const sent = await call("POST", TRANSACTIONS, { body, headers });
    attempt = null;
    fields.amount.value = "";
    return tell(sent);
  } catch (problem) {
    if (problem.status && problem.status < 500) attempt = null;
    throw problem;
  }
}

function tell({ type, amount, status, failure_reason, review }) {
  const what = `${type === "deposit" ? "Deposit" : "Withdrawal"} of ${decimals.money(amount)}`;
  if (review === "waiting") return `${what}: somebody of us looks at it first.`;
  const reason = failure_reason ? `: ${failure_reason.replaceAll("_", " ")}` : "";
  return { completed: `${what} is done.`, pending: `${what} is on its way.` }[status] ?? `${what} ${status}${reason}.`;
}

function say(text, isBad = false) {
  $("transfer-outcome").textContent = text;
  $("transfer-outcome").classList.toggle("bad", isBad);
}

function showSide() {
  $("transfer-send").textContent = fields.type.value === "deposit" ? "Deposit" : "Withdraw";
}
form.addEventListener("change", showSide);
showSide();
bank.events.addEventListener("changed", () => loadAccounts().then(load).catch(() => {}));

/** Random, also where crypto.randomUUID is missing (pages without TLS). */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function timeText(time) {
  const format = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Date(time).toLocaleString("en-GB", format).replace(",", "");
}
