// Brings the page together: who is signed in decides what is shown, and the feed keeps it live.

import * as account from "./account.js";
import * as chart from "./chart.js";
import * as decimals from "./decimals.js";
import { $, writeSigned } from "./dom.js";
import * as entry from "./entry.js";
import * as feed from "./feed.js";
import * as market from "./market.js";
import * as session from "./session.js";
import "./step_up.js";
import * as ticket from "./ticket.js";
import * as views from "./views.js";

const FIRST_SYMBOL = "AAPL";
const HOLDINGS_EVERY = 5_000; // milliseconds: their values move with the prices
const NOTICE = "brokerpro.notice";

let shown = null;
let stream = null;

// Signing in and out -----------------------------------------------------------------------------

function welcome() {
  $("welcome").hidden = false;
  notice(sessionStorage.getItem(NOTICE) ?? "");
  sessionStorage.removeItem(NOTICE);
  entry.start(openDesk);
}

/** Begin again with an empty page, so that nothing of the customer stays in memory. */
function leave(reason) {
  stream?.close();
  if (reason) sessionStorage.setItem(NOTICE, reason);
  location.reload();
}

$("sign-out").addEventListener("click", async () => {
  stream?.close();
  await session.logOut().catch(() => {}); // signed out here, whatever the server says
  leave();
});
session.events.addEventListener("ended", ({ detail }) => leave(detail));
session.events.addEventListener("renewed", () => stream?.authenticate());

// The desk ---------------------------------------------------------------------------------------

async function openDesk() {
  const instruments = await allInstruments();
  $("welcome").hidden = true;
  for (const id of ["totals", "who"]) $(id).hidden = false;
  views.start();
  notice("");
  $("email").textContent = session.user().email;
  market.list(instruments, select);
  await select(market.instrumentOf(FIRST_SYMBOL) ? FIRST_SYMBOL : market.symbols()[0]);
  stream = feed.open({
    subscription: { symbols: market.symbols(), channels: ["orders"] },
    accessToken: session.accessToken,
    renew: session.renew,
    onState: showConnection,
    onMessage: receive,
  });
  setInterval(() => document.hidden || quietly(account.loadHoldings()), HOLDINGS_EVERY);
}

async function allInstruments() {
  const found = [];
  let next = "/api/exchange/api/v1/market-data/?page_size=200";
  while (next) {
    const page = await session.call("GET", next);
    found.push(...page.results);
    next = page.next && `/api/exchange/api/v1/market-data/${new URL(page.next).search}`;
  }
  return found;
}

async function select(symbol) {
  if (!market.instrumentOf(symbol)) return;
  shown = symbol;
  market.mark(symbol);
  $("symbol").textContent = symbol;
  $("name").textContent = market.instrumentOf(symbol).name;
  ticket.show(symbol);
  showQuote();
  const below = $("instrument").getBoundingClientRect().top > innerHeight * 0.7;
  if (below) $("instrument").scrollIntoView({ block: "start" });
  await loadChart();
}

const interval = () => document.querySelector("#intervals input:checked").value;
const loadChart = () => shown && quietly(chart.show(shown, interval()));

function showQuote() {
  const quote = market.quoteOf(shown);
  $("price").textContent = quote ? decimals.price(quote.price) : "–";
  if (!quote) return;
  const change = decimals.signed(decimals.price(quote.change));
  writeSigned($("change"), `${change} (${decimals.percent(quote.change_percent)})`);
  ticket.refresh();
}

// What the feed brings ---------------------------------------------------------------------------

function receive(message) {
  if (message.type === "subscribed") catchUp(message.quotes);
  if (message.type === "price_update") showQuotes(message.quotes);
  if (message.type === "order_update") showOrder(message);
  if (message.type === "gap") closeGap();
  if (message.type === "market_alert") notice(`${message.title}: ${message.message}`);
}

/** After the first connection, and after each that was lost: what was missed meanwhile. */
function catchUp(quotes) {
  showQuotes(quotes);
  loadChart();
  closeGap();
}

function showQuotes(quotes) {
  quotes.forEach(market.write);
  const quote = quotes.find(({ symbol }) => symbol === shown);
  if (!quote) return;
  chart.tick(quote);
  showQuote();
}

function showOrder({ order }) {
  account.put(order);
  if (order.symbol === shown) ticket.say(ticket.tell(order), order.status === "rejected");
  quietly(account.loadHoldings());
}

/** Order updates were lost on their way, and the server says so. */
function closeGap() {
  quietly(account.loadOrders());
  quietly(account.loadHoldings());
}

function showConnection(state) {
  $("connection").dataset.state = state;
  $("connection").textContent = state === "live" ? "Live" : "Reconnecting";
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

/** What is tried again soon anyhow may fail: the connection state tells. */
const quietly = (promise) => promise.catch(() => {});

// Buttons and choices ----------------------------------------------------------------------------

$("intervals").addEventListener("change", loadChart);
$("ticket").addEventListener("placed", ({ detail }) => {
  account.put(detail);
  quietly(account.loadHoldings());
});
$("desk").addEventListener("click", async ({ target }) => {
  if (target.dataset.show) select(target.dataset.show);
  if (target.dataset.cancel) await report(async () => ticket.tell(await account.cancel(target.dataset.cancel)));
});
$("deposit").addEventListener("click", () => report(async () => {
  await account.deposit();
  await account.loadHoldings();
  return "Deposited $10,000.00.";
}));

async function report(work) {
  try {
    ticket.say(await work());
  } catch (problem) {
    ticket.say(problem.message, true);
  }
}

if (session.user() && !entry.hasLink()) openDesk().catch((problem) => problem.status !== 401 && retryDesk(problem));
else welcome();

/** The server cannot be reached now, or not yet. */
function retryDesk(problem) {
  notice(problem.message);
  setTimeout(() => location.reload(), 5_000);
}
