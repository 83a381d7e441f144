// Legends below charts. Text widths are estimated, because nothing here can measure text.

import { DIM, FONT } from "./theme.mjs";

const SIZE = 11;
const LINE = 17;
const ROWS = 3;
const KEY = 18;
const SPACE = 14;

/** Returns the legend as SVG, and its height. Entries that do not fit become "and N more". */
export function names(all, width, count = all.length) {
  const more = (count) => ({ name: `and ${count} more` });
  let shown = count === all.length ? all : [...all, more(count - all.length)];
  while (rows(shown, width).length > ROWS) {
    const kept = shown.filter((it) => it.color).slice(0, -1);
    shown = [...kept, more(count - kept.length)];
  }
  const lines = rows(shown, width);
  return { svg: lines.map((line, y) => line.map(([x, it]) => entry(x, y * LINE, it)).join("")).join(""), height: lines.length * LINE };
}

/** Splits entries into rows, each with its x position. */
function rows(all, width) {
  const rows = [];
  let x = Infinity;
  for (const it of all) {
    const wide = it.name.length * LETTER + KEY + SPACE;
    if (x + wide - SPACE > width) {
      rows.push([]);
      x = 8;
    }
    rows.at(-1).push([x, it]);
    x += wide;
  }
  return rows;
}

function entry(x, y, { name, color }) {
  const key = color ? `<rect x="${x.toFixed(1)}" y="${y + 5}" width="12" height="3" rx="1" fill="${color}"/>` : "";
  const escaped = name.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  return `${key}<text x="${(x + KEY).toFixed(1)}" y="${y + 10}" fill="${DIM}" font-size="${SIZE}" font-family="${FONT}">${escaped}</text>`;
}

/** Estimated width of a letter; generous, so that wide fonts do not overlap. */
const LETTER = SIZE * 0.6;
