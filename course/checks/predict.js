// A question, a guess, and only then the answer. Radio buttons and a text field are the browser's own, so that arrow keys, space and enter
// work as everywhere; the verdict is a live region, so that a screen reader reads it out.

let counter = 0;

// "16.5", "16,5" and "33/2" are numbers; anything else is NaN. The same rule as as_number in predict.py.
export function asNumber(text) {
  const clean = text.trim().replaceAll(",", ".").replaceAll(" ", "").replaceAll("−", "-");
  const [top, bottom, ...rest] = clean.split("/");
  const plain = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  if (rest.length || !plain.test(top)) return NaN;
  if (bottom === undefined) return Number(top);
  return /^\d+$/.test(bottom) && /^[+-]?\d+$/.test(top) && Number(bottom) !== 0 ? Number(top) / Number(bottom) : NaN;
}

function element(tag, attributes = {}, markup = "") {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.innerHTML = markup; // escaped in Python
  return node;
}

function choiceInputs(model, form, group) {
  model.get("choices").forEach((choice, index) => {
    const input = element("input", { type: "radio", name: group, value: String(index) });
    const label = element("label");
    label.append(input, element("span", {}, choice));
    form.append(label);
  });
  return () => form.querySelector("input:checked")?.value ?? "";
}

function numberInput(model, form, group) {
  const label = element("label", { for: `${group}-number` }, "Your guess: ");
  const input = element("input", { type: "text", id: `${group}-number`, autocomplete: "off", inputmode: "decimal" });
  label.append(input, element("span", {}, model.get("unit") ? ` ${model.get("unit")}` : ""));
  form.append(label);
  return () => input.value.trim();
}

function judge(model, guess) {
  const numeric = model.get("choices").length === 0;
  const value = numeric ? asNumber(guess) : Number(guess);
  const right = Math.abs(value - model.get("answer")) <= (numeric ? model.get("tolerance") + 1e-9 * Math.abs(model.get("answer")) : 0);
  const remark = Object.entries(model.get("remarks")).find(([key]) => Math.abs(Number(key) - value) < 1e-9);
  return { right, remark: remark ? remark[1] : "" };
}

function render({ model, el }) {
  const group = `course-predict-${(counter += 1)}`;
  const numeric = model.get("choices").length === 0;
  const form = element("form", { class: "course-predict", novalidate: "" });
  const fieldset = element("fieldset");
  fieldset.append(element("legend", {}, `<strong>${model.get("label")}</strong> ${model.get("question")}`));
  const read = (numeric ? numberInput : choiceInputs)(model, fieldset, group);
  const button = element("button", { type: "submit", "aria-disabled": "true" }, "Commit to this guess");
  const verdict = element("div", { role: "status", "aria-live": "polite", class: "verdict", tabindex: "-1" });
  fieldset.append(button);
  form.append(fieldset, verdict);
  el.replaceChildren(form);

  const acceptable = () => (numeric ? !Number.isNaN(asNumber(read())) : read() !== "");

  function open() {
    const guess = model.get("guess");
    const { right, remark } = judge(model, guess);
    const mine = numeric ? escaped(guess) : `“${model.get("choices")[Number(guess)]}”`;
    const here = form.contains(document.activeElement);
    fieldset.disabled = true;
    button.remove();
    for (const input of form.querySelectorAll("input")) {
      if (input.type === "radio") input.checked = input.value === guess;
      else input.value = guess;
    }
    const answer = `The answer is <strong>${model.get("answer_text")}</strong>.`;
    const first = right
      ? `<span class="mark">✓ Right.</span>`
      : `<span class="mark">✗ Not this time.</span> You guessed ${mine}. ${remark} ${answer}`;
    verdict.innerHTML = `<p>${first}</p> <p>${model.get("explain")}</p>`;
    if (here) verdict.focus(); // the button is gone; without this the keyboard would start again at the top of the page
  }

  form.addEventListener("input", () => button.setAttribute("aria-disabled", String(!acceptable())));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (model.get("guess")) return;
    if (!acceptable()) {
      verdict.textContent = numeric ? "Type a number first, such as 16.5 or 33/2." : "Choose one of the answers first.";
      return;
    }
    model.set("guess", read());
    model.save_changes();
    open();
  });
  // JupyterLab's own shortcuts (enter, arrows, letters) must not see what is typed here.
  form.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("change:guess", () => model.get("guess") && open());
  if (model.get("guess")) open();
}

function escaped(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span.innerHTML;
}

export default { render };
