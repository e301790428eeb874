// The table of live prices.

import * as decimals from "./decimals.js";
import { $, element, writeSigned } from "./dom.js";

const CLASSES = { stock: "Stocks", etf: "ETFs", crypto: "Crypto", bond: "Bonds" };
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

const rows = new Map(); // symbol → {row, cells, instrument, quote}

export const quoteOf = (symbol) => rows.get(symbol)?.quote;
export const instrumentOf = (symbol) => rows.get(symbol)?.instrument;
export const symbols = () => [...rows.keys()];

/** Fill the table. `onSelect` is called with a symbol. */
export function list(instruments, onSelect) {
  for (const [name, title] of Object.entries(CLASSES)) {
    const heading = element("th", { colSpan: 7, scope: "rowgroup", textContent: title });
    const group = element("tbody", {}, element("tr", { className: "group" }, heading));
    group.dataset.class = name;
    const members = instruments.filter((each) => each.asset_class === name);
    group.append(...members.map((instrument) => rowOf(instrument, onSelect)));
    $("prices").append(group);
  }
  instruments.forEach(({ quote }) => quote && write(quote));
}

function rowOf(instrument, onSelect) {
  const { symbol, name } = instrument;
  const button = element("button", { type: "button", className: "symbol", title: name }, symbol);
  const number = (kind) => element("td", { className: `n ${kind}` }, "–");
  const cells = {
    price: number("price"), change: number("change"),
    bid: number("wide"), ask: number("wide"), volume: number("wide"),
  };
  const title = element("td", { className: "name wide", title: name }, name);
  const head = element("th", { scope: "row" }, button);
  const row = element("tr", {}, head, title, ...Object.values(cells));
  row.dataset.symbol = symbol;
  row.onclick = () => onSelect(symbol);
  row.onkeydown = moveFocus;
  rows.set(symbol, { row, button, cells, instrument, quote: null });
  return row;
}

/** Arrow keys go to the next visible row. */
function moveFocus(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...$("prices").querySelectorAll("button")].filter((each) => each.offsetParent);
  buttons[buttons.indexOf(event.target) + step]?.focus();
}

/** Write a quote into its row. A price that has moved flashes. */
export function write(quote) {
  const found = rows.get(quote.symbol);
  if (!found || found.quote?.sequence > quote.sequence) return;
  const { cells } = found;
  const moved = found.quote ? Number(quote.price) - Number(found.quote.price) : 0;
  found.quote = quote;
  for (const name of ["price", "bid", "ask"]) cells[name].textContent = decimals.price(quote[name]);
  writeSigned(cells.change, decimals.percent(quote.change_percent));
  cells.volume.textContent = decimals.compact(quote.volume);
  if (moved && !isCalm.matches) flash(cells.price, moved > 0 ? "--up-soft" : "--down-soft");
}

function flash(cell, colour) {
  cell.animate({ backgroundColor: [`var(${colour})`, "transparent"] }, { duration: 900 });
}

/** Mark the row of the instrument that is shown. */
export function mark(symbol) {
  for (const [each, { button }] of rows) {
    if (each === symbol) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function filter() {
  const wanted = document.querySelector("#classes input:checked").value;
  const words = $("search").value.trim().toLowerCase();
  for (const group of $("prices").tBodies) {
    const isWanted = !wanted || group.dataset.class === wanted;
    let count = 0;
    for (const row of [...group.rows].slice(1)) {
      const { symbol, name } = rows.get(row.dataset.symbol).instrument;
      row.hidden = !isWanted || !`${symbol} ${name}`.toLowerCase().includes(words);
      count += row.hidden ? 0 : 1;
    }
    group.hidden = count === 0;
  }
}

$("classes").addEventListener("change", filter);
$("search").addEventListener("input", filter);
