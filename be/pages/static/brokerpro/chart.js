// A candlestick chart on a canvas. Prices are floats here: they only become pixels.

import * as decimals from "./decimals.js";
import { $ } from "./dom.js";
import { call } from "./session.js";

const SECONDS = { "1m": 60, "5m": 300, "1h": 3600, "1d": 86400 };
const LABEL_EVERY = [1, 2, 3, 5, 6, 10, 12, 15, 20, 24, 30, 60, 120, 240]; // candles
const CANDLES = 240;
const CANDLE_WIDTH = 7; // pixels, the gap included
const TIME_AXIS = 22;
const VOLUME_SHARE = 0.16;

const canvas = $("chart");
let candles = [];
let shown = { symbol: null, interval: "1m" };
let lastVolume = null;
let view = null; // what was drawn last: the visible candles and where they are
let pointer = null; // the crosshair: an index into the visible candles
let theme = {};

/** Load and draw an instrument's candles. */
export async function show(symbol, interval) {
  const asked = { symbol, interval };
  if (symbol !== shown.symbol) candles = [];
  shown = asked;
  draw();
  const path = `/api/exchange/api/v1/market-data/${encodeURIComponent(symbol)}/`;
  const answer = await call("GET", `${path}?interval=${interval}&limit=${CANDLES}`);
  if (asked !== shown) return; // something else was chosen meanwhile
  candles = answer.candles.map((candle) => ({ ...candle, time: Date.parse(candle.time) }));
  lastVolume = null;
  pointer = null;
  canvas.setAttribute("aria-label", `${symbol}, ${interval} candles. Arrow keys read them.`);
  draw();
}

/** Continue the last candle, or begin the next, with a quote of the stream. */
export function tick({ symbol, price, volume, timestamp }) {
  if (symbol !== shown.symbol || candles.length === 0) return;
  const length = SECONDS[shown.interval] * 1000;
  const time = Math.floor(Date.parse(timestamp) / length) * length;
  let last = candles.at(-1);
  if (time > last.time) {
    last = { time, open: price, high: price, low: price, close: price, volume: 0 };
    candles.push(last);
  }
  last.close = price;
  if (+price > +last.high) last.high = price;
  if (+price < +last.low) last.low = price;
  last.volume = +last.volume + Math.max(+volume - (lastVolume ?? +volume), 0);
  lastVolume = +volume;
  draw();
}

function draw() {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width) return;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = theme.font;
  pen.textBaseline = "middle";
  view = measure(pen, width, height);
  if (!view) return;
  drawGrid(pen);
  drawCandles(pen);
  drawLevel(pen, +candles.at(-1).close, colour(candles.at(-1)));
  if (pointer !== null) drawCrosshair(pen);
  writeReadout();
}

/** What is visible, and where a price and a candle are on the canvas. */
function measure(pen, width, height) {
  if (candles.length === 0) return null;
  const labelWidth = pen.measureText(label(candles.at(-1).high)).width + 14;
  const right = width - labelWidth;
  const bottom = height - TIME_AXIS;
  const visible = candles.slice(-Math.max(Math.floor(right / CANDLE_WIDTH), 10));
  const high = Math.max(...visible.map((candle) => +candle.high));
  const low = Math.min(...visible.map((candle) => +candle.low));
  const span = high - low || high * 0.001;
  const plot = bottom * (1 - VOLUME_SHARE) - 16;
  const step = right / visible.length;
  return {
    visible, right, bottom, width, low, span, step,
    x: (index) => (index + 0.5) * step,
    y: (price) => 12 + ((low + span - price) / span) * plot,
    most: Math.max(...visible.map((candle) => +candle.volume)) || 1,
  };
}

function drawGrid(pen) {
  pen.strokeStyle = theme.grid;
  pen.fillStyle = theme.muted;
  pen.lineWidth = 1;
  pen.textAlign = "left";
  const step = niceStep(view.span / 4);
  for (let price = Math.ceil(view.low / step) * step; price <= view.low + view.span; price += step) {
    line(pen, 0, view.y(price), view.right, view.y(price));
    pen.fillText(label(price), view.right + 7, view.y(price));
  }
  pen.textAlign = "center";
  const every = LABEL_EVERY.find((count) => count * view.step >= 84) ?? LABEL_EVERY.at(-1);
  view.visible.forEach((candle, index) => {
    const number = candle.time / 1000 / SECONDS[shown.interval];
    const x = view.x(index);
    if (number % every !== 0 || x < 30 || x > view.right - 30) return;
    line(pen, x, 0, x, view.bottom);
    pen.fillText(timeText(candle.time), x, view.bottom + TIME_AXIS / 2 + 2);
  });
}

function drawCandles(pen) {
  const body = Math.max(Math.floor(view.step * 0.68), 1);
  view.visible.forEach((candle, index) => {
    const x = view.x(index);
    const top = view.y(Math.max(candle.open, candle.close));
    const foot = view.y(Math.min(candle.open, candle.close));
    const volume = (candle.volume / view.most) * view.bottom * VOLUME_SHARE;
    pen.fillStyle = pen.strokeStyle = colour(candle);
    pen.globalAlpha = 0.25;
    pen.fillRect(x - body / 2, view.bottom - volume, body, volume);
    pen.globalAlpha = 1;
    line(pen, x, view.y(+candle.high), x, view.y(+candle.low));
    pen.fillRect(x - body / 2, top, body, Math.max(foot - top, 1));
  });
}

/** A dashed line across at a price, with the price in a box at its end. */
function drawLevel(pen, price, fill) {
  const y = view.y(price);
  pen.strokeStyle = pen.fillStyle = fill;
  pen.setLineDash([3, 3]);
  line(pen, 0, y, view.right, y);
  pen.setLineDash([]);
  pen.fillRect(view.right + 2, y - 9, view.width - view.right - 2, 18);
  pen.fillStyle = theme.surface;
  pen.textAlign = "left";
  pen.fillText(label(price), view.right + 7, y + 0.5);
}

function drawCrosshair(pen) {
  const x = view.x(pointer);
  pen.strokeStyle = theme.muted;
  line(pen, x, 0, x, view.bottom);
  drawLevel(pen, +view.visible[pointer].close, theme.ink);
}

function writeReadout() {
  const candle = view.visible[pointer ?? view.visible.length - 1];
  const [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close];
  const prices = { O: open, H: high, L: low, C: close };
  const parts = Object.entries(prices).map(([name, text]) => `${name} ${decimals.price(text)}`);
  const volume = `Vol ${decimals.compact(candle.volume)}`;
  $("readout").textContent = [timeText(candle.time, true), ...parts, volume].join("\u2002");
}

function line(pen, x1, y1, x2, y2) {
  const sharp = (at) => Math.round(at) + 0.5;
  pen.beginPath();
  pen.moveTo(sharp(x1), sharp(y1));
  pen.lineTo(sharp(x2), sharp(y2));
  pen.stroke();
}

const colour = (candle) => (+candle.close < +candle.open ? theme.down : theme.up);

/** The round number (1, 2 or 5 times a power of ten) that is at least this. */
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
}

function label(price) {
  const places = Math.min(candles.at(-1).close.split(".")[1]?.length ?? 0, 4);
  return (+price).toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
}

/** Days are days of the exchange, in UTC; times are the reader's own. */
function timeText(time, isFull = false) {
  const date = { day: "numeric", month: "short" };
  const clock = { hour: "2-digit", minute: "2-digit" };
  const at = new Date(time);
  if (shown.interval === "1d") return at.toLocaleDateString("en-GB", { ...date, timeZone: "UTC" });
  const format = isFull || shown.interval === "1h" ? { ...date, ...clock } : clock;
  return at.toLocaleString("en-GB", format).replace(",", "");
}

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const colours = ["up", "down", "grid", "muted", "ink", "surface"];
  theme = Object.fromEntries(colours.map((name) => [name, style.getPropertyValue(`--${name}`)]));
  theme.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  draw();
}

function point(index) {
  pointer = index === null ? null : Math.max(0, Math.min(index, (view?.visible.length ?? 1) - 1));
  draw();
}

canvas.addEventListener("pointermove", ({ offsetX }) => view && point(Math.floor(offsetX / view.step)));
canvas.addEventListener("pointerleave", () => point(null));
canvas.addEventListener("blur", () => point(null));
canvas.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!move || !view) return;
  event.preventDefault();
  point((pointer ?? view.visible.length) + move);
  $("said").textContent = $("readout").textContent;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readTheme);
new ResizeObserver(draw).observe(canvas);
readTheme();
