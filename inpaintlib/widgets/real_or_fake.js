// Which picture was inpainted? The truth stays in Python until an answer is given. Python: real_or_fake.py
import { h, frame, watch } from "./common.js";
import { bytes, paintOutline, picture, scaleFor } from "./raster.js";
import { questions } from "./questions.js";

const ROOM = 260; // CSS pixels for the side of a picture
const PATIENCE = 15000; // milliseconds before the reader is told that no answer has come
const LATE = "No answer from Python yet. If the kernel was stopped, run the cell again.";
const ALONE = "Python is not running for this widget, so nothing can be checked: run its cell again.";
const KEYS = "Keys: ← and → answer with the left or the right button, Enter goes on, O shows or hides the outline, Escape goes back to the notebook.";

function render({ model, el }) {
  const [width, height] = [model.get("_width"), model.get("_height")];
  let outlined = true;
  let request = {};
  let waiting = null;
  let focusNext = false; // the keyboard was here when the answer was sent: the next button gets the focus

  const python = questions(model, { rest: 0, prepare: () => model.set("_request", request), changed: showStatus });
  const root = frame("Blind test: which picture is untouched?");
  const head = h("p", { class: "inp-progress-text" });
  const stage = h("div", { class: "inp-results", role: "group", "aria-label": "Pictures" });
  const status = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const choices = model.get("_choices").map((text, k) => button(text, () => answer(k)));
  const next = button("Next", goOn, { class: "inp-button inp-main" });
  const outline = button("Outline of the hole", toggleOutline, { "aria-pressed": "true" });
  const tally = h("div", { class: "inp-tally" });
  root.append(
    head,
    stage,
    h("div", { class: "inp-controls", role: "toolbar", "aria-label": "Answer" }, ...choices, next, outline),
    status,
    tally,
    h("p", { class: "inp-note" }, KEYS),
  );
  el.append(root);

  function button(text, action, more = {}) {
    return h("button", { type: "button", class: "inp-button", onclick: action, ...more }, text);
  }

  // Asking -------------------------------------------------------------------------------------------------------------------------------

  const answered = () => Boolean(model.get("_reveal").words);
  const last = () => model.get("_round") + 1 >= model.get("rounds");

  function ask(what) {
    if (python.busy()) return;
    request = { ...what, round: model.get("_round") };
    focusNext = root.contains(document.activeElement);
    python.ask();
  }

  function answer(choice) {
    if (!answered()) ask({ do: "answer", choice });
  }

  function goOn() {
    if (answered()) ask({ do: last() ? "again" : "next" });
  }

  function toggleOutline() {
    outlined = !outlined;
    outline.setAttribute("aria-pressed", String(outlined));
    showPictures();
  }

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const side = { ArrowLeft: 0, ArrowRight: 1 }[event.key];
    if (side !== undefined) answer(side);
    else if (event.key === "n" || (event.key === "Enter" && event.target.tagName !== "BUTTON")) goOn();
    else if (event.key === "o" && !outline.hidden) toggleOutline();
    else return;
    event.preventDefault();
  });

  // Showing ------------------------------------------------------------------------------------------------------------------------------

  function showPictures() {
    const reveal = model.get("_reveal");
    const shown = model.get("_pictures").map((view) => bytes(view));
    const labels = shown.length > 1 ? ["left", "right"] : ["the picture"];
    const notes = answered() ? reveal.notes : shown.map(() => "");
    if (answered() && reveal.original.byteLength) {
      shown.push(bytes(reveal.original));
      labels.push("the original");
      notes.push("untouched");
    }
    const room = Math.max(96, Math.min(ROOM, (root.clientWidth - 40) / 2));
    const scale = scaleFor(width, height, room);
    stage.replaceChildren(...shown.map((each, k) => card(each, k, labels[k], notes[k], scale, reveal)));
  }

  function card(pixels, k, label, note, scale, reveal) {
    const canvas = h("canvas", { class: "inp-result", role: "img", "aria-label": [label, note].filter(Boolean).join(": ") });
    const dense = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.round(width * scale * dense), Math.round(height * scale * dense)];
    [canvas.style.width, canvas.style.height] = [`${width * scale}px`, `${height * scale}px`];
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = canvas.width < width;
    context.drawImage(picture(pixels, width, height), 0, 0, canvas.width, canvas.height);
    if (answered() && outlined && k === reveal.place && reveal.outline.byteLength) {
      paintOutline(context, bytes(reveal.outline), width, height, canvas.width / width);
    }
    if (!answered() && model.get("_pictures").length > 1) {
      canvas.classList.add("inp-pick");
      canvas.addEventListener("click", () => answer(k));
    }
    return h("figure", { class: "inp-card" }, canvas, h("figcaption", {}, h("span", {}, label), h("strong", {}, note)));
  }

  function showStatus() {
    const [busy, done] = [python.busy(), answered()];
    clearTimeout(waiting);
    root.toggleAttribute("data-busy", busy);
    head.replaceChildren(h("strong", {}, `${model.get("_round") + 1} of ${model.get("rounds")}. `), model.get("_question"));
    for (const each of choices) each.disabled = done;
    next.textContent = done && last() ? "Again, in another order" : "Next";
    next.disabled = !done;
    outline.hidden = !(done && model.get("_reveal").outline.byteLength);
    const mark = done ? (model.get("_reveal").right ? "✓ " : "✗ ") : "";
    status.textContent = python.alone() ? ALONE : done ? mark + model.get("_reveal").words : "";
    if (busy) waiting = setTimeout(() => { status.textContent = LATE; }, PATIENCE);
    else if (focusNext) {
      focusNext = false;
      (done ? next : choices[0]).focus({ preventScroll: true }); // a button that was pressed may be out of use now
    }
  }

  function showTally() {
    const score = model.get("_tally");
    const parts = [];
    if (score.of) {
      const at = (share) => `${100 * share}%`;
      const bar = h("span", { class: "inp-interval", style: `left: ${at(score.low)}; width: ${at(score.high - score.low)}` });
      const dot = h("span", { class: "inp-share", style: `left: ${at(score.share)}` });
      const half = h("span", { class: "inp-half" });
      parts.push(
        h("p", {}, h("strong", {}, `Your score: ${score.words}. `), score.verdict),
        h("div", { class: "inp-scale", "aria-hidden": "true" }, half, bar, dot),
        h("div", { class: "inp-ticks", "aria-hidden": "true" }, h("span", {}, "0 %"), h("span", {}, "50 %, guessing"), h("span", {}, "100 %")),
      );
      if (answered() && last() && score.by.length) parts.push(h("ul", {}, ...score.by.map(([name, words]) => h("li", {}, `${name}: ${words}`))));
    }
    tally.replaceChildren(...parts);
  }

  function showAll() {
    showPictures();
    showTally();
    showStatus();
  }

  let wide = 0;
  const observer = new ResizeObserver(() => {
    if (root.clientWidth === wide) return; // its height changes with every answer
    wide = root.clientWidth;
    showPictures();
  });
  observer.observe(root);
  showAll();
  const end = watch(model, ["_round", "_reveal", "_pictures", "_tally"], showAll);
  return () => {
    clearTimeout(waiting);
    python.end();
    observer.disconnect();
    end();
    root.remove();
  };
}

export default { render };
