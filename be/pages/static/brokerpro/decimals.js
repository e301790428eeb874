// Exact decimals. The API writes them as strings, and on their way to the screen they are strings
// and BigInt: a float would lose cents. Floats are for geometry alone.

const SHAPE = /^(-?)(\d+)(?:\.(\d*))?$/;

function parse(text) {
  const [, sign, whole, fraction = ""] = SHAPE.exec(text);
  return { units: BigInt(sign + whole + fraction), places: fraction.length };
}

function rounded(units, from, to) {
  if (to >= from) return units * 10n ** BigInt(to - from);
  const step = 10n ** BigInt(from - to);
  const half = units < 0n ? -step / 2n : step / 2n;
  return (units + half) / step; // BigInt division cuts towards zero: half away from zero
}

/** "-1234.5" → "−1,234.50". At least `min` places; zeros beyond that go, and no more than `max`. */
export function format(text, { min = 0, max = 8 } = {}) {
  const { units, places } = parse(text);
  const scaled = rounded(units, places, max);
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(max + 1, "0");
  const whole = digits.slice(0, digits.length - max).replace(/\B(?=(\d{3})+$)/g, ",");
  const fraction = digits.slice(digits.length - max).replace(/0+$/, "").padEnd(min, "0");
  return (scaled < 0n ? "−" : "") + whole + (fraction && "." + fraction);
}

/** "1234.5" → "$1,234.50", and "-0.25" → "−$0.25". */
export function money(text) {
  return format(text, { min: 2, max: 2 }).replace(/^(−?)/, "$1$$");
}

/** A price with as many places as its increment has, but no more than four: bonds have eight. */
export function price(text) {
  const places = Math.min(text.split(".")[1]?.length ?? 0, 4);
  return format(text, { min: places, max: places });
}

/** With a plus where there is no minus, and nothing before a zero. */
export function signed(text) {
  return /^−|^\$?[0.]*$/.test(text) ? text : "+" + text;
}

export const percent = (text) => signed(format(text, { min: 2, max: 2 })) + "%";

/** "44769645" → "44.8M": for volumes, where the first digits are enough. */
const compactFormat = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
export const compact = (text) => compactFormat.format(Number(text));

/** The exact product of two decimals that are not negative; a hundredth of it, if `perHundred`. */
export function product(a, b, { perHundred = false } = {}) {
  const [left, right] = [parse(a), parse(b)];
  const places = left.places + right.places + (perHundred ? 2 : 0);
  const digits = String(left.units * right.units).padStart(places + 1, "0");
  return places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
}

/** Whether this is a decimal above zero, as people type it. */
export const isPositive = (text) => SHAPE.test(text) && parse(text).units > 0n;
