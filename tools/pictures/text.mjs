// Text panels: tables and single values.

import { colorOf, series, settings } from "./panel.mjs";
import { DIM, FONT, LINE, TEXT } from "./theme.mjs";
import { format } from "./units.mjs";

/** Draws single values side by side. */
export function stat(panel, width, height) {
  const all = series(panel);
  const shown = all.length ? all : [{ name: "", points: [], steps: [] }];
  const each = width / shown.length;
  const textOf = (it) => {
    const value = it.points.at(-1)?.[1];
    return value === undefined ? (panel.fieldConfig.defaults.noValue ?? "no data") : format(value, it.unit);
  };
  const size = Math.min(32, (each / Math.max(4, ...shown.map((it) => textOf(it).length))) * 1.4);
  return shown.map((it, at) => {
    const value = it.points.at(-1)?.[1];
    const text = textOf(it);
    const x = (at + 0.5) * each;
    const name = shown.length > 1 ? label(x, height - 8, it.name, DIM, 11, "middle") : "";
    return label(x, height / 2 + size / 3, text, value === undefined ? DIM : colorOf(value, it.steps), size, "middle") + name;
  }).join("");
}

/** Draws a table: the results of all queries, joined by their labels. */
export function table(panel, width, height) {
  const order = panel.transformations?.find((it) => it.id === "organize")?.options ?? {};
  const wanted = panel.transformations?.find((it) => it.id === "filterFieldsByName")?.options.include?.names;
  const rows = join(panel);
  const fields = [...new Set(rows.flatMap((it) => Object.keys(it)))]
    .filter((it) => (wanted ? wanted.includes(it) : it !== "Time") && !order.excludeByName?.[it])
    .sort((a, b) => (order.indexByName?.[a] ?? 99) - (order.indexByName?.[b] ?? 99));
  if (!rows.length) return label(width / 2, height / 2, panel.fieldConfig.defaults.noValue ?? "no data", DIM, 13, "middle");
  const isNumber = (field) => field.startsWith("Value");
  const sorted = rows.sort((a, b) => Math.max(...numbers(b)) - Math.max(...numbers(a)));
  const most = Math.floor((height - 30) / 21);
  const ends = columns(fields, sorted, width);
  const cell = (field, at, y, text, paint) =>
    isNumber(field) ? label(ends[at][1] - 6, y, text, paint, 12, "end") : label(ends[at][0] + 6, y, text, paint, 12, "start");
  const head = fields.map((it, at) => cell(it, at, 18, order.renameByName?.[it] ?? it, "#6e9fff")).join("");
  const body = sorted.slice(0, most).map((row, line) => {
    const y = 40 + line * 21;
    const rule = `<line x1="4" x2="${width - 4}" y1="${y - 15}" y2="${y - 15}" stroke="${LINE}"/>`;
    return rule + fields.map((field, at) => {
      if (!isNumber(field)) return cell(field, at, y, row[field] ?? "", TEXT);
      const refId = field.replace(/^Value( #)?/, "") || panel.targets[0].refId;
      const { unit, steps } = settings(panel, refId, order.renameByName?.[field] ?? field);
      return cell(field, at, y, format(row[field], unit), colored(panel, row[field], steps));
    }).join("");
  }).join("");
  return head + body;
}

/** Returns rows of labels and last values, with Grafana's column names. */
function join(panel) {
  const rows = new Map();
  for (const { refId } of panel.targets) {
    const field = panel.targets.length > 1 ? `Value #${refId}` : "Value";
    for (const { labels, points } of panel.answers[refId] ?? []) {
      const key = JSON.stringify(Object.entries(labels).sort());
      rows.set(key, { ...(rows.get(key) ?? labels), [field]: points.at(-1)?.[1] });
    }
  }
  return [...rows.values()];
}

/** Distributes the width by the longest text in each column. */
function columns(fields, rows, width) {
  const longest = fields.map((field) => Math.max(field.length, ...rows.map((row) => (field.startsWith("Value") ? 8 : String(row[field] ?? "").length))) + 2);
  const all = longest.reduce((a, b) => a + b, 0);
  let from = 0;
  return longest.map((it) => [from, (from += (it / all) * width)]);
}

function colored(panel, value, steps) {
  return JSON.stringify(panel.fieldConfig.overrides ?? []).includes("color-text") && steps.length ? colorOf(value, steps) : TEXT;
}

const numbers = (row) => Object.entries(row).filter(([key]) => key.startsWith("Value")).map(([, value]) => value ?? 0);

export function label(x, y, text, paint, size, anchor = "start", weight = "normal") {
  const escaped = String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${paint}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" font-family="${FONT}">${escaped}</text>`;
}
