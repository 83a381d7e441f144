// Draws one picture per dashboard: its open panels on its grid, from Prometheus' query results.
//
//   node draw.mjs DATA FOLDER
//
// `cargo xtask pictures` writes DATA and runs this.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { gauges, heatmap, lines } from "./chart.mjs";
import { label, stat, table } from "./text.mjs";
import { BORDER, COLUMNS, DIM, GAP, PAGE, PANEL, ROW, TEXT, WIDTH } from "./theme.mjs";

const KINDS = { timeseries: lines, heatmap, gauge: gauges, stat, table };
const TITLE = 28;
const HEAD = 44;

const [data, folder] = process.argv.slice(2);
const { span, dashboards } = JSON.parse(readFileSync(data, "utf8"));
for (const dashboard of dashboards) {
  const svg = picture(dashboard);
  const file = join(folder, `${dashboard.uid}.svg`);
  writeFileSync(file, svg);
  console.log(`${file}: ${Math.round(svg.length / 1024)} KiB`);
}

function picture({ title, panels }) {
  const bottom = Math.max(...panels.map(({ gridPos: it }) => it.y + it.h));
  const height = HEAD + bottom * ROW + GAP;
  const drawn = panels.map((it) => place({ ...it, span })).join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
<rect width="100%" height="100%" rx="6" fill="${PAGE}"/>
${label(GAP + 4, 28, title, TEXT, 18, "start", "600")}
${label(WIDTH - GAP - 4, 28, "drawn from Prometheus' query results; not a Grafana screenshot", DIM, 12, "end")}
${drawn}
</svg>
`;
}

/** Draws a panel, or the title of a row, at its position on the grid. */
function place(panel) {
  const unit = (WIDTH - GAP) / COLUMNS;
  const { x, y, w, h } = panel.gridPos;
  const at = { x: GAP + x * unit, y: HEAD + y * ROW };
  const [width, height] = [w * unit - GAP, h * ROW - GAP];
  if (panel.type === "row") return label(at.x + 2, at.y + 16, `▾ ${panel.title}`, TEXT, 13, "start", "600");
  const [innerWidth, innerHeight] = [width - 8, height - TITLE - 4];
  const inner = KINDS[panel.type](panel, innerWidth, innerHeight)
    .replace(/^<svg /, `<svg x="0" y="0" `);
  return `<g transform="translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})">
<rect width="${width.toFixed(1)}" height="${height}" rx="4" fill="${PANEL}" stroke="${BORDER}"/>
${label(10, 19, panel.title, TEXT, 13, "start", "500")}
<g transform="translate(4 ${TITLE})">${inner}</g>
</g>`;
}
