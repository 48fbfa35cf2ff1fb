// The view that both steppers share: image, kernel and output as grids, a window, and its sum spelled out.
import { h, frame, freshId, numberText, watch } from "./common.js";
import { convolve, outputSize } from "./arithmetic.js";
import { ARROWS, grid, makeTabStop, write } from "./grid.js";

const TICK = 1100; // milliseconds that "Play" rests on a window
const HELP = "A click on a cell of the output, or the arrow keys, move the window; Home and End go to the first and the last. ";
const MASK_HELP =
  "A click on a pixel of the image, or the space bar on it, makes it a hole, or known again. Orange, hatched, with a question mark: hole.";

export function stepper({ model, el }, { partial }) {
  const image = model.get("image");
  const kernel = model.get("kernel");
  const height = image.length;
  const width = image[0].length;
  const geometry = () => ({ stride: model.get("stride"), padding: model.get("padding"), dilation: model.get("dilation") });
  const mask = () => (partial ? model.get("mask") : null);

  let visited = new Set(); // output cells that have been computed before the reader's eyes
  let grids = {};
  let result = null;
  let timer = null;
  let picked = [0, 0]; // the image cell that the tab key reaches

  const root = frame(partial ? "Partial convolution, step by step" : "Convolution, step by step");
  const stage = h("div", { class: "inp-row" });
  const sum = h("div", { class: "inp-sum", tabindex: "0", role: "group", "aria-label": "The sum over the window" });
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const size = h("p", { class: "inp-note" });
  const button = (text, action) => h("button", { type: "button", class: "inp-button", onclick: action }, text);
  const back = button("◀ Back", () => step(-1));
  const next = button("Next ▶", () => step(1));
  const play = button("Play", () => (timer === null ? start() : stop()));
  const all = button("Show all", () => reveal(true));
  const over = button("Start over", () => reveal(false));
  const reset = button("Original holes", () => { model.set("mask", model.get("_first_mask")); model.save_changes(); });
  const simple = model.get("simple");
  const choices = simple ? {} : { stride: chooser("stride", 1, 3), padding: chooser("padding", 0, 3), dilation: chooser("dilation", 1, 3) };
  root.append(
    stage,
    sum,
    status,
    h("div", { class: "inp-controls" }, back, next, play, all, over, ...(partial ? [reset] : []), ...Object.values(choices).map((choice) => choice.label)),
    ...(simple ? [] : [size]),
    h("p", { class: "inp-note" }, HELP, partial ? MASK_HELP : ""),
  );
  el.append(root);

  function chooser(name, low, high) {
    const id = freshId(name);
    const most = Math.max(high, model.get(name));
    const options = Array.from({ length: most - low + 1 }, (_, k) => h("option", { value: low + k }, String(low + k)));
    const select = h("select", { id, class: "inp-select", onchange: () => change(name, Number(select.value)) }, ...options);
    return { label: h("label", { class: "inp-choice", for: id }, `${name} `, select), select };
  }

  function fits(settings) {
    return outputSize(height, kernel.length, settings) > 0 && outputSize(width, kernel[0].length, settings) > 0;
  }

  function change(name, value) {
    stop();
    model.set("position", [0, 0]); // a cell that every output has; then the new tables are drawn
    model.set(name, value);
    model.save_changes();
  }

  function toggle(row, column) {
    if (!partial) return;
    picked = [row, column];
    model.set("mask", mask().map((line, r) => line.map((known, c) => (r === row && c === column ? 1 - known : known))));
    model.save_changes();
    makeTabStop(grids.image.cells, row + geometry().padding, column + geometry().padding);
  }

  function go(row, column) {
    model.set("position", [row, column]);
    model.save_changes();
  }

  function step(by) {
    const columns = grids.output.columns;
    const last = grids.output.rows * columns - 1;
    const [row, column] = model.get("position");
    const index = Math.min(last, Math.max(0, row * columns + column + by));
    go(Math.floor(index / columns), index % columns);
    return index < last;
  }

  function start() {
    const { rows, columns } = grids.output;
    const [row, column] = model.get("position");
    if (row === rows - 1 && column === columns - 1) go(0, 0);
    timer = setInterval(() => step(1) || stop(), TICK);
    play.textContent = "Pause";
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function reveal(everything) {
    stop();
    visited = new Set(everything ? result.output.flatMap((line, r) => line.map((_, c) => `${r},${c}`)) : []);
    if (everything) update();
    else model.get("position").some((k) => k !== 0) ? go(0, 0) : update();
  }

  /** New settings: new tables. */
  function rebuild() {
    const { padding } = geometry();
    result = convolve(image, kernel, mask(), geometry());
    const [rows, columns] = [result.output.length, result.output[0].length];
    visited = new Set();
    const inside = (r, c) => r >= padding && r < height + padding && c >= padding && c < width + padding;
    grids = {
      image: grid({
        title: "image", rows: height + 2 * padding, columns: width + 2 * padding,
        walkable: (r, c) => partial && inside(r, c), onpick: (r, c) => toggle(r - padding, c - padding),
      }),
      kernel: grid({ title: "kernel", rows: kernel.length, columns: kernel[0].length }),
      output: grid({ title: "output", rows, columns, walkable: () => true, onpick: (r, c) => { stop(); go(r, c); } }),
    };
    if (partial) grids.mask = grid({ title: "new mask", rows, columns });
    const sign = (text) => h("div", { class: "inp-sign", "aria-hidden": "true" }, text);
    stage.replaceChildren(grids.image.element, sign("∗"), grids.kernel.element, sign("="), grids.output.element);
    if (partial) stage.append(grids.mask.element);
    grids.kernel.cells.forEach((line, i) => line.forEach((cell, j) => {
      const text = numberText(kernel[i][j]);
      write(cell, { text, label: `kernel row ${i + 1}, column ${j + 1}: ${text}` });
    }));
    if (partial) makeTabStop(grids.image.cells, picked[0] + padding, picked[1] + padding);
    for (const [name, { select }] of Object.entries(choices)) {
      const value = model.get(name);
      const offered = [...select.options].some((option) => Number(option.value) === value);
      if (!offered) select.append(h("option", { value }, String(value))); // set from Python
      for (const option of select.options) option.disabled = !fits({ ...geometry(), [name]: Number(option.value) });
      select.value = String(value);
    }
    size.textContent = sizeText();
    update();
  }

  function sizeText() {
    const { stride, padding, dilation } = geometry();
    const side = (n, k) => `⌊(${n} + 2·${padding} − ${dilation}·(${k} − 1) − 1) / ${stride}⌋ + 1 = ${outputSize(n, k, geometry())}`;
    const same = height === width && kernel.length === kernel[0].length;
    const text = same ? side(height, kernel.length) : `${side(height, kernel.length)} rows, ${side(width, kernel[0].length)} columns`;
    return `Output size: ⌊(image + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 = ${text}`;
  }

  /** A new position or mask: new texts in the same tables. */
  function update() {
    const [row, column] = model.get("position");
    if (row >= grids.output.rows || column >= grids.output.columns) return; // the settings are about to follow
    result = convolve(image, kernel, mask(), geometry());
    visited.add(`${row},${column}`);
    const window = result.windows[row][column];
    writeImage(window);
    writeOutput(row, column);
    writeSum(window);
    const index = row * grids.output.columns + column;
    const where = `Window ${index + 1} of ${grids.output.rows * grids.output.columns}, output row ${row + 1}, column ${column + 1}`;
    const known = partial ? ` (${window.known} of ${window.size} known)` : "";
    status.textContent = `${where}: ${numberText(window.value)}${known}`;
    back.disabled = index === 0;
    reset.disabled = !partial || JSON.stringify(mask()) === JSON.stringify(model.get("_first_mask"));
    next.disabled = index === grids.output.rows * grids.output.columns - 1;
  }

  function writeImage(window) {
    const { padding } = geometry();
    const weights = new Map(window.cells.map((cell) => [`${cell.row},${cell.column}`, cell.weight]));
    grids.image.cells.forEach((line, r) => line.forEach((cell, c) => {
      const [y, x] = [r - padding, c - padding];
      const inside = y >= 0 && y < height && x >= 0 && x < width;
      const hole = partial && !(inside && mask()[y][x] === 1);
      const weight = weights.get(`${y},${x}`);
      const within = weight !== undefined;
      const text = hole ? "?" : numberText(inside ? image[y][x] : 0);
      const place = inside ? `image row ${y + 1}, column ${x + 1}` : "padding";
      write(cell, {
        text,
        weight: within && !hole ? `×${numberText(weight)}` : "",
        label: `${place}: ${hole ? "hole" : text}${within ? ", in the window" : ""}`,
        classes: { "inp-hole": hole, "inp-padding": !inside, "inp-window": within },
      });
    }));
  }

  function writeOutput(row, column) {
    const hadFocus = grids.output.table.contains(document.activeElement);
    grids.output.cells.forEach((line, r) => line.forEach((cell, c) => {
      const here = r === row && c === column;
      const seen = visited.has(`${r},${c}`);
      const text = seen ? numberText(result.output[r][c]) : "";
      const empty = seen && result.newMask[r][c] === 0;
      const label = `output row ${r + 1}, column ${c + 1}: ${seen ? text : "not computed yet"}`;
      write(cell, { text, label, classes: { "inp-here": here, "inp-unseen": !seen, "inp-long": text.length > 4 } });
      cell.setAttribute("aria-selected", String(here));
      if (!partial) return;
      const after = grids.mask.cells[r][c];
      const mark = seen ? String(result.newMask[r][c]) : "";
      const name = `new mask row ${r + 1}, column ${c + 1}: ${mark || "not computed yet"}`;
      write(after, { text: mark, label: name, classes: { "inp-hole": empty, "inp-here": here, "inp-unseen": !seen } });
    }));
    makeTabStop(grids.output.cells, row, column);
    if (hadFocus) grids.output.cells[row][column].focus({ preventScroll: true });
  }

  function writeSum(window) {
    const bracket = (text) => (text.startsWith("−") ? `(${text})` : text);
    const terms = window.cells.map((cell) => (cell.known ? `${bracket(numberText(cell.value))}·${bracket(numberText(cell.weight))}` : "▨"));
    const widest = Math.max(...terms.map((term) => term.length));
    const lines = kernel.map((line, i) => {
      const own = terms.slice(i * line.length, (i + 1) * line.length).map((term) => term.padEnd(widest));
      return (i ? "+ " : "  ") + own.join(" + ");
    });
    const total = numberText(window.sum);
    const text = `${lines.join("\n")} = ${total}`;
    sum.replaceChildren(h("span", {}, text));
    const nothing = "nothing in the window is known: the output is 0, and so is the new mask";
    if (partial && window.known === 0) sum.append("\n  ", h("strong", {}, nothing));
    else if (partial) {
      const end = `${bracket(total)} × ${window.size}/${window.known} = ${numberText(window.value)}`;
      sum.append("\n  ", h("strong", { class: "inp-factor" }, end), `   (k² = ${window.size} places, ${window.known} known)`);
    }
  }

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
    const cell = event.target.closest("td");
    const onImage = cell !== null && grids.image.table.contains(cell);
    const move = ARROWS[event.key];
    if (onImage && (event.key === " " || event.key === "Enter" || move)) {
      event.preventDefault();
      if (!move) return toggle(...picked);
      picked = [Math.min(height - 1, Math.max(0, picked[0] + move[0])), Math.min(width - 1, Math.max(0, picked[1] + move[1]))];
      const [r, c] = picked.map((k) => k + geometry().padding);
      makeTabStop(grids.image.cells, r, c);
      grids.image.cells[r][c].focus();
    } else if (move) {
      event.preventDefault();
      stop();
      if (move[0] === 0) step(move[1]);
      else {
        const [row, column] = model.get("position");
        go(Math.min(grids.output.rows - 1, Math.max(0, row + move[0])), column);
      }
    } else if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      stop();
      step(event.key === "Home" ? -Infinity : Infinity);
    }
  });
  // A cell that is clicked becomes the one that the arrow keys start from.
  root.addEventListener("focusin", (event) => {
    const cell = event.target.closest("td");
    if (!partial || cell === null || !grids.image.table.contains(cell)) return;
    const r = grids.image.cells.findIndex((line) => line.includes(cell));
    picked = [r - geometry().padding, grids.image.cells[r].indexOf(cell) - geometry().padding];
  });

  rebuild();
  const ends = [watch(model, ["stride", "padding", "dilation"], rebuild), watch(model, ["position", "mask"], update)];
  return () => {
    stop();
    ends.forEach((end) => end());
    root.remove();
  };
}
