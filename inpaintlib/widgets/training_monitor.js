// A training run while it is going on: curves, pictures, and buttons that reach it. Python: training_monitor.py
import { h, frame, freshId, watch } from "./common.js";
import { curves } from "./curves.js";

const ALONE = "Python is not running for this widget: run its cell again to train anew.";
const RUNS = ["running", "paused"];

function render({ model, el }) {
  let connected = true;
  const root = frame("A training run");
  const headline = h("p", { class: "inp-status", role: "status", "aria-live": "polite" });
  const facts = h("p", { class: "inp-note" }); // changes all the time: not announced
  const barId = freshId("done");
  const bar = h("progress", { id: barId, max: 1, class: "inp-progress" });
  const panels = h("div", { class: "inp-panels" });
  const picture = h("img", { class: "inp-samples" });
  const button = (action) => h("button", { type: "button", class: "inp-button", onclick: () => action() });
  const begin = button(() => wish({ ready: "start", running: "pause", paused: "resume" }[model.get("state")]));
  const end = button(() => wish(RUNS.includes(model.get("state")) ? "stop" : undefined));
  end.textContent = "■ Stop";
  root.append(
    h("div", { class: "inp-controls", role: "toolbar", "aria-label": "The run" }, begin, end, h("label", { for: barId, class: "inp-choice" }, "done ", bar)),
    headline,
    facts,
    panels,
    picture,
  );
  el.append(root);

  /** Tell Python; a widget that was restored from a saved notebook has nobody to tell. */
  function wish(what) {
    if (!what) return; // a button that has nothing to do keeps the focus, but does nothing
    model.set("_wish", what);
    model.set("_asked", model.get("_asked") + 1); // the listener below learns by it whether there is a connection
    if (connected) model.save_changes();
    else headline.textContent = ALONE;
  }

  function showState() {
    const state = model.get("state");
    const over = !RUNS.includes(state) && state !== "ready";
    begin.textContent = { ready: "▶ Start", running: "❚❚ Pause", paused: "▶ Resume" }[state] ?? "▶ Start";
    begin.setAttribute("aria-disabled", String(over));
    end.setAttribute("aria-disabled", String(!RUNS.includes(state)));
    root.dataset.state = state;
    if (headline.textContent !== model.get("_headline")) headline.textContent = model.get("_headline");
  }

  function showNumbers() {
    facts.textContent = model.get("_facts");
    bar.value = model.get("_part");
    bar.textContent = `${Math.round(100 * model.get("_part"))} %`;
    panels.replaceChildren(...model.get("_panels").map(curves));
  }

  function showPicture() {
    picture.hidden = !model.get("_picture");
    if (picture.hidden) return;
    picture.src = model.get("_picture");
    picture.alt = model.get("_picture_alt");
  }

  showState();
  showNumbers();
  showPicture();
  const ends = [
    watch(model, ["_asked"], (own) => { connected = own?.comm_live !== false; }),
    watch(model, ["state", "_headline"], showState),
    watch(model, ["_facts", "_part", "_panels"], showNumbers),
    watch(model, ["_picture", "_picture_alt"], showPicture),
  ];
  return () => {
    ends.forEach((stop) => stop());
    root.remove();
  };
}

export default { render };
