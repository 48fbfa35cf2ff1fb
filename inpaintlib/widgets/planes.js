// Planes of small cells, side by side: what layers put out, as pictures that one points at, by mouse, touch or keyboard.
import { h } from "./common.js";
import { ARROWS } from "./grid.js";

const [GAP, LEAST, MOST] = [14, 118, 230]; // CSS pixels between planes (as in widgets.css), and for the longer side of one

/**
 * A titled canvas of ``rows`` by ``columns`` cells.
 * ``onmove(row, column)`` is called when a cell is pointed at (with ``hover``) or reached by an arrow key or a click; without it the plane
 * is a picture. ``onpick`` is called on a click and on the space bar. ``draw(paint)`` clears the plane and paints it anew.
 */
export function plane({ title, rows, columns, label, hover = false, onmove = null, onpick = null }) {
  const canvas = h("canvas", { class: "inp-plane" });
  const note = h("div", { class: "inp-plane-note" });
  const element = h("div", { class: "inp-plane-block" }, h("div", { class: "inp-title", "aria-hidden": "true" }, title), canvas, note);
  const context = canvas.getContext("2d");
  let at = [Math.floor(rows / 2), Math.floor(columns / 2)];
  let again = () => {};
  canvas.setAttribute("aria-label", label);
  canvas.setAttribute("role", onmove ? "application" : "img");

  const inside = (k, size) => Math.min(size - 1, Math.max(0, k));
  function go(row, column) {
    at = [inside(row, rows), inside(column, columns)];
    onmove(...at);
  }
  function cellAt(event) {
    const box = canvas.getBoundingClientRect();
    return [Math.floor(((event.clientY - box.top) / box.height) * rows), Math.floor(((event.clientX - box.left) / box.width) * columns)];
  }
  if (onmove) {
    canvas.tabIndex = 0;
    canvas.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      go(...cellAt(event));
      canvas.focus({ preventScroll: true });
      if (onpick) onpick(...at);
    });
    if (hover) {
      canvas.addEventListener("pointermove", (event) => {
        const [row, column] = cellAt(event);
        if (row !== at[0] || column !== at[1] || !canvas.matches(":focus")) go(row, column);
      });
    }
    canvas.addEventListener("focus", () => onmove(...at)); // the tab key: the plane is asked where it was left
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const far = event.shiftKey ? 4 : 1;
      const move = ARROWS[event.key];
      if (move) go(at[0] + far * move[0], at[1] + far * move[1]);
      else if (event.key === "Home") go(at[0], 0);
      else if (event.key === "End") go(at[0], columns - 1);
      else if (onpick && (event.key === " " || (event.key === "Enter" && !event.shiftKey))) onpick(...at);
      else return;
      event.preventDefault();
    });
  }

  /** What paints with cells instead of pixels; lines are as thick as the screen is dense. */
  function brush() {
    const [tall, wide] = [canvas.height / rows, canvas.width / columns];
    const line = canvas.width / (canvas.clientWidth || canvas.width);
    const box = (row, column, height = 1, width = 1) => {
      const [x, y] = [Math.round(column * wide), Math.round(row * tall)];
      return [x, y, Math.round((column + width) * wide) - x, Math.round((row + height) * tall) - y];
    };
    const fill = (row, column, colour) => {
      context.fillStyle = colour;
      context.fillRect(...box(row, column));
    };
    /** A frame around cells, which covers none of them: dark, with a light rim, so that it is seen on everything. */
    const frame = (row, column, height, width, colour, thick = 2) => {
      const [x, y, w, t] = box(row, column, height, width);
      const out = (thick / 2) * line;
      for (const [paint, size] of [["#ffffff", thick + 2], [colour, thick]]) {
        context.strokeStyle = paint;
        context.lineWidth = size * line;
        context.strokeRect(x - out, y - out, w + 2 * out, t + 2 * out);
      }
    };
    /** Thin lines between the cells, where there is room for them. */
    const lines = () => {
      if (Math.min(tall, wide) < 5 * line) return;
      context.fillStyle = "#d0d0da";
      for (let k = 1; k < rows; k++) context.fillRect(0, Math.round(k * tall), canvas.width, 1);
      for (let k = 1; k < columns; k++) context.fillRect(Math.round(k * wide), 0, 1, canvas.height);
    };
    return { context, box, fill, frame, lines, step: wide };
  }

  function draw(paint) {
    again = () => {
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      paint(brush());
    };
    again();
  }

  function resize(longer) {
    const most = longer / Math.max(rows, columns);
    const scale = most >= 4 ? Math.floor(most) : most; // whole multiples: all cells of one size
    const dense = window.devicePixelRatio || 1;
    canvas.style.width = `${columns * scale}px`;
    canvas.style.height = `${rows * scale}px`;
    element.style.width = `${Math.max(LEAST, columns * scale)}px`;
    canvas.width = Math.round(columns * scale * dense);
    canvas.height = Math.round(rows * scale * dense);
    again();
  }

  return { element, canvas, note, rows, columns, draw, resize, place: (row, column) => { at = [row, column]; } };
}

/** Planes in as few rows as have room, each row with as many: returns the longer side of a plane, in CSS pixels. */
export function sideFor(count, room) {
  const fit = Math.max(1, Math.min(count, Math.floor((room + GAP) / (LEAST + GAP))));
  const columns = Math.ceil(count / Math.ceil(count / fit));
  return Math.floor(Math.min(MOST, (room - GAP * (columns - 1)) / columns));
}

/** Keep planes as large as their widget has room for; returns the function that ends it. ``planes()`` gives those that are there now. */
export function fitPlanes(root, planes) {
  const fit = () => {
    const side = sideFor(planes().length, Math.max(LEAST, root.clientWidth - 18));
    for (const one of planes()) one.resize(side);
  };
  const observer = new ResizeObserver(fit);
  observer.observe(root);
  return { fit, end: () => observer.disconnect() };
}
