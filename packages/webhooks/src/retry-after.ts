// Parses Retry-After in each format of RFC 9110 §10.2.3 and §5.6.7: seconds, and three kinds of date.

/** The longest wait, in ms. */
const MAX_MS = 24 * 60 * 60 * 1000;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;
const DATES = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(String.raw`^\w{3}, (?<day>\d\d) ${MONTH} (?<year>\d{4}) ${TIME} GMT$`),
  // Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(String.raw`^\w{6,9}, (?<day>\d\d)-${MONTH}-(?<year>\d\d) ${TIME} GMT$`),
  // Sun Nov  6 08:49:37 1994
  new RegExp(String.raw`^\w{3} ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`),
];

/** Returns the wait in ms from now: 0 for a past date, at most 24 h; undefined if the text is neither number nor date. */
export function parseRetryAfterMs(text: string | undefined, nowMs: number): number | undefined {
  const trimmed = (text ?? "").trim();
  const delayMs = /^\d+$/.test(trimmed) ? Number(trimmed) * 1000 : dateMs(trimmed, nowMs) - nowMs;
  return Number.isNaN(delayMs) ? undefined : Math.min(MAX_MS, Math.max(0, delayMs));
}

function dateMs(text: string, nowMs: number): number {
  const found = DATES.map((shape) => shape.exec(text)?.groups).find((groups) => groups);
  if (found === undefined) return NaN;
  const [year, day, hour, minute, second] = ["year", "day", "hour", "minute", "second"].map(
    (name) => Number(found[name]),
  );
  const month = MONTHS.indexOf(found["month"] ?? "");
  return Date.UTC(fullYear(year ?? NaN, nowMs), month, day, hour, minute, second);
}

/** A two-digit year more than 50 years ahead belongs to the previous century (RFC 9110 §5.6.7). */
function fullYear(year: number, nowMs: number): number {
  if (year >= 100) return year;
  const thisYear = new Date(nowMs).getUTCFullYear();
  const guess = thisYear - (thisYear % 100) + year;
  return guess > thisYear + 50 ? guess - 100 : guess;
}
