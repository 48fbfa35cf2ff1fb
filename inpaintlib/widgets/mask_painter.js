// Paint a hole into a picture; inpainters in Python fill it. Python: mask_painter.py
import { h, frame, freshId, watch } from "./common.js";
import { bytes, dab, line, paintBrush, paintHoles, picture, scaleFor } from "./raster.js";
import { chooser } from "./photograph.js";
import { card, failure } from "./cards.js";
import { questions } from "./questions.js";

const ROOM = 400; // CSS pixels for the side of the picture to paint on
const CARDS = [150, 180]; // and for that of a result: the least that can be compared, and the most
const [GAP, ROW] = [10, 4]; // CSS pixels between results (as in widgets.css), and how many of them stand in a row
const REST = 300; // milliseconds without a stroke before Python is asked
const PATIENCE = 15000; // milliseconds before the reader is told that no answer has come
const LATE = "No answer from Python yet. If the kernel was stopped, run the cell again.";
const ALONE = "Python is not running for this widget: run its cell again to see other holes filled.";
const UNDOS = 60;
const KEYS =
  "Keys on the picture: arrows move (with Shift by four), space paints, hold it to draw, + and − change the brush, " +
  "E erases, U undoes, C clears, Enter inpaints, Escape goes back to the notebook.";

const same = (a, b) => a.length === b.length && a.every((value, k) => value === b[k]);

/** One view of the picture that is there now; returns the function that ends it. */
function view({ model, el }) {
  const [width, height] = [model.get("_width"), model.get("_height")];
  const source = picture(bytes(model.get("_pixels")), width, height);
  const original = picture(bytes(model.get(model.get("_truth").byteLength ? "_truth" : "_pixels")), width, height);
  let mask = bytes(model.get("_known"));
  let undo = [];
  let erasing = false;
  let cursor = [Math.floor(width / 2), Math.floor(height / 2)];
  let outline = null; // where the brush is drawn, if it is
  let last = null; // the pixel before in a stroke of the mouse
  let before = null; // the mask as it was before the stroke
  let penDown = false; // the space bar is held
  let scale = 1;
  let waiting = null;
  let shownZoom = null; // of the results

  const prepare = () => model.set("_known", new DataView(mask.slice().buffer));
  const python = questions(model, { rest: REST, prepare, changed: showStatus });
  const root = frame("Paint a hole and see it filled");
  const keysId = freshId("keys");
  const canvas = h("canvas", { class: "inp-canvas", tabindex: "0", role: "application", "aria-describedby": keysId });
  canvas.setAttribute("aria-label", `Picture of ${width} by ${height} pixels to paint a hole into`);
  const context = canvas.getContext("2d");
  const spoken = h("p", { class: "inp-hidden", "aria-live": "polite" });
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const results = h("div", { class: "inp-results", role: "group", "aria-label": "Results" });
  const button = (text, action, more = {}) => h("button", { type: "button", class: "inp-button", onclick: action, ...more }, text);
  const paintButton = button("Paint", () => setErasing(false));
  const eraseButton = button("Erase", () => setErasing(true));
  const undoButton = button("Undo", undoStroke);
  const clearButton = button("Clear", clear);
  const brushId = freshId("brush");
  const largest = Math.min(64, Math.max(8, model.get("brush"), Math.round(Math.min(width, height) / 2)));
  const brush = h("input", { id: brushId, type: "range", min: 1, max: largest, oninput: () => setBrush(Number(brush.value)) });
  const brushText = h("span", { class: "inp-brush" });
  const boxes = model.get("names").map((name) => {
    const box = h("input", { type: "checkbox", onchange: choose });
    box.checked = model.get("chosen").includes(name);
    return { name, box, label: h("label", { class: "inp-check" }, box, ` ${name}`) };
  });
  root.append(
    h("div", { class: "inp-painter" },
      h("div", { class: "inp-picture" }, canvas),
      h("div", { class: "inp-tools" },
        h("div", { class: "inp-controls", role: "toolbar", "aria-label": "Tools" }, paintButton, eraseButton, undoButton, clearButton),
        h("label", { class: "inp-choice", for: brushId }, "Brush ", brush, brushText),
        h("fieldset", { class: "inp-fieldset" }, h("legend", {}, "Inpainters"), ...boxes.map((entry) => entry.label)),
        h("div", { class: "inp-controls" },
          button("Inpaint", () => python.ask({ force: true }), { class: "inp-button inp-main" }),
          h("span", { class: "inp-note" }, "The hole is also filled each time you let go of the brush."),
        ),
        ...chooser(model, { complain: (problem) => { status.textContent = problem; }, ask: () => python.ask({ force: true }) }),
        h("p", { class: "inp-note", id: keysId }, KEYS),
      ),
    ),
    status,
    results,
    spoken,
  );
  el.append(root);

  // Painting ---------------------------------------------------------------------------------------------------------------------------

  function begin() {
    if (before === null) before = mask.slice();
  }

  function end() {
    last = null;
    if (before !== null && !same(before, mask)) {
      undo = [...undo.slice(1 - UNDOS), before];
      python.later();
    }
    before = null;
    draw();
  }

  function touch(x, y) {
    const [x0, y0] = last ?? [x, y];
    for (const [u, v] of line(x0, y0, x, y)) dab(mask, width, height, u, v, model.get("brush"), erasing ? 1 : 0);
    last = [x, y];
    outline = cursor = [x, y].map((k, axis) => Math.min((axis ? height : width) - 1, Math.max(0, k)));
    draw();
  }

  function replace(next) {
    undo = [...undo.slice(1 - UNDOS), mask];
    mask = next;
    python.later();
    draw();
  }

  function undoStroke() {
    if (!undo.length) return say("Nothing to undo.");
    mask = undo.at(-1);
    undo = undo.slice(0, -1);
    python.later();
    draw();
    say("Undone.");
  }

  function clear() {
    replace(new Uint8Array(width * height).fill(1));
    say("Cleared: no hole is left.");
  }

  function setErasing(on) {
    erasing = on;
    paintButton.setAttribute("aria-pressed", String(!on));
    eraseButton.setAttribute("aria-pressed", String(on));
  }

  function setBrush(size) {
    model.set("brush", Math.min(Number(brush.max), Math.max(1, size)));
    model.save_changes();
    draw();
  }

  function showBrush() {
    brush.value = model.get("brush");
    brushText.textContent = ` ${model.get("brush")} pixels`;
    brush.setAttribute("aria-valuetext", `${model.get("brush")} pixels`);
  }

  function pixel(event) {
    const box = canvas.getBoundingClientRect();
    return [Math.floor(((event.clientX - box.left) / box.width) * width), Math.floor(((event.clientY - box.top) / box.height) * height)];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    begin();
    touch(...pixel(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last !== null && canvas.hasPointerCapture(event.pointerId)) {
      const between = event.getCoalescedEvents?.() ?? [];
      for (const step of between.length ? between : [event]) touch(...pixel(step));
    } else {
      outline = pixel(event);
      draw();
    }
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => last !== null && end());
  canvas.addEventListener("pointerleave", () => { outline = null; draw(); });
  canvas.addEventListener("focus", () => { outline = cursor; draw(); });
  canvas.addEventListener("blur", () => { liftPen(); outline = null; draw(); });

  // Keyboard ---------------------------------------------------------------------------------------------------------------------------

  function liftPen() {
    if (!penDown) return;
    penDown = false;
    end();
  }

  function move(dx, dy) {
    const [x, y] = [Math.min(width - 1, Math.max(0, cursor[0] + dx)), Math.min(height - 1, Math.max(0, cursor[1] + dy))];
    outline = cursor = [x, y];
    if (penDown) touch(x, y);
    draw();
    say(`row ${y + 1}, column ${x + 1}, ${mask[y * width + x] ? "known" : "hole"}`);
  }

  const keys = {
    ArrowLeft: (far) => move(-far, 0),
    ArrowRight: (far) => move(far, 0),
    ArrowUp: (far) => move(0, -far),
    ArrowDown: (far) => move(0, far),
    " ": () => {
      if (penDown) return;
      penDown = true;
      begin();
      last = null;
      touch(...cursor);
    },
    "+": () => setBrush(model.get("brush") + 1),
    "=": () => setBrush(model.get("brush") + 1),
    "-": () => setBrush(model.get("brush") - 1),
    e: () => { setErasing(!erasing); say(erasing ? "Erasing." : "Painting."); },
    u: undoStroke,
    c: clear,
    Enter: () => python.ask({ force: true }),
  };
  canvas.addEventListener("keydown", (event) => {
    const undoing = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    const action = undoing ? undoStroke : keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || (!undoing && (event.ctrlKey || event.metaKey || event.altKey)) || (event.key === "Enter" && event.shiftKey)) return;
    event.preventDefault();
    action(event.shiftKey ? 4 : 1);
  });
  canvas.addEventListener("keyup", (event) => event.key === " " && liftPen());

  // Drawing ----------------------------------------------------------------------------------------------------------------------------

  function resize() {
    const room = Math.max(64, Math.min(ROOM, root.clientWidth - 8));
    scale = scaleFor(width, height, room);
    const dense = window.devicePixelRatio || 1;
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
    canvas.width = Math.round(width * scale * dense);
    canvas.height = Math.round(height * scale * dense);
    draw();
    if (shownZoom !== null && shownZoom !== cardZoom()) showResults();
  }

  function draw() {
    const step = canvas.width / width;
    context.imageSmoothingEnabled = step < 1;
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    paintHoles(context, mask, width, height, step);
    if (outline) paintBrush(context, (outline[0] + 0.5) * step, (outline[1] + 0.5) * step, (model.get("brush") / 2) * step);
    canvas.dataset.hole = String(mask.reduce((total, known) => total + (known ? 0 : 1), 0));
  }

  // Results ----------------------------------------------------------------------------------------------------------------------------

  function choose() {
    model.set("chosen", boxes.filter((entry) => entry.box.checked).map((entry) => entry.name));
    model.save_changes();
    python.ask();
  }

  function showStatus() {
    const busy = python.busy();
    clearTimeout(waiting);
    root.toggleAttribute("data-busy", busy);
    results.setAttribute("aria-busy", String(busy));
    status.textContent = busy ? "Inpainting …" : python.alone() ? ALONE : model.get("message");
    if (busy) waiting = setTimeout(() => { status.textContent = LATE; }, PATIENCE);
  }

  function showResults() {
    const rows = model.get("results");
    const zoom = cardZoom();
    const show = (row) => (row.error ? failure(row) : card(row, picture(bytes(row.pixels), width, height), zoom));
    const cards = [card({ name: "original", score: "", note: "" }, original, zoom), ...rows.map(show)];
    const columns = Math.ceil(cards.length / Math.ceil(cards.length / ROW)); // seven stand as four and three, not as six and one
    results.style.maxWidth = `${columns * (Math.ceil(width * zoom) + 2) + (columns - 1) * GAP}px`;
    results.replaceChildren(...cards);
    shownZoom = zoom;
  }

  /** As large as lets four stand in a row, in whole multiples where they are large enough; in a narrow notebook fewer stand in a row. */
  function cardZoom() {
    const [least, most] = CARDS;
    const room = (root.clientWidth - GAP * (ROW - 1) - 16) / ROW;
    const side = Math.floor(Math.min(most, Math.max(least, room)));
    const crisp = scaleFor(width, height, side);
    return crisp * Math.max(width, height) >= least ? crisp : side / Math.max(width, height);
  }

  function say(text) {
    spoken.textContent = text;
  }

  /** The mask was changed from Python, or in another view of this widget. */
  function reload() {
    const next = bytes(model.get("_known"));
    if (same(next, mask) || last !== null || penDown) return;
    mask = next;
    draw();
  }

  const observer = new ResizeObserver(resize);
  observer.observe(root);
  setErasing(false);
  showBrush();
  resize();
  showResults();
  showStatus();
  const ends = [
    watch(model, ["brush"], () => { showBrush(); draw(); }),
    watch(model, ["_known"], reload),
    watch(model, ["results"], showResults),
    watch(model, ["message"], showStatus),
    watch(model, ["chosen"], () => boxes.forEach(({ name, box }) => { box.checked = model.get("chosen").includes(name); })),
  ];
  return () => {
    clearTimeout(waiting);
    python.end();
    observer.disconnect();
    ends.forEach((end) => end());
    root.remove();
  };
}

function render(context) {
  let end = view(context);
  const stop = watch(context.model, ["_pixels"], () => {
    const focused = context.el.contains(document.activeElement);
    end();
    end = view(context);
    if (focused) context.el.querySelector("canvas.inp-canvas").focus({ preventScroll: true });
  });
  return () => {
    stop();
    end();
  };
}

export default { render };
