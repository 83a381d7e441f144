// Chart panels, drawn by ECharts without a browser.

import * as echarts from "echarts";

import { names } from "./legend.mjs";
import { colorOf, series } from "./panel.mjs";
import { label } from "./text.mjs";
import { DIM, FONT, LINE, PALETTE, PANEL, TEXT } from "./theme.mjs";
import { format } from "./units.mjs";

/** Maximum number of lines. */
const LINES = 16;

/** Draws lines over time, with a legend below. */
export function lines(panel, width, height) {
  const all = series(panel);
  if (!all.some((it) => it.points.length)) return nothing(panel, width, height);
  const shown = largest(all);
  const below = names(shown, width - 8, all.length);
  const top = height - below.height - 4;
  return `${plot(panel, shown, width, top)}<g transform="translate(0 ${top + 2})">${below.svg}</g>`;
}

function plot(panel, all, width, height) {
  const { unit, min, max } = all[0];
  const style = panel.fieldConfig.defaults.custom?.thresholdsStyle?.mode ?? "off";
  const limits = style === "off" ? [] : all[0].steps.filter((it) => Number.isFinite(it.from));
  const stacked = all.some((it) => it.stacked);
  const times = [...new Set(all.flatMap((it) => it.points.map((point) => point[0])))].sort((a, b) => a - b);
  const sums = new Map(times.map((time) => [time, 0]));
  for (const [time, value] of all.flatMap((it) => it.points)) {
    sums.set(time, stacked ? sums.get(time) + value : Math.max(sums.get(time), value || 0));
  }
  const highest = Math.max(...[...sums.values()].filter(Number.isFinite));
  return draw(width, height, {
    color: all.map((it) => it.color),
    grid: { left: 66, right: 14, top: 10, bottom: 22 },
    xAxis: {
      type: "time", min: panel.span[0] * 1000, max: panel.span[1] * 1000, splitNumber: 5, minInterval: 60000,
      axisLine: { lineStyle: { color: LINE } }, axisTick: { show: false }, splitLine: { show: false },
      axisLabel: { color: DIM, fontSize: 11, fontFamily: FONT, hideOverlap: true, formatter: (at) => clock(at) },
    },
    yAxis: { ...scale(unit, highest, max), min, max },
    series: all.map((it, at) => ({
      type: "line", name: it.name, showSymbol: false, stack: it.stacked ? "all" : undefined,
      lineStyle: { width: 1.6, type: it.dashed ? "dashed" : "solid" },
      areaStyle: it.stacked || it.fill > 20 ? { opacity: it.stacked ? 0.35 : it.fill / 100 } : undefined,
      data: thin(it.stacked ? filled(it.points, times) : it.points).map(([time, value]) => [Math.round(time) * 1000, Number.isFinite(value) ? round(value) : null]),
      // A threshold far above all values would flatten the lines.
      markLine: at ? undefined : marks(limits.filter((it) => it.from < highest * 1.5)),
    })),
  });
}

/** Draws the count per bucket over time. */
export function heatmap(panel, width, height) {
  const all = series(panel).map((it) => ({ ...it, bound: Number(it.labels.le.replace("+Inf", "Infinity")) }));
  if (!all.length) return nothing(panel, width, height);
  all.sort((a, b) => a.bound - b.bound);
  const bounds = all.map((it) => (Number.isFinite(it.bound) ? format(it.bound, it.unit) : "more"));
  const times = [...new Set(all.flatMap((it) => it.points.map((point) => point[0])))].sort((a, b) => a - b);
  const cells = all.flatMap((it, row) => {
    const below = new Map(row ? all[row - 1].points : []);
    return it.points.map(([time, count]) => [times.indexOf(time), row, round(Math.max(0, count - (below.get(time) ?? 0)))]);
  }).filter((it) => it[2] > 0);
  return draw(width, height, {
    grid: { left: 58, right: 14, top: 10, bottom: 26 },
    xAxis: {
      type: "category", data: times.map((it) => clock(it * 1000)), axisTick: { show: false },
      axisLine: { lineStyle: { color: LINE } }, axisLabel: { color: DIM, fontSize: 11, fontFamily: FONT },
    },
    yAxis: {
      type: "category", data: bounds, axisTick: { show: false }, axisLine: { show: false },
      axisLabel: { color: DIM, fontSize: 11, fontFamily: FONT },
    },
    visualMap: {
      show: false, min: 0, max: Math.max(1, ...cells.map((it) => it[2])),
      inRange: { color: ["#2b2440", "#7b2d8b", "#e0507a", "#ffb36b", "#fff3b0"] },
    },
    series: [{ type: "heatmap", data: cells, itemStyle: { borderWidth: 0 } }],
  });
}

/** Draws a gauge per query. */
export function gauges(panel, width, height) {
  const all = series(panel).map((it) => ({ ...it, value: it.points.at(-1)?.[1] }));
  const radius = Math.min((width / all.length) * 0.44, height * 0.46);
  return draw(width, height, {
    series: all.map((it, at) => {
      const max = it.max ?? Math.max(it.value * 1.5, 1e-9);
      const ends = it.steps.slice(1).map((step) => Math.min(1, step.from / max)).concat(1);
      return {
        type: "gauge", radius, center: [((at + 0.5) * width) / all.length, height * 0.5],
        startAngle: 200, endAngle: -20, min: 0, max, splitLine: { show: false }, axisTick: { show: false },
        axisLabel: { show: false }, pointer: { show: false }, anchor: { show: false },
        axisLine: { lineStyle: { width: 4, color: ends.map((end, step) => [end, it.steps[step]?.color ?? PALETTE[at]]) } },
        progress: { show: true, width: 14, itemStyle: { color: colorOf(it.value, it.steps) } },
        detail: {
          offsetCenter: [0, "-4%"], color: colorOf(it.value, it.steps), fontSize: 15, fontWeight: 600, fontFamily: FONT,
          formatter: () => format(it.value, it.unit),
        },
        title: { offsetCenter: [0, "52%"], color: DIM, fontSize: 11, fontFamily: FONT },
        data: [{ value: Math.min(it.value, max), name: it.name }],
      };
    }),
  });
}

function draw(width, height, option) {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  chart.setOption({ animation: false, backgroundColor: PANEL, textStyle: { fontFamily: FONT, color: TEXT }, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

/** An axis with round steps in its unit. */
function scale(unit, highest, max) {
  let interval;
  if (max !== undefined) interval = max / 4;
  else if (["bytes", "decbytes", "Bps", "binBps"].includes(unit) && highest > 0) interval = 2 ** Math.ceil(Math.log2(highest / 4));
  return {
    type: "value", splitNumber: 4, interval, axisLine: { show: false }, splitLine: { lineStyle: { color: LINE } },
    axisLabel: { color: DIM, fontSize: 11, fontFamily: FONT, formatter: (value) => format(value, unit) },
  };
}

function nothing(panel, width, height) {
  return label(width / 2, height / 2, panel.fieldConfig.defaults.noValue ?? "no data", DIM, 13, "middle");
}

function marks(limits) {
  return {
    silent: true, symbol: "none", label: { show: false },
    data: limits.map((it) => ({ yAxis: it.from, lineStyle: { color: it.color, type: "dashed", width: 1 } })),
  };
}

const clock = (at) => new Date(at).toISOString().slice(11, 16);
/** Four significant digits: a picture has at most a thousand rows of pixels. */
const round = (value) => Number(value.toPrecision(4));
/** The series with the highest maxima. */
function largest(all) {
  if (all.length <= LINES) return all;
  const peak = (it) => Math.max(...it.points.map((point) => point[1]));
  const kept = new Set([...all].sort((a, b) => peak(b) - peak(a)).slice(0, LINES));
  return all.filter((it) => kept.has(it));
}

/** Adds zeros at missing times, which stacking needs. */
function filled(points, times) {
  const known = new Map(points);
  return times.map((time) => [time, known.get(time) ?? 0]);
}

/** Reduces points to the resolution of half a picture's width; keeps the last one. */
function thin(points) {
  const every = Math.ceil(points.length / 100);
  return points.filter((_, at) => (points.length - 1 - at) % every === 0);
}
