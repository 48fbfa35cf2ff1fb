// The mask after each layer of a stack of partial convolutions. Python: mask_propagation.py
import { h, frame, watch } from "./common.js";
import { fitPlanes, plane } from "./planes.js";
import { maskWindow, masksAfter, planeSizes, ways } from "./stack.js";
import { paintHoles } from "./raster.js";

const HELP =
  "Click a pixel of the first mask to make it a hole, or known again. Click a pixel after a layer to see why it is known: its window is framed in the " +
  "mask before it, and blue are the known pixels that it goes back to. Keys: Tab goes to the next mask, the arrows from pixel to pixel, the space bar is the click.";
const KNOWN = "#0072b2";

function render({ model, el }) {
  const layers = model.get("layers");
  const first = model.get("mask");
  const sizes = planeSizes(layers, [first.length, first[0].length]);
  let masks = [];

  const root = frame("The mask after each partial convolution");
  const stage = h("div", { class: "inp-planes" });
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const button = (text, action) => h("button", { type: "button", class: "inp-button", onclick: action }, text);
  const back = button("◀ Back", () => show(model.get("shown") - 1));
  const next = button("Next layer ▶", () => show(model.get("shown") + 1));
  const all = button("Show all", () => show(layers.length));
  const reset = button("Original mask", () => change(model.get("_first_mask")));
  const planes = sizes.map(([rows, columns], level) => {
    const title = level ? `after ${level}: ${layers[level - 1].title}` : "mask";
    const label = `${level ? `Mask after layer ${level}, ${layers[level - 1].title}` : "Mask"}, ${rows} by ${columns} pixels`;
    const onpick = level ? null : toggle;
    return plane({ title, rows, columns, label, onmove: (row, column) => ask(level, row, column), onpick });
  });
  stage.append(...planes.map((one) => one.element));
  root.append(stage, status, h("div", { class: "inp-controls" }, back, next, all, reset), h("p", { class: "inp-note" }, HELP));
  el.append(root);

  function show(count) {
    model.set("shown", count);
    if (model.get("position")[0] > count) model.set("position", [0, ...sizes[0].map((side) => Math.floor(side / 2))]);
    model.save_changes();
  }

  function change(mask) {
    model.set("mask", mask);
    model.save_changes();
  }

  function toggle(row, column) {
    change(model.get("mask").map((line, r) => line.map((known, c) => (r === row && c === column ? 1 - known : known))));
  }

  function ask(level, row, column) {
    if (level > model.get("shown")) {
      status.textContent = `Layer ${level} is not shown yet: press Next layer.`;
      return;
    }
    model.set("position", [level, row, column]);
    model.save_changes();
    update();
  }

  function update() {
    const shown = model.get("shown");
    const [level, row, column] = model.get("position");
    masks = masksAfter(model.get("mask"), layers);
    const back_to = [row, column].map((index, axis) => ways(layers, sizes.map((size) => size[axis]), level, index));
    planes.forEach((one, l) => {
      const holes = masks[l].flat().filter((known) => !known).length;
      one.element.classList.toggle("inp-veiled", l > shown);
      one.note.textContent = l > shown ? "?" : holes ? `holes: ${holes}` : "no hole is left";
      one.canvas.dataset.hole = l > shown ? "" : String(holes);
      if (l === level) one.place(row, column);
      one.draw((brush) => paint(brush, l, back_to));
    });
    status.textContent = why(level, row, column);
    back.disabled = shown === 0;
    next.disabled = all.disabled = shown === layers.length;
    reset.disabled = JSON.stringify(model.get("mask")) === JSON.stringify(model.get("_first_mask"));
  }

  function paint(brush, l, [down, right]) {
    if (l > model.get("shown")) {
      brush.context.fillStyle = "#eeeeee";
      brush.context.fillRect(...brush.box(0, 0, ...sizes[l]));
      return;
    }
    const [level, row, column] = model.get("position");
    const mask = masks[l];
    if (l < level && masks[level][row][column]) {
      for (const r of down[l].keys()) for (const c of right[l].keys()) if (mask[r][c]) brush.fill(r, c, KNOWN);
    }
    paintHoles(brush.context, mask.flat(), mask[0].length, mask.length, brush.step);
    brush.lines();
    if (l === level) brush.frame(row, column, 1, 1, "#d55e00", 3);
    if (l === level - 1) {
      const places = maskWindow(mask, layers[l], row, column).filter((place) => place.inside);
      const { dilation } = layers[l];
      if (dilation > 1) for (const place of places) brush.frame(place.row, place.column, 1, 1, "#1a1a2e", 1);
      else brush.frame(places[0].row, places[0].column, places.at(-1).row - places[0].row + 1, places.at(-1).column - places[0].column + 1, "#1a1a2e");
    }
  }

  function why(level, row, column) {
    const place = `row ${row + 1}, column ${column + 1}`;
    if (level === 0) return `Mask, ${place}: ${masks[0][row][column] ? "known" : "hole"}.`;
    const places = maskWindow(masks[level - 1], layers[level - 1], row, column);
    const known = places.filter((one) => one.known).length;
    const outside = places.filter((one) => !one.inside).length;
    const border = outside ? ` (${outside} lie outside the image and count as holes)` : "";
    const where = level === 1 ? "in the mask" : `after layer ${level - 1}`;
    const start = `After layer ${level}, ${place}: `;
    if (!known) return `${start}still a hole, because none of the ${places.length} places of its window is known ${where}${border}.`;
    return `${start}known, because ${known} of the ${places.length} places of its window ${known === 1 ? "is" : "are"} known ${where}${border}.`;
  }

  update();
  const fitting = fitPlanes(root, () => planes);
  const ends = [watch(model, ["mask", "shown", "position"], update)];
  return () => {
    fitting.end();
    ends.forEach((end) => end());
    root.remove();
  };
}

export default { render };
