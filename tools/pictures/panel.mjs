// Values of a panel, and their settings in the dashboard.

import { PALETTE, color } from "./theme.mjs";

/** Returns the series of a panel in the order of its queries: names, units and points. */
export function series(panel) {
  return (panel.targets ?? []).flatMap((target) => {
    const answer = panel.answers[target.refId] ?? [];
    return answer.map(({ labels, points }) => {
      const name = legend(target.legendFormat, labels);
      return { name, labels, points, refId: target.refId, ...settings(panel, target.refId, name) };
    });
  }).map((it, at) => ({ ...it, color: it.color ?? PALETTE[at % PALETTE.length] }));
}

/** Formats a legend with label values. */
export function legend(text = "", labels = {}) {
  const name = text.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label) => labels[label] ?? "").trim();
  return name || "value";
}

/** Returns the settings of a field: the panel's defaults with overrides. */
export function settings(panel, refId, name) {
  const defaults = panel.fieldConfig?.defaults ?? {};
  const found = {
    unit: defaults.unit ?? "short",
    min: defaults.min,
    max: defaults.max,
    steps: steps(defaults.thresholds),
    stacked: ["normal", "percent"].includes(defaults.custom?.stacking?.mode),
    fill: defaults.custom?.fillOpacity ?? 0,
    dashed: defaults.custom?.lineStyle?.fill === "dash",
    color: defaults.color?.mode === "fixed" ? color(defaults.color.fixedColor) : undefined,
  };
  for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
    if (!matches(matcher, refId, name)) continue;
    for (const { id, value } of properties) {
      if (["unit", "min", "max"].includes(id)) found[id] = value;
      if (id === "thresholds") found.steps = steps(value);
      if (id === "color" && value.fixedColor) found.color = color(value.fixedColor);
      if (id === "custom.lineStyle") found.dashed = value.fill === "dash";
    }
  }
  return found;
}

/** Returns the threshold colour of a value. */
export function colorOf(value, steps) {
  return steps.reduce((found, it) => (it.from <= value ? it.color : found), steps[0]?.color ?? PALETTE[0]);
}

function steps(thresholds) {
  return (thresholds?.steps ?? []).map((it) => ({ from: it.value ?? -Infinity, color: color(it.color) }));
}

function matches({ id, options }, refId, name) {
  if (id === "byFrameRefID") return options === refId;
  if (id === "byName") return options === name;
  if (id === "byRegexp") return new RegExp(options.replace(/^\/|\/$/g, "")).test(name);
  return false;
}
