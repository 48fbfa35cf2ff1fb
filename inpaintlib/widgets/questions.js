// Asking Python for work: what happens in quick succession is asked once, and one question at a time.
import { watch } from "./common.js";

/**
 * The browser counts in ``_asked`` what it asks for, Python in ``_answered`` what it has done.
 * ``prepare()`` sets the values that belong to the question; ``changed()`` is called when one is sent or answered.
 */
export function questions(model, { rest, prepare, changed }) {
  let timer = null;
  let again = false; // something happened while Python was busy

  const busy = () => model.get("_asked") !== model.get("_answered");

  function ask({ force = false } = {}) {
    clearTimeout(timer);
    again = busy() && !force;
    if (again) return;
    prepare();
    model.set("_asked", model.get("_asked") + 1);
    model.save_changes();
    changed();
  }

  /** Ask after ``rest`` milliseconds without another call. */
  function later() {
    clearTimeout(timer);
    timer = setTimeout(ask, rest);
  }

  const stop = watch(model, ["_answered"], () => {
    changed();
    if (again && !busy()) ask();
  });
  return { ask, later, busy, end: () => { clearTimeout(timer); stop(); } };
}
