"""A student works on a lesson and presses Validate."""

import shutil

from tests.browser.desks import LESSON, ROOT
from tests.browser.screen import expect
from tests.graders.demo_class import make_class

NOTEBOOK = f"lessons/{LESSON}/{LESSON}.ipynb"
STUBS = ("softmax(given)", "standardize(given)", "check_quiz(answers")
SUCCESS = "Success! Your notebook passes all the tests."


def test_validate_names_what_fails_and_says_when_all_passes(room, sit_down):
    shutil.copytree(ROOT / "lessons" / LESSON, room.student.folder / "lessons" / LESSON)
    screen = sit_down(room.student, NOTEBOOK)
    with screen.step("validate the stubs"):
        dialog = screen.validate()
        for name in STUBS:
            expect(dialog.locator(".validation-failed")).to_contain_text(name)
        expect(dialog).not_to_contain_text(SUCCESS)
    screen.close_dialog()
    solved = make_class(LESSON)["ada"]
    for name in (*solved.deserves, "own-words"):
        with screen.step(f"write {name}"):
            screen.write(name, solved.cell(name).source)
    with screen.step("run all"):
        screen.run_all()
        assert [error for error in screen.errors() if "20 degrees Celsius" not in error] == [], "only the broken example of section 1 fails"
        screen.show_cell("check-quiz")
    with screen.step("validate the solutions"):
        expect(screen.validate()).to_contain_text(SUCCESS)
