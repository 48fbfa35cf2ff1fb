// A photograph from the reader's disk, decoded and scaled down by the browser.
import { h, freshId } from "./common.js";

const LEAST = 16; // pixels a side

/** The size that a picture gets: no side above ``side``, both multiples of ``multiple``, never larger than it is; null if it is too small. */
export function fittedSize(width, height, side, multiple) {
  const scale = Math.min(1, side / Math.max(width, height));
  const [w, t] = [width, height].map((k) => Math.floor(Math.round(k * scale) / multiple) * multiple);
  return Math.min(w, t) < Math.max(LEAST, multiple) ? null : { width: w, height: t, scale };
}

/** ``{ pixels, width, height, source }``, pixels as RGB bytes; or ``{ problem }``, a sentence for the reader. */
export async function photograph(file, side, multiple) {
  let image;
  try {
    image = await createImageBitmap(file); // upright, whatever way the camera was held
  } catch {
    const hint = /\.hei[cf]$/i.test(file.name) ? "Browsers cannot read HEIC: save it as a JPEG first." : "Choose a JPEG, a PNG or a WebP.";
    return { problem: `“${file.name}” is not a picture that this browser can open. ${hint}` };
  }
  const [wide, tall] = [image.width, image.height]; // they are 0 once the bitmap is closed
  const size = `${wide} × ${tall}`;
  const fitted = fittedSize(wide, tall, side, multiple);
  if (fitted === null) {
    image.close();
    return { problem: `“${file.name}” is ${size} pixels: too small or too narrow. Scaled to ${side}, each side must keep ${Math.max(LEAST, multiple)} at least.` };
  }
  const { width, height, scale } = fitted;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff"; // behind what is transparent, as on a page
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const [w, t] = [Math.min(wide, width / scale), Math.min(tall, height / scale)]; // the middle, less the rim that is cut off
  context.drawImage(image, (wide - w) / 2, (tall - t) / 2, w, t, 0, 0, width, height);
  image.close();
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, k) => data[4 * Math.floor(k / 3) + (k % 3)]);
  const brought = scale < 1 ? `, scaled down to ${width} × ${height}` : width < wide || height < tall ? `, cut to ${width} × ${height}` : "";
  return { pixels, width, height, source: `${file.name}: ${size} pixels${brought}.` };
}

/** What opens a photograph, and brings the first picture back; nothing where the model takes none. */
export function chooser(model, { complain, ask }) {
  const side = model.get("_own");
  if (!side) return [];
  const id = freshId("own");
  const input = h("input", { id, type: "file", accept: "image/*", class: "inp-file", onchange: open });
  const first = h("button", { type: "button", class: "inp-button", onclick: () => want("first") }, "Back to the first picture");
  first.hidden = !model.get("_source");

  async function open() {
    const [file] = input.files;
    if (!file) return;
    const found = await photograph(file, side, model.get("_multiple"));
    input.value = ""; // the same file can be chosen again
    if (found.problem) return complain(found.problem);
    model.set("_upload", new DataView(found.pixels.buffer));
    model.set("_upload_size", [found.height, found.width]);
    model.set("_source", found.source);
    want("own");
  }

  function want(which) {
    model.set("_wanted", which);
    ask();
  }

  const what = model.get("_source") || `It is scaled down to ${side} pixels at most.`;
  return [
    h("div", { class: "inp-controls" }, h("label", { for: id }, "Your own photograph:"), input, first),
    h("p", { class: "inp-note" }, `${what} It goes to this notebook’s kernel and nowhere else; saving the notebook saves it, too.`),
  ];
}
