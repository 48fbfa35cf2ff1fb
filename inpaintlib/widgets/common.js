// What every widget of the course needs: elements, numbers as text, and good manners inside a notebook.

/** An element: h("button", { class: "a", onclick: f }, "text", child). */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** A number as one writes it: whole numbers in full, others with four significant digits, with a real minus sign. */
export function numberText(value) {
  if (Object.is(value, -0)) value = 0;
  const text = Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}

/**
 * The outermost element of a widget. While the focus is inside, JupyterLab's own shortcuts are off: its arrow keys would move from cell to
 * cell, its D, D would delete the cell, and its Enter would open the cell's editor instead of pressing a button. Keys that belong to the
 * notebook go back to it: Escape leaves the widget, Shift or Control with Enter runs the cell, Control with a letter is a command.
 */
export function frame(label) {
  const root = h("div", { class: "inp inp-widget", role: "group", "aria-label": label });
  // JupyterLab looks for this mark from the focused element upwards, but only after it has tried that element itself: each needs its own.
  root.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.defaultPrevented) return;
    const cell = root.closest(".jp-Cell");
    const leaves = event.key === "Escape" || (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey));
    const command = (event.ctrlKey || event.metaKey) && event.key.length === 1;
    if (!cell || !(leaves || command)) return;
    if (leaves) {
      event.preventDefault();
      cell.focus({ preventScroll: true });
    }
    if (event.key === "Escape") return;
    const { key, code, keyCode, ctrlKey, shiftKey, altKey, metaKey } = event;
    const again = { key, code, keyCode, ctrlKey, shiftKey, altKey, metaKey, bubbles: true, cancelable: true };
    if (!cell.dispatchEvent(new KeyboardEvent("keydown", again))) event.preventDefault();
  });
  return root;
}

/** Call ``callback`` when one of the model's values changes; returns the function that ends it. */
export function watch(model, names, callback) {
  for (const name of names) model.on(`change:${name}`, callback);
  return () => names.forEach((name) => model.off(`change:${name}`, callback));
}

let count = 0;
/** An id that no other element of the page has: several widgets stand on one page. */
export function freshId(prefix) {
  count += 1;
  return `inp-${prefix}-${count}-${Math.random().toString(36).slice(2, 8)}`;
}
