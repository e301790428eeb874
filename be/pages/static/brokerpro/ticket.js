// The order ticket.

import * as decimals from "./decimals.js";
import { $ } from "./dom.js";
import * as market from "./market.js";
import { call } from "./session.js";

const form = $("ticket");
const fields = form.elements;
let symbol = null;
let attempt = null; // {text, key}: the same order sent again keeps its Idempotency-Key

/** Show another instrument. */
export function show(chosen) {
  symbol = chosen;
  const { min_quantity, asset_class } = market.instrumentOf(symbol);
  fields.amount.value = asset_class === "bond" ? min_quantity : "1";
  fields.unit.options[0].textContent = { crypto: "coins", bond: "face value" }[asset_class] ?? "shares";
  fields.unit.value = "quantity";
  suggestPrice();
  say("");
  refresh();
}

/** Follow the quote and the fields. */
export function refresh() {
  const quote = market.quoteOf(symbol);
  if (!quote) return;
  $("price-field").hidden = isMarket();
  $("price-label").textContent = isStop() ? "Stop price" : "Limit price";
  fields.unit.options[1].disabled = !isMarket(); // dollars are for market orders
  if (!isMarket()) fields.unit.value = "quantity";
  $("bid").textContent = decimals.price(quote.bid);
  $("ask").textContent = decimals.price(quote.ask);
  $("place").textContent = `${isBuy() ? "Buy" : "Sell"} ${symbol}`;
  form.dataset.side = fields.side.value;
  $("estimate").textContent = estimate(quote);
}

const isBuy = () => fields.side.value === "buy";
const isMarket = () => fields.order_type.value === "market";
const isStop = () => fields.order_type.value === "stop";

/** A limit begins at the market; a stop has to be away from it, where is for the customer to say. */
function suggestPrice() {
  const quote = market.quoteOf(symbol);
  fields.order_price.value = (!isStop() && quote?.[isBuy() ? "ask" : "bid"]) || "";
}

function estimate(quote) {
  const amount = fields.amount.value.trim();
  const price = isMarket() ? quote[isBuy() ? "ask" : "bid"] : fields.order_price.value.trim();
  if (fields.unit.value === "notional") return `At about ${decimals.price(price)}`;
  if (!decimals.isPositive(amount) || !decimals.isPositive(price)) return "";
  const isBond = market.instrumentOf(symbol).asset_class === "bond";
  const value = decimals.money(decimals.product(amount, price, { perHundred: isBond }));
  return `About ${value}${isBond ? ", and accrued interest" : ""}`;
}

async function place(event) {
  event.preventDefault();
  const order = { symbol, side: fields.side.value, order_type: fields.order_type.value };
  order[fields.unit.value] = fields.amount.value.trim();
  if (!isMarket()) order[isStop() ? "stop_price" : "limit_price"] = fields.order_price.value.trim();
  const text = JSON.stringify(order);
  if (attempt?.text !== text) attempt = { text, key: newKey() };
  $("place").disabled = true;
  try {
    const headers = { "Idempotency-Key": attempt.key };
    const placed = await call("POST", "/api/exchange/api/v1/orders/", { body: order, headers });
    attempt = null;
    say(tell(placed), placed.status === "rejected");
    form.dispatchEvent(new CustomEvent("placed", { detail: placed }));
  } catch (problem) {
    if (problem.status && problem.status < 500) attempt = null;
    const isUnknown = attempt ? " Send it again: it cannot be placed twice." : "";
    say(problem.message + isUnknown, true);
  } finally {
    $("place").disabled = false;
  }
}

/** What became of an order, in a sentence. */
export function tell(order) {
  const action = order.side === "buy" ? "buy" : "sell";
  const what = `${decimals.format(order.quantity ?? "0")} ${order.symbol}`;
  const fill = `${decimals.format(order.filled_quantity)} ${order.symbol} at ${averagePrice(order)}`;
  const sentences = {
    accepted: `Accepted: waits for the next price of ${order.symbol}.`,
    new: `Working: ${action} ${what} ${workingPrice(order)}.`,
    partially_filled: `Partly filled: ${fill}.`,
    filled: `${order.side === "buy" ? "Bought" : "Sold"} ${fill}.`,
    canceled: `Canceled: ${action} ${what}.`,
    expired: `Expired: ${action} ${what}.`,
    rejected: `Rejected: ${(order.reject_reason ?? "no reason given").replaceAll("_", " ")}.`,
  };
  return sentences[order.status] ?? `Order ${order.status}.`;
}

/** Where a working order waits, as words: its limit, or its stop price. */
function workingPrice({ limit_price, stop_price }) {
  const text = decimals.format(limit_price ?? stop_price ?? "0", { min: 2 });
  return limit_price ? `at ${text}` : `when it trades at ${text}`;
}

/** The mean price, to the cent or to four places of what costs less than a dollar. */
export function averagePrice({ average_fill_price }) {
  if (!average_fill_price) return "–";
  return decimals.format(average_fill_price, { min: 2, max: 4 });
}

export function say(text, isBad = false) {
  $("order-outcome").textContent = text;
  $("order-outcome").classList.toggle("bad", isBad);
}

/** Random, also where crypto.randomUUID is missing (pages without TLS). */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

form.addEventListener("submit", place);
form.addEventListener("input", refresh);
form.addEventListener("change", (event) => {
  if (["side", "order_type"].includes(event.target.name)) suggestPrice();
  refresh();
});
