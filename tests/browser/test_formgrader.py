"""An instructor's round with the formgrader: a lesson is released, collected, graded and answered; its student reads the feedback."""

import nbformat
from tests.browser.desks import LESSON, Room
from tests.browser.screen import FrameLocator, Screen, expect
from tests.graders.demo_class import MANUAL, Student, make_class

COMMENT = "Well said; name the largest number, too."


def test_a_lesson_goes_round(room, sit_down):
    screen = sit_down(room.instructor)
    with screen.step("open the formgrader"):
        formgrader = screen.formgrader()
        expect(formgrader.locator("#main-table .name")).to_have_text(LESSON)
        expect(formgrader.locator("#main-table .status")).to_have_text("draft")
    _release(screen, formgrader)
    student = _hand_in(room)
    _collect(screen, formgrader)
    _autograde(screen, formgrader, sum(student.deserves.values()))
    with screen.step("a terminal can grade while the formgrader is open"):
        room.instructor.nbgrader("autograde", LESSON)
    _mark_by_hand(screen, formgrader)
    _give_feedback(screen, formgrader, sum(student.deserves.values()) + 1)
    _read_feedback(sit_down(room.student), sum(student.deserves.values()) + 1)


def _release(screen: Screen, formgrader: FrameLocator) -> None:
    _press(screen, formgrader, "generate", "assign", "Successfully created the student version")
    with screen.step("preview"):
        formgrader.locator("#main-table .preview a").click()
        screen.open_file(f"{LESSON}.ipynb")
        screen.wait_for_notebook()
        assert "raise NotImplementedError()" in screen.text() and "HIDDEN TESTS" not in screen.text()
    screen.tab("Formgrader")
    _press(screen, formgrader, "release", "release", "Successfully released")
    expect(formgrader.locator("#main-table .status")).to_have_text("released")


def _hand_in(room: Room) -> Student:
    """A student with one named mistake in softmax and an answer in words; handing in is pressed in test_assignment_list."""
    student = make_class(LESSON)["dan"]
    student.cell("own-words").source += f"\n\n{MANUAL}"
    room.student.nbgrader("fetch_assignment", LESSON)
    nbformat.write(student.notebook, room.student.folder / LESSON / f"{LESSON}.ipynb")
    room.student.nbgrader("submit", LESSON)
    return student


def _collect(screen: Screen, formgrader: FrameLocator) -> None:
    _press(screen, formgrader, "collect", "collect", "Successfully collected")
    expect(formgrader.locator("#main-table .num-submissions")).to_have_text("1")


def _autograde(screen: Screen, formgrader: FrameLocator, points: float) -> None:
    with screen.step("list the submissions"):
        formgrader.locator("#main-table .num-submissions a").click()
        expect(formgrader.locator("#main-table .status")).to_have_text("needs autograding")
    _press(screen, formgrader, "autograde", "autograde", "Successfully autograded")
    with screen.step("see the score"):
        expect(formgrader.locator("#main-table .score")).to_have_text(f"{points:g} / 13")
        expect(formgrader.locator("#main-table .status")).to_have_text("needs manual grading")


def _mark_by_hand(screen: Screen, formgrader: FrameLocator) -> None:
    with screen.step("open manual grading"):
        formgrader.get_by_role("link", name="Manual Grading").click()
        for link in (LESSON, LESSON, "Submission #1"):
            formgrader.locator("#main-table").get_by_role("link", name=link).click()
        expect(formgrader.get_by_text(MANUAL)).to_be_visible()
    with screen.step("give the point and a comment"):
        panel = formgrader.locator(".panel", has=formgrader.locator("#own-words")).last
        panel.get_by_role("button", name="Full credit").click()
        expect(formgrader.locator("#own-words")).to_have_value("1")
        panel.locator("textarea").fill(COMMENT)
        panel.locator("textarea").blur()
        expect(panel.locator(".comment-saved")).to_be_visible()


def _give_feedback(screen: Screen, formgrader: FrameLocator, points: float) -> None:
    with screen.step("see the score with the point"):
        formgrader.locator(".breadcrumb").get_by_role("link", name="Manual Grading").click()
        formgrader.get_by_role("link", name="Manage Assignments").click()
        formgrader.locator("#main-table .num-submissions a").click()
        expect(formgrader.locator("#main-table .score")).to_have_text(f"{points:g} / 13")
        expect(formgrader.locator("#main-table .status")).to_have_text("graded")
    _press(screen, formgrader, "generate feedback", "generate-feedback", "Successfully generated feedback")
    _press(screen, formgrader, "release feedback", "release-feedback", "Successfully released feedback")


def _read_feedback(screen: Screen, points: float) -> None:
    with screen.step("fetch the feedback"):
        assignments = screen.assignments()
        expect(assignments.locator("#submitted_assignments_list")).to_contain_text("feedback available to fetch")
        assignments.get_by_role("button", name="Fetch Feedback").click()
        expect(assignments.get_by_text("view feedback")).to_be_visible()
    with screen.step("open the feedback"):
        assignments.get_by_text("view feedback").click()
        screen.open_file(f"{LESSON}.html")
        page = screen.page.frame_locator(".jp-HTMLViewer iframe")
        expect(page.locator("body")).to_contain_text(f"{points:g} of 13 points")
        expect(page.locator("body")).to_contain_text("subtract the largest logit")
    with screen.step("read the comment"):
        page.get_by_text(COMMENT).scroll_into_view_if_needed()


def _press(screen: Screen, formgrader: FrameLocator, words: str, column: str, answer: str) -> None:
    """Press the button in a column of the only row; the formgrader must answer so."""
    with screen.step(words):
        formgrader.locator(f"#main-table .{column} a").click()
        expect(formgrader.locator(".modal-body")).to_contain_text(answer)
        # It glides in; a button that moves cannot be pressed, and its picture would show half of it.
        formgrader.locator(".modal").evaluate("modal => Promise.all(modal.getAnimations({subtree: true}).map(one => one.finished))")
    formgrader.locator(".modal-footer button").click()
    expect(formgrader.locator(".modal")).to_have_count(0)
