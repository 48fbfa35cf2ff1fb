"""A prediction as a student meets it: by keyboard alone, the answer closed until there is a guess, and in JupyterLab with its kernel."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from course.checks import predict
from course.checks.predict import HERE, as_number

from .harness import Lab, notebook, open_notebook, run_all, run_cell

#: A model with get, set, on and save_changes, as anywidget's, without a kernel behind it.
MOUNT = """async ([source, css, state]) => {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const module = await import(address);
    const listeners = [];
    window.asNumber = module.asNumber;
    window.model = {
        get: (name) => state[name],
        set: (name, value) => { state[name] = value; listeners.filter(([n]) => n === `change:${name}`).forEach(([, f]) => f()); },
        on: (name, f) => listeners.push([name, f]),
        save_changes: () => { window.saved = state.guess; },
    };
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
    const el = document.body.appendChild(document.createElement("div"));
    module.default.render({ model: window.model, el });
}"""


@pytest.fixture
def plain(browser):
    """An empty page without JupyterLab; an exception in it fails the test."""
    context = browser.new_context()
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    context.close()
    assert errors == []


def mount(page: Page, prediction) -> None:
    state = {**prediction.state(), "guess": ""}
    page.evaluate(MOUNT, [(HERE / "predict.js").read_text(), (HERE / "predict.css").read_text(), state])


CHOICES = predict("Which is `6 * 7`?", choices=["41", "42 < 43", "43"], answer=1, explain="Six times seven.", remarks={0: "One too few."})
NUMBER = predict("Half of 33?", answer=16.5, tolerance=0.1, unit="dB", explain="33 / 2.", remarks={33: "That is all of it."})


def test_by_keyboard_alone(plain):
    mount(plain, CHOICES)
    assert plain.get_by_text("Six times seven").count() == 0  # nowhere in the page before a guess
    expect(plain.get_by_role("group", name="Predict. Which is 6 * 7?")).to_be_visible()
    plain.keyboard.press("Tab")
    plain.keyboard.press("ArrowDown")
    expect(plain.get_by_role("radio", name="42 < 43")).to_be_checked()
    assert plain.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"  # the focus is seen
    plain.keyboard.press("Tab")
    expect(plain.get_by_role("button", name="Commit to this guess")).to_be_focused()
    plain.keyboard.press("Enter")
    expect(plain.get_by_role("status")).to_contain_text("Right. Six times seven.")
    assert plain.evaluate("window.saved") == "1" and plain.get_by_role("button").count() == 0
    expect(plain.get_by_role("radio", name="43", exact=True)).to_be_disabled()
    expect(plain.get_by_role("status")).to_be_focused()


def test_a_wrong_guess_is_told_why(plain):
    mount(plain, CHOICES)
    plain.get_by_text("41").click()
    plain.get_by_role("button").click()
    verdict = plain.get_by_role("status")
    expect(verdict).to_contain_text("Not this time. You guessed “41”. One too few. The answer is 42 < 43.")
    expect(verdict).to_contain_text("Six times seven.")


def test_there_is_no_answer_without_a_guess(plain):
    mount(plain, CHOICES)
    plain.get_by_role("button").click(force=True)  # it is marked as disabled, and says why when it is pressed all the same
    expect(plain.get_by_role("status")).to_have_text("Choose one of the answers first.")
    assert plain.evaluate("window.saved") is None and plain.get_by_text("Six times seven").count() == 0


TYPED = {"33/2": "Right.", "16,45": "Right.", "33": "That is all of it.", "<b>1</b>": "Type a number first", "2": "You guessed 2"}


@pytest.mark.parametrize(("typed", "said"), TYPED.items())
def test_numbers_are_typed_as_people_write_them(plain, typed, said):
    mount(plain, NUMBER)
    plain.get_by_label("Your guess:").fill(typed)
    plain.keyboard.press("Enter")
    expect(plain.get_by_role("status")).to_contain_text(said)
    assert plain.locator("b").count() == 0


def test_python_and_the_browser_read_the_same_numbers(plain):
    mount(plain, NUMBER)
    right = ["16.5", " 16,5 ", "33/2", "-33/2", "-3", "−3", "+2", ".5", "1e3", "1.", "1 000"]
    for text in [*right, "", "a", "1/0", "1//2", "1/2/3", "nan", "Infinity", "0x10", "1e3/2", "1_0", "١"]:
        browser = json.loads(plain.evaluate("(text) => JSON.stringify(window.asNumber(text))", text))  # NaN becomes null
        assert browser == as_number(text), text


def test_in_jupyterlab_the_guess_reaches_python_and_no_shortcut_is_triggered(lab: Lab, page: Page):
    code = "from course.checks import predict\nguess = predict('Half of 33?', answer=16.5, explain='33 / 2.')\nguess"
    open_notebook(page, lab.write("predict.ipynb", notebook([code])))
    run_all(page)
    field = page.get_by_label("Your guess:")
    field.click()
    page.keyboard.type("16.5")  # in command mode, digits change a cell's heading level
    page.keyboard.press("Enter")
    expect(page.locator(".course-predict [role=status]")).to_contain_text("Right. 33 / 2.")
    assert run_cell(page, "print(guess.guess)") == "16.5"
    assert page.locator(".jp-Notebook .jp-Cell").count() == 1 and page.locator(".jp-MarkdownCell").count() == 0
