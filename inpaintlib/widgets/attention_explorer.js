// Point at a place in a hole and see where it looks. Python: attention_explorer.py
import { h, frame, freshId, watch } from "./common.js";
import { bytes, paintHoles, picture, scaleFor } from "./raster.js";

const ROOM = 300; // CSS pixels for the side of a picture
const KEYS =
  "Point at the hole with the mouse, or use the keys on the first picture: arrows move (with Shift by four), Home and End go to the first " +
  "and the last place of the hole, Escape goes back to the notebook.";
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The weights at another sharpness: w ** sharpness, made to sum to what they did; a weight of 0 stays 0. */
export function sharpen(weights, sharpness) {
  const most = weights.reduce((a, b) => Math.max(a, b), 0);
  if (most === 0) return weights;
  const raised = weights.map((w) => (w > 0 ? (w / most) ** sharpness : 0));
  const [before, after] = [weights, raised].map((all) => all.reduce((a, b) => a + b, 0));
  return raised.map((w) => (w * before) / after);
}

/** What a place does, in a sentence; the same as describe() in Python. */
export function sentence(place, weights, columns, holes) {
  const name = ([row, column]) => `row ${row + 1}, column ${column + 1}`;
  if (!holes[place[0] * columns + place[1]]) return `${name(place)} is known: nothing is filled in there.`;
  const total = weights.reduce((a, b) => a + b, 0);
  if (total === 0) return `${name(place)} looks nowhere: no patch is known.`;
  const best = weights.indexOf(weights.reduce((a, b) => Math.max(a, b), 0));
  const to = [Math.floor(best / columns), best % columns];
  const sorted = Float64Array.from(weights).sort().reverse();
  let [half, sum] = [0, 0];
  while (sum < total / 2) sum += sorted[half++];
  const leaked = weights.reduce((a, w, k) => a + (holes[k] ? w : 0), 0);
  const share = (w) => `${(100 * w).toFixed(w < 0.1 ? 1 : 0)} %`;
  const spread = `${share(weights[best])} of its weight; half of it lies on ${half} ${half === 1 ? "patch" : "patches"}`;
  const leak = leaked > 0.0005 ? `; ${share(leaked)} lies in the hole` : "";
  return `${name(place)} looks most at ${name(to)} (${steps(to[0] - place[0], to[1] - place[1])}), with ${spread}${leak}.`;
}

function steps(down, right) {
  const parts = [];
  if (down) parts.push(`${Math.abs(down)} ${down > 0 ? "down" : "up"}`);
  if (right) parts.push(`${Math.abs(right)} to the ${right > 0 ? "right" : "left"}`);
  return parts.join(", ") || "itself";
}

function render({ model, el }) {
  const [height, width, cell] = ["_height", "_width", "_cell"].map((name) => model.get(name));
  const [rows, columns] = [height / cell, width / cell];
  const source = picture(bytes(model.get("_pixels")), width, height);
  const filling = model.get("_filling").byteLength ? picture(bytes(model.get("_filling")), width, height) : null;
  const colours = picture(bytes(model.get("_colours")), columns, rows);
  const known = bytes(model.get("_known"));
  const table = new Float32Array(bytes(model.get("_weights")).buffer);
  const holes = new Uint8Array(rows * columns);
  known.forEach((value, k) => { if (!value) holes[Math.floor(Math.floor(k / width) / cell) * columns + Math.floor((k % width) / cell)] = 1; });
  const first = [...holes.keys()].filter((k) => holes[k]); // the places of the hole, in reading order, as in the table
  const nth = new Map(first.map((k, n) => [k, n]));
  let scale = 1;

  const root = frame("Point at a hole and see where it looks");
  const keysId = freshId("keys");
  const panel = (title, options = {}) => {
    const canvas = h("canvas", { class: "inp-canvas", role: "img", "aria-label": title, ...options });
    canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && point(event, canvas));
    canvas.addEventListener("pointerdown", (event) => { point(event, canvas); views[0].canvas.focus({ preventScroll: true }); event.preventDefault(); });
    return { canvas, element: h("div", { class: "inp-block" }, h("div", { class: "inp-title", "aria-hidden": "true" }, title), h("div", { class: "inp-picture" }, canvas)) };
  };
  const walk = { tabindex: "0", role: "application", "aria-describedby": keysId, "aria-label": `Picture of ${rows} by ${columns} places with a hole to point at` };
  const views = [panel("point at the hole", walk), panel("where that place looks"), panel("the coloured map")];
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const sharpId = freshId("sharp");
  const sharp = h("input", { id: sharpId, type: "range", min: -3, max: 4, step: 0.5, oninput: () => set("sharpness", 2 ** Number(sharp.value)) });
  const sharpText = h("span", {});
  const fillBox = h("input", { type: "checkbox", onchange: draw });
  const fill = filling ? [h("label", { class: "inp-check" }, fillBox, " show the filling")] : [];
  root.append(
    h("div", { class: "inp-row" }, ...views.map((view) => view.element)),
    status,
    h("div", { class: "inp-controls" }, h("label", { class: "inp-choice", for: sharpId }, "Scale of the softmax ", sharp, sharpText), ...fill),
    h("p", { class: "inp-note", id: keysId }, KEYS),
    h("p", { class: "inp-note" }, model.get("_legend")),
  );
  el.append(root);

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function go(row, column) {
    const next = [Math.min(rows - 1, Math.max(0, row)), Math.min(columns - 1, Math.max(0, column))];
    if (next.join() !== model.get("place").join()) set("place", next);
  }

  function point(event, canvas) {
    const box = canvas.getBoundingClientRect();
    go(Math.floor(((event.clientY - box.top) / box.height) * rows), Math.floor(((event.clientX - box.left) / box.width) * columns));
  }

  views[0].canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [row, column] = model.get("place");
    const move = ARROWS[event.key];
    const end = { Home: first[0], End: first.at(-1) }[event.key];
    if (!move && end === undefined) return;
    event.preventDefault();
    const far = event.shiftKey ? 4 : 1;
    if (move) go(row + far * move[0], column + far * move[1]);
    else go(Math.floor(end / columns), end % columns);
  });

  function weightsHere() {
    const [row, column] = model.get("place");
    const n = nth.get(row * columns + column);
    if (n === undefined) return new Float64Array(rows * columns);
    return sharpen(Float64Array.from(table.subarray(n * rows * columns, (n + 1) * rows * columns)), model.get("sharpness"));
  }

  function resize() {
    const room = Math.max(96, Math.min(ROOM, (root.clientWidth - 56) / 3));
    scale = scaleFor(width, height, room);
    const dense = window.devicePixelRatio || 1;
    for (const { canvas } of views) {
      canvas.style.width = `${width * scale}px`;
      canvas.style.height = `${height * scale}px`;
      canvas.width = Math.round(width * scale * dense);
      canvas.height = Math.round(height * scale * dense);
    }
    draw();
  }

  function draw() {
    const place = model.get("place");
    const weights = weightsHere();
    const most = weights.reduce((a, b) => Math.max(a, b), 0);
    const [pens, step] = [views.map(({ canvas }) => canvas.getContext("2d")), views[0].canvas.width / width];
    pens.forEach((pen, k) => {
      const [base, side] = k === 2 ? [colours, pen.canvas.width] : [k === 0 && fillBox.checked ? filling : source, pen.canvas.width];
      pen.imageSmoothingEnabled = k < 2 && step < 1;
      pen.drawImage(base, 0, 0, side, pen.canvas.height);
      if (k === 1 || (k === 0 && !fillBox.checked)) paintHoles(pen, known, width, height, step);
    });
    const size = cell * step;
    if (most > 0) {
      weights.forEach((w, k) => {
        const strength = Math.sqrt(w / most);
        pens[1].fillStyle = `rgba(10, 10, 20, ${(0.85 * (1 - strength)).toFixed(3)})`;
        const [x, y] = [Math.round((k % columns) * size), Math.round(Math.floor(k / columns) * size)];
        pens[1].fillRect(x, y, Math.round(((k % columns) + 1) * size) - x, Math.round((Math.floor(k / columns) + 1) * size) - y);
      });
      const best = weights.indexOf(most);
      const to = [Math.floor(best / columns), best % columns];
      arrow(pens[1], place, to, size);
      box(pens[1], to, size, []);
    }
    outline(pens[2], size);
    for (const pen of pens) box(pen, place, size, [4, 3]);
    status.textContent = sentence(place, Array.from(weights), columns, holes);
    const times = model.get("sharpness");
    sharp.value = Math.log2(times);
    sharpText.textContent = ` × ${Number(times.toPrecision(3))}`;
    sharp.setAttribute("aria-valuetext", `times ${Number(times.toPrecision(3))}`);
  }

  /** A frame around a place, light and dark, so that it is seen on every picture; dashed for the place that looks. */
  function box(pen, [row, column], size, dashes) {
    const grow = Math.max(0, 7 - size) / 2;
    for (const [colour, thickness] of [["#ffffff", 5], ["#1a1a2e", 2.5]]) {
      pen.setLineDash(colour === "#ffffff" ? [] : dashes);
      pen.strokeStyle = colour;
      pen.lineWidth = thickness;
      pen.strokeRect(column * size - grow, row * size - grow, size + 2 * grow, size + 2 * grow);
    }
    pen.setLineDash([]);
  }

  function arrow(pen, from, to, size) {
    const [x0, y0, x1, y1] = [from[1], from[0], to[1], to[0]].map((k) => (k + 0.5) * size);
    for (const [colour, thickness] of [["#1a1a2e", 4], ["#56b4e9", 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thickness;
      pen.beginPath();
      pen.moveTo(x0, y0);
      pen.lineTo(x1, y1);
      pen.stroke();
    }
  }

  /** A line around the hole on the coloured map. */
  function outline(pen, size) {
    const inside = (r, c) => r >= 0 && r < rows && c >= 0 && c < columns && holes[r * columns + c] === 1;
    pen.strokeStyle = "#1a1a2e";
    pen.lineWidth = 2;
    pen.beginPath();
    for (const k of first) {
      const [r, c] = [Math.floor(k / columns), k % columns];
      const sides = [[r - 1, c, c, r, c + 1, r], [r + 1, c, c, r + 1, c + 1, r + 1], [r, c - 1, c, r, c, r + 1], [r, c + 1, c + 1, r, c + 1, r + 1]];
      for (const [y, x, x0, y0, x1, y1] of sides) {
        if (inside(y, x)) continue;
        pen.moveTo(x0 * size, y0 * size);
        pen.lineTo(x1 * size, y1 * size);
      }
    }
    pen.stroke();
  }

  const observer = new ResizeObserver(resize);
  observer.observe(root);
  resize();
  const end = watch(model, ["place", "sharpness"], draw);
  return () => {
    observer.disconnect();
    end();
    root.remove();
  };
}

export default { render };
