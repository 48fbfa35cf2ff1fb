// A matrix as a table that can be walked with the arrow keys: one cell of it is in the tab order at a time.
import { h } from "./common.js";

export const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * A titled table of ``rows`` by ``columns`` cells.
 * ``walkable`` tells which cells can take the focus; ``onpick(row, column)`` is called on a click on one of them.
 */
export function grid({ title, rows, columns, walkable = () => false, onpick = () => {} }) {
  const cells = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => {
      const weight = h("span", { class: "inp-weight", "aria-hidden": "true" });
      const cell = h("td", { role: "gridcell" }, h("span", { class: "inp-number" }), weight);
      if (walkable(r, c)) {
        cell.classList.add("inp-walkable");
        cell.tabIndex = -1;
        cell.addEventListener("click", () => onpick(r, c));
      }
      return cell;
    }),
  );
  const table = h("table", { role: "grid", "aria-label": `${title}, ${rows} by ${columns}` });
  table.append(h("tbody", {}, ...cells.map((line) => h("tr", { role: "row" }, ...line))));
  const heading = h("div", { class: "inp-title", "aria-hidden": "true" }, title);
  const element = h("div", { class: "inp-block" }, heading, h("div", { class: "inp-scroll" }, table));
  return { element, cells, table, rows, columns };
}

/** Write a cell: its number, its name for readers who do not see it, and its looks. */
export function write(cell, { text, label, weight = "", classes = {} }) {
  cell.firstChild.textContent = text;
  cell.lastChild.textContent = weight;
  if (cell.getAttribute("aria-label") !== label) cell.setAttribute("aria-label", label);
  for (const [name, on] of Object.entries(classes)) cell.classList.toggle(name, Boolean(on));
}

/** Let the tab key reach this one cell of a grid, and no other. */
export function makeTabStop(cells, row, column) {
  for (const line of cells) for (const cell of line) if (cell.tabIndex === 0) cell.tabIndex = -1;
  cells[row][column].tabIndex = 0;
}
