// Colours and sizes of all pictures: dark, which fits light and dark pages.

export const WIDTH = 1000;
/** Columns and row height of a dashboard's grid. */
export const COLUMNS = 24;
export const ROW = 28;
export const GAP = 8;

export const FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif";
export const PAGE = "#111217";
export const PANEL = "#181b1f";
export const BORDER = "#2a2d33";
export const LINE = "#2f333a";
export const TEXT = "#d8d9da";
export const DIM = "#9fa2a8";

/** Twelve distinct series colours, in order. */
export const PALETTE = [
  "#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#b877d9", "#e0226e",
  "#37c2b1", "#fa8c8c", "#8ab8ff", "#c4a000", "#96d98d", "#ca95e5",
];

const NAMED = {
  green: "#73bf69", yellow: "#f2cc0c", orange: "#ff9830", red: "#f2495c", blue: "#5794f2",
  purple: "#b877d9", text: TEXT, transparent: "transparent",
};

/** Converts a dashboard colour to an SVG colour. */
export function color(name) {
  if (name in NAMED) return NAMED[name];
  const shade = /^(?:super-light|light|semi-dark|dark)-(\w+)$/.exec(name);
  return shade ? (NAMED[shade[1]] ?? name) : name;
}
