// The weights of a loss on sliders; pictures and figures come from runs that were made beforehand. Python: loss_mixer.py
import { h, frame, freshId, numberText, watch } from "./common.js";
import { bytes, paintHoles, picture, scaleFor } from "./raster.js";

const PICTURE = [64, 112]; // CSS pixels for the side of a picture: the least that can be compared, and the most
const STOPS = ["off", "as in the paper", "thirty times as much"];
const COLUMNS = [
  ["psnr_hole", "PSNR in the hole", (v) => `${v.toFixed(2)} dB`, "higher is nearer"],
  ["perceptual", "perceptual distance", (v) => v.toFixed(3), "lower is more alike"],
  ["detail", "detail in the hole", (v) => `${Math.round(100 * v)} %`, "photographs: 100 %"],
];
const HELP = "Arrow keys move a slider. Each of its stops is a training run of its own, made beforehand: nothing is computed now.";
const SVG = "http:" + "//www.w3.org/2000/svg"; // a name, not an address: nothing is fetched

const same = (a, b) => a.every((value, k) => value === b[k]);

/** The pictures of one run: the photographs, with what it fills into their holes. */
export function compose(truth, known, values, [count, height, width]) {
  const size = height * width;
  const rgb = truth.slice();
  let next = 0;
  for (let p = 0; p < count; p++) {
    for (let channel = 0; channel < 3; channel++) {
      for (let k = 0; k < size; k++) {
        if (!known[p * size + k]) rgb[3 * (p * size + k) + channel] = values[next++];
      }
    }
  }
  return rgb;
}

/** Where a mixture is stored: the last slider runs fastest. */
export function runIndex(stops, levels) {
  return stops.reduce((index, stop, k) => index * levels[k].length + stop, 0);
}

function render({ model, el }) {
  const [terms, levels, metrics, shape] = ["_terms", "_levels", "_metrics", "_shape"].map((name) => model.get(name));
  const [count, height, width] = shape;
  const [truth, known, holes] = ["_truth", "_known", "_holes"].map((name) => bytes(model.get(name)));
  const size = height * width;
  const each = holes.length / metrics.psnr_hole.length;
  const now = () => runIndex(model.get("position"), levels);
  const then = () => runIndex(model.get("kept"), levels);

  const root = frame("Mix a loss and see what it makes a network do");
  const formula = h("div", { class: "inp-sum", tabindex: "0", role: "group", "aria-label": "The loss" });
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const button = (text, action) => h("button", { type: "button", class: "inp-button", onclick: action }, text);
  const sliders = terms.map((term, k) => {
    const id = freshId("weight");
    const input = h("input", { id, type: "range", min: 0, max: levels[k].length - 1, step: 1 });
    input.addEventListener("input", () => move(model.get("position").map((stop, j) => (j === k ? Number(input.value) : stop))));
    const text = h("span", { class: "inp-mixer-stop" });
    return { input, text, row: h("label", { class: "inp-mixer-slider", for: id }, h("strong", {}, term), input, text) };
  });
  const keep = button("Keep for comparison", () => { model.set("kept", model.get("position")); model.save_changes(); });
  const pictures = h("div", { class: "inp-scroll" });
  const figures = h("div", { class: "inp-mixer-figures" });
  root.append(
    formula,
    h("div", { class: "inp-painter" },
      h("div", { class: "inp-mixer-sliders", role: "group", "aria-label": "Weights" },
        ...sliders.map((slider) => slider.row),
        h("div", { class: "inp-controls" },
          button("Pixels only", () => move(terms.map(() => 0))), button("As in the paper", () => move(terms.map(() => 1))), keep),
        h("p", { class: "inp-note" }, HELP),
      ),
      figures,
    ),
    status,
    pictures,
  );
  el.append(root);

  function move(stops) {
    model.set("position", stops);
    model.save_changes();
  }

  const weight = (stops, k) => numberText(levels[k][stops[k]]);

  function loss(stops) {
    return ["L = valid + 6 · hole", ...terms.flatMap((term, k) => (levels[k][stops[k]] ? [`${weight(stops, k)} · ${term}`] : []))].join(" + ");
  }

  const short = (stops) => stops.map((_, k) => weight(stops, k)).join(" / ");

  // Pictures ---------------------------------------------------------------------------------------------------------------------------

  function showPictures() {
    const least = Math.min(PICTURE[1], Math.max(PICTURE[0], Math.floor((root.clientWidth - 150) / count) - 6));
    const zoom = Math.max(1, scaleFor(width, height, least));
    const [here, there] = [model.get("position"), model.get("kept")];
    const filled = (run) => compose(truth, known, holes.subarray(run * each, (run + 1) * each), shape);
    const rows = [["damaged", truth, true], ["this mixture", filled(now()), false]];
    if (!same(here, there)) rows.push([`kept: ${short(there)}`, filled(then()), false]);
    rows.push(["photograph", truth, false]);
    const lines = rows.map(([name, rgb, damaged]) => {
      const cells = Array.from({ length: count }, (_, p) => h("td", {}, canvas(rgb, p, zoom, damaged, `${name}, picture ${p + 1}`)));
      return h("tr", {}, h("th", { scope: "row" }, name), ...cells);
    });
    pictures.replaceChildren(h("table", { class: "inp-mixer-pictures" }, h("tbody", {}, ...lines)));
  }

  function canvas(rgb, p, zoom, damaged, label) {
    const small = picture(rgb.subarray(3 * p * size, 3 * (p + 1) * size), width, height);
    if (!damaged) {
      Object.assign(small.style, { width: `${width * zoom}px`, height: `${height * zoom}px` });
      small.className = "inp-result";
      small.setAttribute("role", "img");
      small.setAttribute("aria-label", label);
      return small;
    }
    const large = h("canvas", { class: "inp-result", role: "img", "aria-label": label, width: width * zoom, height: height * zoom });
    const pen = large.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, width * zoom, height * zoom);
    paintHoles(pen, known.subarray(p * size, (p + 1) * size), width, height, zoom);
    return large;
  }

  // Figures ----------------------------------------------------------------------------------------------------------------------------

  function showFigures() {
    const [here, there] = [model.get("position"), model.get("kept")];
    const row = (name, run) => h("tr", {}, h("th", { scope: "row" }, name), ...COLUMNS.map(([key, , show]) => h("td", {}, show(metrics[key][run]))));
    const head = h("tr", {}, h("td", {}), ...COLUMNS.map(([, title, , note]) => h("th", { scope: "col" }, title, h("span", { class: "inp-note" }, note))));
    const rows = [row("this mixture", now())];
    if (!same(here, there)) rows.push(row(`kept: ${short(there)}`, then()));
    figures.replaceChildren(h("table", { class: "inp-mixer-table" }, h("thead", {}, head), h("tbody", {}, ...rows)), map());
  }

  /** All runs as points: PSNR to the right, perceptual distance upwards; the present one a disc, the kept one a square. */
  function map() {
    const [w, tall, left, below] = [380, 190, 46, 34];
    const [xs, ys] = [metrics.psnr_hole, metrics.perceptual];
    const range = (values) => { const [a, b] = [Math.min(...values), Math.max(...values)]; const gap = 0.08 * (b - a || 1); return [a - gap, b + gap]; };
    const [[x0, x1], [y0, y1]] = [range(xs), range(ys)];
    const at = (run) => [left + ((xs[run] - x0) / (x1 - x0)) * (w - left - 8), 8 + (1 - (ys[run] - y0) / (y1 - y0)) * (tall - below - 8)];
    const put = (name, attributes, text = "") => {
      const node = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      node.textContent = text;
      return node;
    };
    const label = "All runs: PSNR in the hole to the right, perceptual distance upwards. Disc: this mixture. Square: the kept one.";
    const svg = put("svg", { class: "inp-mixer-map", viewBox: `0 0 ${w} ${tall}`, role: "img", "aria-label": label });
    svg.append(put("path", { class: "inp-axis", d: `M${left} 4V${tall - below}H${w - 4}` }));
    const words = (x, y, text, more = {}) => svg.append(put("text", { x, y, ...more }, text));
    for (const value of [Math.min(...xs), Math.max(...xs)]) {
      words(left + ((value - x0) / (x1 - x0)) * (w - left - 8), tall - below + 13, value.toFixed(1), { "text-anchor": "middle" });
    }
    for (const value of [Math.min(...ys), Math.max(...ys)]) {
      words(left - 5, 12 + (1 - (value - y0) / (y1 - y0)) * (tall - below - 8), value.toFixed(2), { "text-anchor": "end" });
    }
    words((left + w) / 2, tall - 6, "PSNR in the hole, dB →", { "text-anchor": "middle" });
    const middle = (tall - below) / 2;
    words(12, middle, "perceptual distance →", { "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` });
    xs.forEach((_, run) => { const [cx, cy] = at(run); svg.append(put("circle", { class: "inp-run", cx, cy, r: 2.5 })); });
    const [kx, ky] = at(then());
    svg.append(put("rect", { class: "inp-kept", x: kx - 7, y: ky - 7, width: 14, height: 14 }));
    const [cx, cy] = at(now());
    svg.append(put("circle", { class: "inp-now", cx, cy, r: 6 }));
    return svg;
  }

  function update() {
    const stops = model.get("position");
    sliders.forEach(({ input, text }, k) => {
      input.value = stops[k];
      text.textContent = `${weight(stops, k)}, ${STOPS[stops[k]] ?? ""}`;
      input.setAttribute("aria-valuetext", text.textContent);
    });
    formula.textContent = loss(stops);
    keep.disabled = same(stops, model.get("kept"));
    const said = COLUMNS.map(([key, title, show]) => `${title} ${show(metrics[key][now()])}`);
    status.textContent = `${said.join(", ")}.`;
    showFigures();
    showPictures();
  }

  let before = 0;
  const observer = new ResizeObserver(() => {
    if (root.clientWidth !== before) { before = root.clientWidth; showPictures(); }
  });
  observer.observe(root);
  update();
  const end = watch(model, ["position", "kept"], update);
  return () => { observer.disconnect(); end(); root.remove(); };
}

export default { render };
