// Convolution and partial convolution of small matrices, written to be read; the results equal torch's.

/** The number of places at which a kernel of ``kernel`` cells fits along a side of ``size`` cells; 0 if it does not fit. */
export function outputSize(size, kernel, { stride, padding, dilation }) {
  return Math.max(0, Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1);
}

/**
 * One window: its cells, their sum, and what comes out.
 * ``mask`` is null for a plain convolution, where padding is zeros; in a partial one, padding counts as hole.
 */
export function windowAt(image, kernel, mask, { stride, padding, dilation }, row, column) {
  const cells = [];
  for (let i = 0; i < kernel.length; i++) {
    for (let j = 0; j < kernel[0].length; j++) {
      const y = row * stride + i * dilation - padding;
      const x = column * stride + j * dilation - padding;
      const inside = y >= 0 && y < image.length && x >= 0 && x < image[0].length;
      const known = mask === null ? true : inside && mask[y][x] === 1;
      cells.push({ i, j, row: y, column: x, inside, known, value: inside ? image[y][x] : 0, weight: kernel[i][j] });
    }
  }
  const size = cells.length;
  const known = cells.filter((cell) => cell.known).length;
  const sum = cells.reduce((total, cell) => total + (cell.known ? cell.value * cell.weight : 0), 0);
  const factor = mask === null ? 1 : known > 0 ? size / known : 0;
  return { cells, size, known, sum, factor, value: sum * factor, newMask: known > 0 ? 1 : 0 };
}

/** All windows: ``output`` and ``newMask`` as rows of numbers; no rows where the kernel does not fit. */
export function convolve(image, kernel, mask, geometry) {
  const rows = outputSize(image.length, kernel.length, geometry);
  const columns = outputSize(image[0].length, kernel[0].length, geometry);
  const windows = Array.from({ length: columns ? rows : 0 }, (_, r) =>
    Array.from({ length: columns }, (_, c) => windowAt(image, kernel, mask, geometry, r, c)),
  );
  return {
    windows,
    output: windows.map((line) => line.map((window) => window.value)),
    newMask: windows.map((line) => line.map((window) => window.newMask)),
  };
}
