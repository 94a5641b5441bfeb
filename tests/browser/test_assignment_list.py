"""A student fetches a lesson from the exchange, works on it and hands it in, with nbgrader's Assignment List."""

import nbformat
from tests.browser.desks import COURSE, LESSON
from tests.browser.screen import expect
from tests.graders.demo_class import make_class


def test_a_lesson_is_fetched_opened_and_handed_in(room, sit_down):
    room.instructor.nbgrader("generate_assignment", LESSON)
    room.instructor.nbgrader("release_assignment", LESSON)
    screen = sit_down(room.student)
    with screen.step("see what is released"):
        assignments = screen.assignments()
        expect(assignments.locator("#released_assignments_list")).to_contain_text(LESSON)
    with screen.step("fetch"):
        assignments.get_by_role("button", name="Fetch", exact=True).click()
        expect(assignments.locator("#fetched_assignments_list")).to_contain_text(LESSON)
        assert (room.student.folder / LESSON / f"{LESSON}.ipynb").exists()
    with screen.step("open"):
        assignments.locator(".assignment-notebooks-link").click()
        assignments.locator("#fetched_assignments_list .nested_list_item").get_by_text(LESSON, exact=True).click()
        screen.wait_for_notebook()
    with screen.step("write an answer and save"):
        answer = make_class(LESSON)["ada"].cell("softmax").source
        screen.write("softmax", answer)
        screen.save()
    with screen.step("submit"):
        screen.tab("Assignments")
        assignments.get_by_role("button", name="Submit", exact=True).click()
        expect(assignments.locator("#submitted_assignments_list .nested_list_item")).to_have_count(1)
    handed_in = list((room.exchange / COURSE / "inbound").glob(f"*+{LESSON}+*/{LESSON}.ipynb"))
    assert len(handed_in) == 1
    assert answer in [cell.source for cell in nbformat.read(handed_in[0], as_version=4).cells]
