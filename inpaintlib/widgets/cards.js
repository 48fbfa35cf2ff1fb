// A result of an inpainter: its picture with its figures below, or what went wrong.
import { h } from "./common.js";

/** ``row`` holds name, score and note; ``image`` is a canvas of the picture's own size, shown ``zoom`` times as large. */
export function card(row, image, zoom) {
  image.className = "inp-result";
  image.style.width = `${image.width * zoom}px`;
  image.setAttribute("role", "img");
  image.setAttribute("aria-label", [row.name, row.score, row.note].filter(Boolean).join(", "));
  const lines = row.score.split(", ").filter(Boolean).map((text) => h("span", {}, text));
  if (row.note) lines.push(h("span", { class: "inp-warning" }, `⚠ ${row.note}`));
  const style = `width: ${Math.ceil(image.width * zoom) + 2}px`; // the picture with its border: the text does not widen it
  return h("figure", { class: "inp-card", style }, image, h("figcaption", {}, h("strong", {}, row.name), ...lines));
}

export function failure(row) {
  const text = h("figcaption", {}, h("strong", {}, row.name), h("span", { class: "inp-warning" }, `⚠ ${row.error}`));
  return h("figure", { class: "inp-card inp-failed" }, text);
}
