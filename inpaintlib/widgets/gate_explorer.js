// Features, their gates, and what the two make together. Python: gate_explorer.py
import { h, frame, freshId, numberText, watch } from "./common.js";
import { fitPlanes, plane } from "./planes.js";
import { bytes, greyPicture, paintHoles, picture } from "./raster.js";
import { ARROWS } from "./grid.js";

const THUMB = 68; // CSS pixels
const HELP =
  "Pick a channel; point at a pixel of a large picture, or go there with Tab and the arrow keys, to see it multiplied out. Gates: black = shut, white = open. " +
  "Features and products: grey = 0, white = the largest size in the feature, black = minus that.";

const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const two = (value) => value.toFixed(2).replace("-", "−");

function render({ model, el }) {
  const [height, width] = [model.get("_height"), model.get("_width")];
  const known = bytes(model.get("_known"));
  const source = picture(bytes(model.get("_pixels")), width, height);
  const [features, gates] = [floats(model.get("_features")), floats(model.get("_gates"))];
  const abouts = new Map();
  let start = 0;
  for (const about of model.get("_layers")) {
    abouts.set(about.name, { ...about, start });
    start += about.shape.reduce((a, b) => a * b);
  }
  let planes = [];
  let at = null; // row and column in the layer's own pixels
  let built = null; // the name of the layer whose planes stand there

  const root = frame("Features and their gates");
  const id = freshId("layer");
  const select = h("select", { id, class: "inp-select", onchange: () => go(select.value, abouts.get(select.value).order[0]) });
  for (const { name, shape } of abouts.values()) select.append(h("option", { value: name }, `${name}: ${shape[0]} channels of ${shape[1]} × ${shape[2]}`));
  const stage = h("div", { class: "inp-planes" });
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const means = h("p", { class: "inp-note" });
  const list = h("div", { class: "inp-channels", role: "radiogroup", "aria-label": "Channels, from those open for the hole to those for what is known" });
  const ends_of_list = h("div", { class: "inp-ends inp-note", "aria-hidden": "true" }, h("span", {}, "◀ open for the hole"), h("span", {}, "for what is known ▶"));
  root.append(
    h("div", { class: "inp-controls" }, h("label", { for: id }, "Layer:"), select),
    stage, status, means, ends_of_list, list, h("p", { class: "inp-note" }, HELP),
  );
  el.append(root);
  const fitting = fitPlanes(root, () => planes);

  const about = () => abouts.get(model.get("layer"));
  function channelOf(values, channel) {
    const [, rows, columns] = about().shape;
    const begin = about().start + (channel - 1) * rows * columns;
    return values.subarray(begin, begin + rows * columns);
  }

  function go(layer, channel) {
    model.set("layer", layer);
    model.set("channel", channel);
    model.save_changes();
  }

  function rebuild() {
    const { name, shape: [, rows, columns], order } = about();
    built = name;
    select.value = name;
    if (at === null || at[0] >= rows || at[1] >= columns) at = [Math.floor(rows / 2), Math.floor(columns / 2)];
    const point = (row, column) => { at = [row, column]; update(); };
    const label = (what) => `${what}, ${rows} by ${columns} pixels`;
    const large = (title) => plane({ title, rows, columns, label: label(title), hover: true, onmove: point });
    planes = [plane({ title: "picture", rows: height, columns: width, label: "The picture with its hole" }), ...["feature", "gate", "product"].map(large)];
    const signs = ["", "×", "="].map((sign) => h("div", { class: "inp-sign", "aria-hidden": "true" }, sign));
    stage.replaceChildren(...planes.flatMap((one, k) => (k > 1 ? [signs[k - 1], one.element] : [one.element])));
    list.replaceChildren(...order.map((channel) => thumb(channel, rows, columns)));
    update();
    fitting.fit();
  }

  function thumb(channel, rows, columns) {
    const canvas = greyPicture(channelOf(gates, channel), columns, rows, 0, 1);
    canvas.className = "inp-result";
    canvas.style.width = `${THUMB}px`;
    const [over_known, over_hole] = about().means[channel - 1];
    const label = `Channel ${channel}: gate ${two(over_known)} over known pixels, ${two(over_hole)} over the hole`;
    const select_it = () => go(model.get("layer"), channel);
    return h("button", { type: "button", class: "inp-channel", role: "radio", "aria-label": label, "data-channel": channel, onclick: select_it }, canvas, String(channel));
  }

  function update() {
    const { name, shape: [, rows, columns] } = about();
    if (name !== built) return rebuild();
    const channel = model.get("channel");
    if (channel > about().shape[0]) return; // the layer is about to follow
    const [feature, gate] = [channelOf(features, channel), channelOf(gates, channel)];
    const product = feature.map((value, k) => value * gate[k]);
    const most = feature.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-12);
    const shown = [source, greyPicture(feature, columns, rows, -most, most), greyPicture(gate, columns, rows, 0, 1), greyPicture(product, columns, rows, -most, most)];
    planes.forEach((one, k) => one.draw((brush) => {
      brush.context.imageSmoothingEnabled = false;
      brush.context.drawImage(shown[k], 0, 0, one.canvas.width, one.canvas.height);
      if (k === 0) paintHoles(brush.context, known, width, height, brush.step);
      const [tall, wide] = k === 0 ? [height / rows, width / columns] : [1, 1];
      brush.frame(at[0] * tall, at[1] * wide, tall, wide, "#d55e00", 2);
      if (k) one.place(...at);
    }));
    const here = at[0] * columns + at[1];
    const [y, x] = [Math.floor(((at[0] + 0.5) * height) / rows), Math.floor(((at[1] + 0.5) * width) / columns)];
    const where = known[y * width + x] ? "known" : "in the hole";
    const factors = `feature ${two(feature[here])} × gate ${two(gate[here])} = ${numberText(Number(product[here].toFixed(2)))}`;
    status.textContent = `Channel ${channel}, row ${at[0] + 1}, column ${at[1] + 1}, ${where}: ${factors}`;
    const [over_known, over_hole] = about().means[channel - 1];
    means.textContent = `Mean of this gate: ${two(over_known)} over known pixels, ${two(over_hole)} over the hole. Size of the feature: up to ${two(most)}.`;
    for (const button of list.children) {
      const on = Number(button.dataset.channel) === channel;
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
    }
  }

  list.addEventListener("keydown", (event) => {
    const move = ARROWS[event.key] ?? { Home: [0, -Infinity], End: [0, Infinity] }[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { order } = about();
    const next = Math.min(order.length - 1, Math.max(0, order.indexOf(model.get("channel")) + move[0] + move[1]));
    go(model.get("layer"), order[next]);
    list.children[next].focus();
  });

  rebuild();
  const ends = [watch(model, ["layer", "channel"], update)];
  return () => {
    fitting.end();
    ends.forEach((end) => end());
    root.remove();
  };
}

export default { render };
