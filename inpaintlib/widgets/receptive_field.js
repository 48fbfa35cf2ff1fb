// What an output pixel sees, layer by layer. Python: receptive_field.py
import { h, frame, freshId, watch } from "./common.js";
import { fitPlanes, plane } from "./planes.js";
import { fields, planeSizes, ways } from "./stack.js";
import { paintHoles } from "./raster.js";

const HELP =
  "Point at any cell of any layer: blue is what it sees, darker = in more ways; the dark frame is its field. " +
  "Keys: Tab goes to the next layer, the arrows from cell to cell (with Shift by four).";

function render({ model, el }) {
  let planes = [];
  let sizes = [];
  const layers = () => model.get("stacks")[model.get("stack")];

  const root = frame("Receptive field, layer by layer");
  const stage = h("div", { class: "inp-planes" });
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const names = Object.keys(model.get("stacks"));
  const id = freshId("stack");
  const select = h("select", { id, class: "inp-select", onchange: choose }, ...names.map((name) => h("option", { value: name }, name)));
  if (names.length > 1) root.append(h("div", { class: "inp-controls" }, h("label", { for: id }, "Layers:"), select));
  root.append(stage, status, h("p", { class: "inp-note" }, HELP));
  el.append(root);
  const fitting = fitPlanes(root, () => planes);

  function choose() {
    const last = planeSizes(model.get("stacks")[select.value], model.get("size")).at(-1);
    model.set("stack", select.value);
    model.set("position", [layers().length, ...last.map((side) => Math.floor(side / 2))]);
    model.save_changes();
  }

  function look(level, row, column) {
    const [l, r, c] = model.get("position");
    if (l === level && r === row && c === column) return;
    model.set("position", [level, row, column]);
    model.save_changes();
  }

  function rebuild() {
    select.value = model.get("stack");
    sizes = planeSizes(layers(), model.get("size"));
    const across = fields(layers());
    planes = sizes.map(([rows, columns], level) => {
      const title = level ? `${level}: ${layers()[level - 1].title}` : "input";
      const label = `${level ? `After layer ${title}` : "Input"}, ${rows} by ${columns} cells`;
      const onmove = level ? (row, column) => look(level, row, column) : null;
      const made = plane({ title, rows, columns, label, hover: true, onmove });
      made.note.textContent = level ? `sees ${across[level]} × ${across[level]}` : `${rows} × ${columns}`;
      return made;
    });
    stage.replaceChildren(...planes.map((one) => one.element));
    update();
    fitting.fit();
  }

  function update() {
    const [level, row, column] = model.get("position");
    if (level >= sizes.length || row >= sizes[level][0] || column >= sizes[level][1]) return; // the layers are about to follow
    planes[level].place(row, column);
    const [down, right] = [row, column].map((index, axis) => ways(layers(), sizes.map((size) => size[axis]), level, index));
    planes.forEach((one, l) => one.draw((brush) => paint(brush, l, { level, row, column, down: down[l], right: right[l] })));
    status.textContent = say(level, row, column, down[0], right[0]);
  }

  function paint(brush, l, { level, row, column, down, right }) {
    const mask = l === 0 ? model.get("mask") : [];
    if (mask.length) paintHoles(brush.context, mask.flat(), mask[0].length, mask.length, brush.step);
    if (l === level) brush.fill(row, column, "#d55e00");
    if (l < level) {
      const most = Math.max(...down.values()) * Math.max(...right.values());
      for (const [r, up] of down) {
        for (const [c, beside] of right) {
          const strength = Math.sqrt((up * beside) / most);
          const hatched = mask.length > 0 && !mask[r][c]; // the hatching of a hole shows through
          brush.fill(r, c, `rgba(0, 114, 178, ${hatched ? 0.6 : 0.25 + 0.75 * strength})`);
        }
      }
    }
    brush.lines();
    if (l === level) brush.frame(row, column, 1, 1, "#1a1a2e");
    else if (l < level) {
      const [rows, columns] = [[...down.keys()], [...right.keys()]];
      const [top, left] = [Math.min(...rows), Math.min(...columns)];
      brush.frame(top, left, Math.max(...rows) - top + 1, Math.max(...columns) - left + 1, "#1a1a2e");
    }
  }

  function say(level, row, column, down, right) {
    const field = fields(layers())[level];
    const everywhere = sizes.map(() => Infinity); // no border: how many pixels the field has without gaps
    const apart = ways(layers().map((layer) => ({ ...layer, padding: -1e6 })), everywhere, level, 0)[0].size ** 2;
    const seen = down.size * right.size;
    const parts = [`Layer ${level}, row ${row + 1}, column ${column + 1} sees a field of ${field} × ${field}`];
    parts.push(apart === field ** 2 ? `, all ${apart} pixels of it` : `, but only ${apart} of its ${field ** 2} pixels, the others fall into gaps`);
    if (seen < apart) parts.push(`; ${apart - seen} of them lie outside the image`);
    const mask = model.get("mask");
    if (mask.length) {
      const known = [...down.keys()].reduce((sum, r) => sum + [...right.keys()].filter((c) => mask[r][c]).length, 0);
      parts.push(known ? `. Known: ${known} of ${seen}` : `. All ${seen} are holes: it sees nothing`);
    }
    return `${parts.join("")}.`;
  }

  rebuild();
  const ends = [watch(model, ["stack"], rebuild), watch(model, ["position", "mask"], update)];
  return () => {
    fitting.end();
    ends.forEach((end) => end());
    root.remove();
  };
}

export default { render };
