// Painting on a mask: one byte a pixel, row by row, 1 = known, 0 = hole.

/** Paint a round dab of ``diameter`` pixels around (x, y); returns whether a pixel changed. */
export function dab(mask, width, height, x, y, diameter, value) {
  const reach = Math.floor(diameter / 2);
  let changed = false;
  for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
    for (let u = Math.max(0, x - reach); u <= Math.min(width - 1, x + reach); u++) {
      if ((u - x) ** 2 + (v - y) ** 2 > (diameter / 2) ** 2 || mask[v * width + u] === value) continue;
      mask[v * width + u] = value;
      changed = true;
    }
  }
  return changed;
}

/** The pixels of a straight line from (x0, y0) to (x1, y1), both included. */
export function line(x0, y0, x1, y1) {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
  return Array.from({ length: steps + 1 }, (_, k) => [Math.round(x0 + ((x1 - x0) * k) / steps), Math.round(y0 + ((y1 - y0) * k) / steps)]);
}

/** The horizontal runs of holes: [row, first column, one past the last]. */
export function runs(mask, width, height) {
  const found = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (mask[y * width + x]) continue;
      const first = x;
      while (x < width && !mask[y * width + x]) x++;
      found.push([y, first, x]);
    }
  }
  return found;
}

/** A value of the model that came as bytes, copied out of the message that brought it. */
export const bytes = (view) => new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

/** RGB bytes as a canvas of the picture's own size. */
export function picture(bytes, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const data = new ImageData(width, height);
  for (let k = 0; k < width * height; k++) {
    data.data.set([bytes[3 * k], bytes[3 * k + 1], bytes[3 * k + 2], 255], 4 * k);
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

/** Numbers, row by row, as a grey canvas of the picture's own size: ``low`` is black, ``high`` white. */
export function greyPicture(values, width, height, low, high) {
  const shades = Uint8Array.from(values, (value) => Math.round((255 * (Math.min(high, Math.max(low, value)) - low)) / (high - low)));
  return picture(Uint8Array.from({ length: 3 * shades.length }, (_, k) => shades[Math.floor(k / 3)]), width, height);
}

/** How large to show a picture in ``room`` CSS pixels: whole multiples of a small one stay crisp, a large one is scaled down. */
export function scaleFor(width, height, room) {
  const most = room / Math.max(width, height);
  return most >= 1 ? Math.floor(most) : most;
}

/** Cover the holes with orange and dark stripes: they are told by colour and by hatching. ``step`` is the size of a pixel on the canvas. */
export function paintHoles(context, mask, width, height, step) {
  context.fillStyle = hatching(context, 8 * Math.max(1, Math.round(window.devicePixelRatio)));
  for (const [y, x0, x1] of runs(mask, width, height)) {
    const [left, top] = [Math.round(x0 * step), Math.round(y * step)];
    context.fillRect(left, top, Math.round(x1 * step) - left, Math.round((y + 1) * step) - top);
  }
}

/** The border between hole and known pixels, dark on light, so that it is seen on every picture and hides none of it. */
export function paintOutline(context, mask, width, height, step) {
  const hole = (x, y) => x >= 0 && y >= 0 && x < width && y < height && !mask[y * width + x];
  const border = new Path2D();
  for (let y = 0; y <= height; y++) {
    for (let x = 0; x <= width; x++) {
      const [u, v] = [Math.round(x * step), Math.round(y * step)];
      if (hole(x, y) !== hole(x - 1, y)) { border.moveTo(u, v); border.lineTo(u, Math.round((y + 1) * step)); }
      if (hole(x, y) !== hole(x, y - 1)) { border.moveTo(u, v); border.lineTo(Math.round((x + 1) * step), v); }
    }
  }
  context.lineCap = "square";
  for (const [colour, thickness] of [["#ffffff", 5], ["#1a1a2e", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.stroke(border);
  }
}

function hatching(context, size) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.fillStyle = "#E69F00";
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = "#1a1a2e";
  pen.lineWidth = size / 6;
  for (const shift of [-size, 0, size]) {
    pen.beginPath();
    pen.moveTo(shift - 1, size + 1);
    pen.lineTo(shift + size + 1, -1);
    pen.stroke();
  }
  return context.createPattern(tile, "repeat");
}

/** The outline of the brush, light and dark, so that it is seen on every picture. */
export function paintBrush(context, x, y, radius) {
  for (const [colour, thickness] of [["#ffffff", 4], ["#1a1a2e", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}
