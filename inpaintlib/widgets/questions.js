// Asking Python for work: what happens in quick succession is asked once, and one question at a time.
import { watch } from "./common.js";

/**
 * The browser counts in ``_asked`` what it asks for, Python in ``_answered`` what it has done.
 * ``prepare()`` sets the values that belong to the question; ``changed()`` is called when one is sent or answered.
 * ``alone()`` says whether there is nobody to ask: a widget that was restored from a saved notebook has no connection to Python.
 */
export function questions(model, { rest, prepare, changed }) {
  let timer = null;
  let again = false; // something happened while Python was busy
  let connected = true;

  const busy = () => model.get("_asked") !== model.get("_answered");

  function ask({ force = false } = {}) {
    clearTimeout(timer);
    again = busy() && !force;
    if (again) return;
    prepare();
    model.set("_asked", model.get("_asked") + 1); // tells by the way whether there is a connection, see below
    if (connected) model.save_changes();
    else model.set("_asked", model.get("_answered"));
    changed();
  }

  /** Ask after ``rest`` milliseconds without another call. */
  function later() {
    clearTimeout(timer);
    timer = setTimeout(ask, rest);
  }

  // The listeners of a change get the notebook's own model, which knows; the one that a widget is given does not say.
  const listen = watch(model, ["_asked"], (own) => { connected = own?.comm_live !== false; });
  const stop = watch(model, ["_answered"], () => {
    changed();
    if (again && !busy()) ask();
  });
  return { ask, later, busy, alone: () => !connected, end: () => { clearTimeout(timer); stop(); listen(); } };
}
