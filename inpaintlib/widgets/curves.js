// Curves as an SVG picture: told apart by colour, dashes and the sign at their end, with a legend that holds the newest values.
import { h, numberText } from "./common.js";

const [WIDTH, HEIGHT] = [340, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 14, 8, 26]; // room around the axes
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#1a1a2e"];
const DASHES = ["", "7 3", "7 3 2 3", "2 3", "12 3", "4 2 1 2 1 2"];
const SIGNS = ["M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "M-4-4h8v8h-8z", "M0-5l5 9h-10z", "M0-5l5 5l-5 5l-5-5z", "M0 5l5-9h-10z", "M-1-5h2v4h4v2h-4v4h-2v-4h-4v-2h4z"];

function s(tag, attributes, ...children) {
  const node = document.createElementNS("http:" + "//www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** At most ``most`` round numbers between low and high. */
export function ticks(low, high, most = 4) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((size) => size >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

/** What the picture says, in words: for each line where it starts and where it stands. */
export function inWords(panel) {
  const told = panel.lines.map(({ name, y }) => `${name} from ${numberText(y[0])} to ${numberText(y.at(-1))}`);
  return `${panel.title}: ${told.join("; ")}, after ${panel.lines[0].x.at(-1)} training steps.`;
}

function range(values) {
  const finite = values.filter(Number.isFinite);
  let [low, high] = [Math.min(...finite), Math.max(...finite)];
  if (!finite.length) [low, high] = [0, 1];
  if (low >= 0 && low < high / 2) low = 0; // a curve that falls is seen against nothing
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  return [low, high];
}

/** A panel: ``{title, lines: [{name, x, y}]}``; drawn light on both themes, as paper is. */
export function curves(panel) {
  const [left, right] = [0, Math.max(1, ...panel.lines.map((line) => line.x.at(-1)))];
  const [low, high] = range(panel.lines.flatMap((line) => line.y));
  const across = (x) => LEFT + ((x - left) / (right - left)) * (WIDTH - LEFT - RIGHT);
  const up = (y) => HEIGHT - BOTTOM - ((y - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "inp-curves", role: "img", "aria-label": inWords(panel) });
  for (const y of ticks(low, high)) {
    svg.append(s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: up(y), y2: up(y), stroke: "#dcdce4" }));
    svg.append(s("text", { x: LEFT - 6, y: up(y) + 4, "text-anchor": "end" }, numberText(y)));
  }
  for (const x of ticks(left, right, 5)) svg.append(s("text", { x: across(x), y: HEIGHT - 9, "text-anchor": "middle" }, numberText(x)));
  svg.append(s("path", { d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`, fill: "none", stroke: "#1a1a2e" }));
  const legend = panel.lines.map((line, k) => {
    const [stroke, dash, sign] = [COLOURS, DASHES, SIGNS].map((looks) => looks[k % looks.length]);
    const points = line.x.map((x, i) => [across(x), up(line.y[i])]).filter((point) => point.every(Number.isFinite));
    svg.append(s("polyline", { points: points.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" "), fill: "none", stroke, "stroke-width": 2, "stroke-dasharray": dash }));
    if (points.length) svg.append(s("path", { d: sign, transform: `translate(${points.at(-1).join(" ")})`, fill: stroke }));
    const sample = s("svg", { viewBox: "0 0 34 12", class: "inp-sample", "aria-hidden": "true" },
      s("line", { x1: 0, x2: 34, y1: 6, y2: 6, stroke, "stroke-width": 2, "stroke-dasharray": dash }),
      s("path", { d: sign, transform: "translate(17 6)", fill: stroke }));
    return h("li", {}, sample, ` ${line.name} ${numberText(line.y.at(-1))}`);
  });
  return h("figure", { class: "inp-panel" }, h("figcaption", {}, h("strong", {}, panel.title)), svg, h("ul", { class: "inp-legend" }, ...legend));
}
