// Stacks of layers: how large their planes are, what a cell sees, and what a mask becomes. Python: stack.py
import { outputSize } from "./arithmetic.js";

/** Height and width of the input and of what each layer puts out. */
export function planeSizes(layers, size) {
  return layers.reduce((sizes, layer) => [...sizes, sizes.at(-1).map((side) => outputSize(side, layer.kernel, layer))], [size]);
}

/** How many pixels of the input across a cell sees after each layer; 1 for the input itself. */
export function fields(layers) {
  let jump = 1;
  return layers.reduce((all, { kernel, stride, dilation }) => {
    const next = all.at(-1) + (kernel - 1) * dilation * jump;
    jump *= stride;
    return [...all, next];
  }, [1]);
}

/** Along one axis, from cell ``index`` after layer ``level``: for each plane up to it, a map cell -> number of ways in which it is seen. */
export function ways(layers, sides, level, index) {
  const found = [];
  found[level] = new Map([[index, 1]]);
  for (let l = level; l > 0; l--) {
    const { kernel, stride, dilation, padding } = layers[l - 1];
    found[l - 1] = new Map();
    for (const [at, count] of found[l]) {
      for (let tap = 0; tap < kernel; tap++) {
        const place = at * stride + tap * dilation - padding;
        if (place >= 0 && place < sides[l - 1]) found[l - 1].set(place, (found[l - 1].get(place) ?? 0) + count);
      }
    }
  }
  return found;
}

/** The window of one cell of a partial convolution: its places in the mask before, whether inside the image, and known. */
export function maskWindow(mask, { kernel, stride, dilation, padding }, row, column) {
  const places = [];
  for (let i = 0; i < kernel; i++) {
    for (let j = 0; j < kernel; j++) {
      const [r, c] = [row * stride + i * dilation - padding, column * stride + j * dilation - padding];
      const inside = r >= 0 && r < mask.length && c >= 0 && c < mask[0].length;
      places.push({ row: r, column: c, inside, known: inside && mask[r][c] === 1 });
    }
  }
  return places;
}

/** The mask and what each partial convolution makes of it: known where anything in the window was. */
export function masksAfter(mask, layers) {
  const sizes = planeSizes(layers, [mask.length, mask[0].length]);
  return layers.reduce((all, layer, k) => {
    const [rows, columns] = sizes[k + 1];
    const known = (r, c) => Number(maskWindow(all.at(-1), layer, r, c).some((place) => place.known));
    return [...all, Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, c) => known(r, c)))];
  }, [mask]);
}
