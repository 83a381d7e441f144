// Formats numbers for Grafana's unit names.

const SECONDS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const BYTES = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"], [1, "B"]];
const MANY = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]];

const AFTER = { reqps: " req/s", cps: " /s", ops: " /s", percent: " %", percentunit: " %" };

/** Formats a value with three significant digits and its unit. */
export function format(value, unit = "short") {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (unit === "percentunit") return figures(value * 100) + AFTER.percentunit;
  if (unit === "s") return scaled(value, SECONDS, " ");
  if (unit === "bytes" || unit === "decbytes") return scaled(value, BYTES, " ");
  if (unit === "Bps" || unit === "binBps") return `${scaled(value, BYTES, " ")}/s`;
  if (unit.startsWith("suffix:")) return figures(value) + unit.slice("suffix:".length);
  if (unit.startsWith("dateTime")) return new Date(value).toISOString().slice(0, 19).replace("T", " ");
  return scaled(value, MANY, "") + (AFTER[unit] ?? "");
}

function scaled(value, steps, space) {
  if (value === 0) return `0${space}${steps.find(([size]) => size === 1)[1]}`.trim();
  const [size, name] = steps.find(([size]) => Math.abs(value) >= size) ?? steps.at(-1);
  return (figures(value / size) + space + name).trim();
}

/** Three significant digits, without trailing zeros. */
export function figures(value) {
  if (value === 0) return "0";
  const digits = Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return String(Number(value.toFixed(digits)));
}
