// Two pictures, one over the other, with a divider between them. Python: compare_slider.py
import { h, frame, freshId, watch } from "./common.js";
import { bytes, paintOutline, picture, scaleFor } from "./raster.js";

const ROOM = 560; // CSS pixels for the longer side
const STEPS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1 };
const KEYS = "Drag the divider, or use the arrow keys on it (Page up and Page down for large steps, Home and End for the edges).";

function render({ model, el }) {
  const [width, height] = [model.get("_width"), model.get("_height")];
  const names = model.get("names");
  const sources = new Map(names.map((name, k) => [name, picture(bytes(model.get("_pictures")[k]), width, height)]));
  const mask = model.get("_known").byteLength ? bytes(model.get("_known")) : null;
  let outlined = false;

  const root = frame("Compare two pictures");
  const keysId = freshId("keys");
  const canvas = h("canvas", { class: "inp-result", role: "img" });
  const context = canvas.getContext("2d");
  const divider = h("div", {
    class: "inp-divider", role: "slider", tabindex: "0", "aria-label": "Divider", "aria-orientation": "horizontal",
    "aria-valuemin": "0", "aria-valuemax": "100", "aria-describedby": keysId,
  });
  const stage = h("div", { class: "inp-stage" }, canvas, divider);
  const labels = [h("strong", { class: "inp-side" }), h("strong", { class: "inp-side" })];
  const captions = h("div", { class: "inp-sides", "aria-hidden": "true" }, ...labels); // the divider says the same
  const menus = names.length > 2 ? ["left", "right"].map(menu) : [];
  const outline = h("button", { type: "button", class: "inp-button", "aria-pressed": "false", onclick: toggleOutline }, "Outline of the hole");
  const tools = h("div", { class: "inp-controls" }, ...menus.map((each) => each.label), ...(mask ? [outline] : []));
  root.append(captions, h("div", { class: "inp-scroll" }, stage), tools, h("p", { class: "inp-note", id: keysId }, KEYS));
  el.append(root);

  function menu(side) {
    const id = freshId(side);
    const select = h("select", { id, class: "inp-select", onchange: () => choose(side, select.value) });
    select.append(...names.map((name) => h("option", { value: name }, name)));
    const label = h("label", { class: "inp-choice", for: id }, `${side === "left" ? "Left" : "Right"} `, select);
    return { side, select, label };
  }

  function choose(side, name) {
    model.set(side, name);
    model.save_changes();
    draw();
  }

  function toggleOutline() {
    outlined = !outlined;
    outline.setAttribute("aria-pressed", String(outlined));
    draw();
  }

  function place(position, { send }) {
    model.set("position", Math.min(1, Math.max(0, position)));
    if (send) model.save_changes();
    draw();
  }

  // Mouse and touch: the whole picture moves the divider, so that nobody has to hit a line ------------------------------------------------

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return (event.clientX - box.left) / box.width;
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    divider.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    place(at(event), { send: false });
  });
  stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && place(at(event), { send: false }));
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => model.save_changes());

  divider.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const now = model.get("position");
    const next = event.key === "Home" ? 0 : event.key === "End" ? 1 : event.key in STEPS ? now + STEPS[event.key] : null;
    if (next === null) return;
    event.preventDefault();
    place(next, { send: true });
  });

  // Drawing ------------------------------------------------------------------------------------------------------------------------------

  function resize() {
    const room = Math.max(96, Math.min(ROOM, root.clientWidth - 16));
    const scale = scaleFor(width, height, room);
    const dense = window.devicePixelRatio || 1;
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
    canvas.width = Math.round(width * scale * dense);
    canvas.height = Math.round(height * scale * dense);
    captions.style.width = `${width * scale}px`;
    draw();
  }

  function draw() {
    const [left, right, position] = [model.get("left"), model.get("right"), model.get("position")];
    const column = Math.round(position * width); // the divider stands between two pixels
    const step = canvas.width / width;
    context.imageSmoothingEnabled = step < 1;
    for (const [name, from, to] of [[left, 0, column], [right, column, width]]) {
      if (to > from) context.drawImage(sources.get(name), from, 0, to - from, height, from * step, 0, (to - from) * step, canvas.height);
    }
    if (outlined && mask) paintOutline(context, mask, width, height, step);
    divider.style.left = `${(100 * column) / width}%`;
    const percent = Math.round(100 * position);
    divider.setAttribute("aria-valuenow", String(percent));
    divider.setAttribute("aria-valuetext", `${percent} %: left of it ${left}, right of it ${right}`);
    canvas.setAttribute("aria-label", `${left} up to ${percent} % of the width, ${right} from there on`);
    labels[0].textContent = `◂ ${left}`;
    labels[1].textContent = `${right} ▸`;
    for (const each of menus) each.select.value = model.get(each.side);
  }

  const observer = new ResizeObserver(resize);
  observer.observe(root);
  resize();
  const end = watch(model, ["left", "right", "position"], draw);
  return () => {
    observer.disconnect();
    end();
    root.remove();
  };
}

export default { render };
