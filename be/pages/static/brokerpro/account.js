// What the customer has: totals, holdings, orders.

import * as decimals from "./decimals.js";
import { $, element, writeSigned } from "./dom.js";
import { call } from "./session.js";
import { averagePrice } from "./ticket.js";

const ORDERS = "/api/exchange/api/v1/orders/";
const OPEN = ["accepted", "new", "partially_filled", "held"];
const CLOSED_SHOWN = 8;

const orders = new Map(); // id → order

const number = (text, kind = "") => element("td", { className: `n ${kind}` }, text);

function signedMoney(text, kind = "") {
  const cell = number("", kind);
  writeSigned(cell, text === null ? "–" : decimals.signed(decimals.money(text)));
  return cell;
}

/** A button that names an instrument; main listens for its clicks. */
function link(symbol) {
  const button = element("button", { type: "button", className: "symbol" }, symbol);
  button.dataset.show = symbol;
  return button;
}

export async function loadHoldings() {
  const { results, totals } = await call("GET", "/api/portfolio/holdings/");
  $("equity").textContent = decimals.money(totals.equity);
  $("cash").textContent = decimals.money(totals.cash);
  writeSigned($("day-change"), decimals.signed(decimals.money(totals.day_change)));
  update($("holdings"), results.map(holdingRow));
  $("no-holdings").hidden = results.length > 0;
  $("deposit").hidden = Number(totals.equity) > 0;
}

function holdingRow(holding) {
  const price = holding.price === null ? "–" : decimals.price(holding.price);
  const value = holding.market_value === null ? "–" : decimals.money(holding.market_value);
  const row = element(
    "tr", {},
    element("th", { scope: "row" }, link(holding.symbol)),
    number(decimals.format(holding.quantity), "quantity"),
    number(price, "wide"),
    number(value),
    signedMoney(holding.day_change, "wide"),
    signedMoney(holding.unrealized_pnl),
  );
  row.dataset.holding = holding.symbol;
  return row;
}

export async function loadOrders() {
  const [open, closed] = await Promise.all([
    call("GET", `${ORDERS}?status=open&page_size=200`),
    call("GET", `${ORDERS}?status=closed&page_size=${CLOSED_SHOWN}`),
  ]);
  orders.clear();
  [...open.results, ...closed.results].forEach((order) => orders.set(order.id, order));
  drawOrders();
}

/** Take an order's newest state, unless a newer one came before. */
export function put(order) {
  if (orders.get(order.id)?.updated_at > order.updated_at) return;
  orders.set(order.id, order);
  drawOrders();
}

function drawOrders() {
  const isOpen = ({ status }) => OPEN.includes(status);
  const newest = [...orders.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  const closed = newest.filter((order) => !isOpen(order)).slice(0, CLOSED_SHOWN);
  update($("orders"), [...newest.filter(isOpen), ...closed].map(orderRow));
  $("no-orders").hidden = orders.size > 0;
}

function orderRow(order) {
  const isOpen = OPEN.includes(order.status);
  const waitsAt = order.limit_price ?? order.stop_price;
  const price = waitsAt ? decimals.price(waitsAt) : "market";
  const total = order.quantity === null ? decimals.money(order.notional) : decimals.format(order.quantity);
  const status = order.status.replaceAll("_", " ");
  const row = element(
    "tr", { className: isOpen ? "open" : "" },
    element("td", { className: "wide muted" }, timeText(order.created_at)),
    element("td", {}, element("span", { className: order.side }, order.side), ` ${total} `, link(order.symbol)),
    number(decimals.format(order.filled_quantity), "wide"),
    number(order.average_fill_price ? averagePrice(order) : price),
    element("td", { className: "status" }, status),
    element("td", { className: "n" }, ...(isOpen ? [cancelButton(order)] : [])),
  );
  row.dataset.order = order.id;
  return row;
}

function cancelButton(order) {
  const label = `Cancel the order to ${order.side} ${order.symbol}`;
  const button = element("button", { type: "button", className: "quiet", ariaLabel: label }, "Cancel");
  button.dataset.cancel = order.id;
  return button;
}

export async function cancel(id) {
  const canceled = await call("DELETE", `${ORDERS}${id}/`);
  put(canceled);
  return canceled;
}

/** Link a sandbox bank account, if there is none, and take $10,000 from it. */
export async function deposit() {
  const linked = await call("GET", "/api/banking/accounts/");
  const account = linked.results[0] ?? (await call("POST", "/api/banking/accounts/", {
    body: {
      account_holder: "Paper Customer", bank_name: "Sandbox Bank", account_type: "checking",
      account_number: "5550001234", routing_number: "021000021",
    },
  }));
  const body = { account: account.id, type: "deposit", amount: "10000.00" };
  await call("POST", "/api/banking/transactions/", { body });
}

/** Replace rows without taking the focus from the button that has it. */
function update(body, rows) {
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset : null;
  body.replaceChildren(...rows);
  const [name, value] = Object.entries(focused ?? {})[0] ?? [];
  if (name) body.querySelector(`[data-${name}="${CSS.escape(value)}"]`)?.focus();
}

function timeText(time) {
  const format = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Date(time).toLocaleString("en-GB", format).replace(",", "");
}
