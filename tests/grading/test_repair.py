"""What is put right in a submission before it is graded, and the sentence that says so."""

import json
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.preprocessors import OverwriteCells
from nbgrader.utils import compute_checksum
from traitlets.config import Config

from course_lib.grading import repair
from course_lib.grading.repair import RepairSubmission, ShowReport, SubmissionExporter, read_notebook, repair_cells, report, shadows

ROOT = Path(__file__).resolve().parents[2]


def cell(grade_id: str, source: str = "", *, kind: str = "check", points: float = 1, tags: list[str] | None = None):
    new = nbformat.v4.new_code_cell(source)
    new.metadata["nbgrader"] = nbformat.from_dict({
        "grade": kind == "check", "grade_id": grade_id, "locked": kind in ("check", "given"), "schema_version": 3,
        "solution": kind == "solution", "task": False, **({"points": points} if kind == "check" else {}),
    })
    if tags:
        new.metadata["tags"] = tags
    return new


def own(source: str):
    return nbformat.v4.new_code_cell(source)


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def stub(name: str) -> str:
    return f"def {name}(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def answer(name: str) -> str:
    return f"def {name}(x):\n    y = x\n    return y"


def released():
    """The lesson as students receive it."""
    return notebook(
        cell("given-setup", "import math\nimport torch", kind="given", tags=["setup"]),
        cell("f", stub("f"), kind="solution"), cell("check-f", "x = 2\nassert f(x) == 2\nassert f(3) == 3"),
        cell("g", stub("g"), kind="solution"), cell("check-g", "assert g(1) == 1", tags=["slow"]),
    )


def solved():
    """The same with both exercises solved."""
    nb = released()
    nb.cells[1].source, nb.cells[3].source = answer("f"), answer("g")
    return nb


SETUP, F, CHECK_F, G, CHECK_G = range(5)
IDS = ["given-setup", "f", "check-f", "g", "check-g"]


def ids(nb) -> list:
    return [c.metadata.get("nbgrader", {}).get("grade_id") for c in nb.cells]


@pytest.fixture
def fix(monkeypatch, tmp_path):
    """Repair a notebook as if its lesson's source were `solved()`; returns the grade_ids and the report."""
    experiment = nbformat.v4.new_code_cell("plot(f)", id="plot", metadata={"tags": ["experiment"]})
    lesson = notebook(*solved().cells, experiment)
    monkeypatch.setattr(repair, "_source_notebook", lambda course, assignment, notebook: lesson)
    monkeypatch.setattr(repair, "_released_cells", lambda wanted, resources: {c.metadata.nbgrader.grade_id: c for c in released().cells})
    config = Config({"CourseDirectory": {"root": str(tmp_path)}})

    def run(nb):
        names = {"student": "ada", "assignment": "00-a", "notebook": "00-a"}
        nb, _ = RepairSubmission(config=config).preprocess(nb, {"nbgrader": names})
        nbformat.validate(nb)
        return ids(nb), nb.metadata["course"]["report"]

    return run


# Cells


def test_an_untouched_and_a_solved_submission_need_no_report(fix):
    assert fix(released()) == (IDS, [])
    assert fix(solved()) == (IDS, [])


@pytest.mark.parametrize("lesson", sorted(path.name for path in (ROOT / "lessons").iterdir()))
def test_a_real_lesson_needs_no_repair(lesson):
    source, release = (nbformat.read(ROOT / folder / lesson / f"{lesson}.ipynb", as_version=4) for folder in ("solutions", "lessons"))
    wanted, stubs = ({c.metadata.nbgrader.grade_id: c for c in nb.cells if "nbgrader" in c.metadata} for nb in (source, release))
    before = [c.source for c in release.cells]
    repair_cells(release, wanted, stubs)
    assert "course" not in release.metadata and [c.source for c in release.cells] == before


def test_a_deleted_check_comes_back_behind_the_students_code(fix):
    nb = solved()
    nb.cells[CHECK_F] = own("helper = 1")
    found, said = fix(nb)
    assert found == ["given-setup", "f", None, "check-f", "g", "check-g"]
    assert said == ["The cell check-f was missing and was put back."]


def test_deleted_given_code_comes_back_before_the_students_code(fix):
    nb = solved()
    nb.cells[SETUP] = own("print(math.pi)")
    found, _ = fix(nb)
    assert found == ["given-setup", None, *IDS[1:]]


def test_all_labels_lost_but_the_functions_are_there(fix):
    found, said = fix(notebook(own(answer("g")), own("1"), own(answer("f"))))
    assert [name for name in found if name] == IDS
    assert sum("recognised by what it defines" in sentence for sentence in said) == 2


def test_a_deleted_answer_whose_function_stands_elsewhere_is_not_overwritten(fix):
    nb = solved()
    nb.cells[F] = own("f = lambda x: x")
    fix(nb)
    assert not any("def f" in c.source for c in nb.cells)
    nb = solved()
    nb.cells[F] = own("from math import floor as f")
    found, _ = fix(nb)
    assert found == ["given-setup", None, *IDS[1:]] and nb.cells[2].source == "# This cell was missing."


def test_of_two_equal_checks_one_stays(fix):
    nb = solved()
    nb.cells.insert(1, cell("check-f", "assert True"))
    found, said = fix(nb)
    assert found == IDS
    assert "more than once" in said[0]


def test_a_copied_answer_stays_as_an_ordinary_cell(fix):
    nb = solved()
    nb.cells.insert(1, cell("f", "def f(): old", kind="solution"))
    found, _ = fix(nb)
    assert found == ["given-setup", None, *IDS[1:]]
    assert nb.cells[1].source == "def f(): old"


def test_an_empty_copy_behind_the_answer_does_not_replace_it(fix):
    nb = solved()
    nb.cells.insert(2, cell("f", stub("f"), kind="solution"))
    found, _ = fix(nb)
    assert found == IDS and nb.cells[F].source == answer("f")


def test_a_renamed_label_is_recognised_by_the_function(fix):
    nb = solved()
    nb.cells[F].metadata["nbgrader"]["grade_id"] = "my-f"
    assert fix(nb) == (IDS, ["The label of the cell f was lost or changed. The cell was recognised by what it defines."])


def test_an_answer_in_another_cell_takes_the_place_of_the_empty_one(fix):
    nb = solved()
    nb.cells[F].source = stub("f")
    nb.cells.insert(1, own(answer("f") + "\n\n%timeit f(1)"))
    found, _ = fix(nb)
    assert found == IDS and nb.cells[F].source.startswith(answer("f"))


def test_an_emptied_cell_gives_its_place_to_the_answer_behind_the_check(fix):
    nb = solved()
    nb.cells[F].source = ""
    nb.cells.insert(3, own(answer("f")))
    found, _ = fix(nb)
    assert found == IDS and nb.cells[F].source == answer("f")


def test_text_that_shows_code_is_not_taken_for_an_answer(fix):
    nb = released()
    nb.cells.insert(1, nbformat.v4.new_markdown_cell(f"An idea:\n```\n{answer('f')}\n```"))
    assert fix(nb) == (["given-setup", None, *IDS[1:]], [])


def test_the_second_half_of_an_answer_runs_before_the_check(fix):
    nb = solved()
    nb.cells[F].source = "def helper(x):\n    return x"
    nb.cells.insert(2, own("def f(x):\n    return helper(x)"))
    found, _ = fix(nb)
    sources = [c.source for c in nb.cells]
    assert [name for name in found if name] == IDS
    assert sources.index("def helper(x):\n    return x") < sources.index("def f(x):\n    return helper(x)") < found.index("check-f")


def test_an_answer_split_inside_the_function_is_joined(fix):
    nb = solved()
    nb.cells[F].source = "def f(x):\n    y = x"
    nb.cells.insert(2, own("    return y"))
    assert fix(nb) == (IDS, ["The cell f was split inside a function and was joined again."])
    assert nb.cells[F].source == answer("f")


def test_what_was_split_off_a_check_is_dropped(fix):
    nb = solved()
    nb.cells[CHECK_F].source = "x = 2"
    nb.cells.insert(3, own("assert f(x) == 2\nassert f(3) == 3"))
    nb.cells.insert(4, own("assert f(4) == 4"))
    found, said = fix(nb)
    assert found == ["given-setup", "f", "check-f", None, "g", "check-g"]
    assert said == ["The cell check-f was not as in the course. The course's version was used."]


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_retyped_answer_and_check_are_code_again(fix, kind):
    nb = solved()
    make = {"markdown": nbformat.v4.new_markdown_cell, "raw": nbformat.v4.new_raw_cell}[kind]
    for number in (F, CHECK_F):
        nb.cells[number] = make(nb.cells[number].source, metadata=nb.cells[number].metadata)
    _, said = fix(nb)
    assert [c.cell_type for c in nb.cells] == ["code"] * 5 and nb.cells[F].outputs == []
    assert said == [f"The cell {name} had been turned into a {kind} cell and was turned back." for name in ("f", "check-f")]


def test_tags_points_locks_and_kinds_are_put_back(fix):
    nb = solved()
    nb.cells[CHECK_F].metadata["tags"] = ["experiment"]
    nb.cells[CHECK_G].metadata["tags"] = []
    nb.cells[CHECK_G].metadata["nbgrader"].update(points=100, locked=False, solution=True)
    _, said = fix(nb)
    assert "tags" not in nb.cells[CHECK_F].metadata and nb.cells[CHECK_G].metadata["tags"] == ["slow"]
    assert nb.cells[CHECK_G].metadata["nbgrader"] == solved().cells[CHECK_G].metadata["nbgrader"]
    what = ["tags of the cell check-f", *(f"{name} of the cell check-g" for name in ("points", "lock", "kind", "tags"))]
    assert [sentence.removeprefix("The ").split(" had")[0] for sentence in said] == what


def test_experiments_get_their_tags_back_and_other_cells_keep_theirs(fix):
    nb = solved()
    edited = nbformat.v4.new_code_cell("plot(f, 3)", id="plot")
    nb.cells += [own("plot(f)"), edited, nbformat.v4.new_code_cell("own = 1", metadata={"tags": ["mine"]})]
    _, said = fix(nb)
    assert [c.metadata.get("tags") for c in nb.cells[5:]] == [["experiment"], ["experiment"], ["mine"]]
    assert said == ["The tags of some cells of the course had been changed. What the course has counts."]


@pytest.mark.parametrize("order", [
    [SETUP, CHECK_F, F, G, CHECK_G], [SETUP, G, CHECK_G, CHECK_F, F], [CHECK_G, CHECK_F, G, F, SETUP],
])
def test_moved_cells_are_put_back_into_their_order(fix, order):
    nb = solved()
    nb.cells = [nb.cells[number] for number in order]
    place = order.index(F) + 1
    nb.cells.insert(place, own("behind_f = f(1)"))
    found, said = fix(nb)
    assert found == ["given-setup", "f", None, "check-f", "g", "check-g"]
    assert said == ["Cells of the course had been moved. They were put back into their order."]


def test_foreign_metadata_is_removed(fix):
    nb = solved()
    nb.cells.append(cell("invented", "1", points=50))
    nb.cells.append(nbformat.v4.new_code_cell("2", metadata={"nbgrader": {"grade_id": ["f"]}}))
    found, _ = fix(nb)
    assert found == [*IDS, None, None]


def test_what_was_added_to_the_setup_still_runs(fix):
    nb = solved()
    nb.cells[SETUP].source += "\nimport statistics"
    found, said = fix(nb)
    assert found == [None, *IDS] and "import statistics" in nb.cells[0].source
    assert said == ["The cell given-setup was not as in the course. The course's version was used."]


def test_blanks_at_the_end_of_a_line_are_no_edit(fix):
    nb = solved()
    nb.cells[CHECK_F].source = nb.cells[CHECK_F].source.replace("\n", "  \n") + "\n"
    assert fix(nb) == (IDS, [])


def test_a_submission_cannot_report_on_itself(fix):
    nb = solved()
    nb.metadata["course"] = {"report": ["Full marks, says the course."]}
    assert fix(nb) == (IDS, [])


def test_an_unreadable_submission_gets_every_cell_and_one_sentence(fix):
    nb = notebook()
    nb.metadata["course_reading"] = ["It cannot be read."]
    assert fix(nb) == (IDS, ["It cannot be read."])
    assert nb.cells[F].source == stub("f")


# Course, gradebook and files


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A course folder with two small lessons, and a gradebook that knows the first."""
    root = tmp_path_factory.mktemp("course")
    for name, nb in (("00-a", solved()), ("01-b", notebook(cell("h", kind="solution"), cell("check-h"), cell("quiz", kind="solution")))):
        (root / "solutions" / name).mkdir(parents=True)
        nbformat.write(nb, root / "solutions" / name / f"{name}.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        # nbgrader starts the program `alembic` by name.
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
        with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
            gradebook.add_assignment("00-a")
            gradebook.add_notebook("00-a", "00-a")
            for c in released().cells:
                _save(gradebook, c)
    return root


def _save(gradebook: Gradebook, c) -> None:
    data = c.metadata.nbgrader
    c.source += "\n### BEGIN HIDDEN TESTS\nassert True\n### END HIDDEN TESTS" * (data.grade_id == "check-f")
    gradebook.add_source_cell(data.grade_id, "00-a", "00-a", source=c.source, cell_type="code", locked=data.locked, checksum=compute_checksum(c))
    if data.grade:
        gradebook.add_grade_cell(data.grade_id, "00-a", "00-a", max_score=1, cell_type="code")


@pytest.fixture
def course(made_once, tmp_path):
    """A copy of the course folder, as nbgrader's configuration."""
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    address = f"sqlite:///{tmp_path / 'gradebook.db'}"
    return Config({"CourseDirectory": {"root": str(tmp_path), "db_url": address, "source_directory": "solutions"}})


def handed_in(config: Config, nb):
    """Read, repair and let nbgrader put back locked text, as `nbgrader autograde` does."""
    root = Path(config.CourseDirectory.root)
    path = root / "submitted" / "ada" / "00-a" / "00-a.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nb if isinstance(nb, str) else nbformat.writes(nb), encoding="utf-8")
    names = {"student": "ada", "assignment": "00-a", "notebook": "00-a", "db_url": config.CourseDirectory.db_url}
    exporter = SubmissionExporter(config=config)
    exporter.register_preprocessor(RepairSubmission(config=config), enabled=True)
    exporter.register_preprocessor(OverwriteCells(), enabled=True)
    text, _ = exporter.from_filename(str(path), resources={"nbgrader": names})
    read = nbformat.reads(text, as_version=4)
    return read, read.metadata["course"]["report"]


def test_edited_locked_cells_come_back_with_their_hidden_tests(course):
    nb = solved()
    nb.cells[SETUP].source = "import math"
    nb.cells[CHECK_F].source = "pass"
    nb.cells[CHECK_F].metadata["nbgrader"]["locked"] = False
    read, said = handed_in(course, nb)
    assert read.cells[SETUP].source == "import math\nimport torch"
    assert read.cells[CHECK_F].source.startswith("x = 2\nassert f(x) == 2") and "HIDDEN TESTS" in read.cells[CHECK_F].source
    assert sum("The course's version was used." in sentence for sentence in said) == 2
    assert handed_in(course, solved())[1] == []


def test_a_notebook_of_another_lesson_is_named_and_earns_nothing(course):
    other = notebook(cell("h", "def h(): 1", kind="solution"), cell("quiz", "answers = {1: 'a'}", kind="solution"))
    read, said = handed_in(course, other)
    assert said == ["This is the notebook of the lesson 01-b. Nothing in it could be graded for 00-a."]
    assert ids(read) == IDS and read.cells[F].source == stub("f")


def test_an_unreadable_file_is_reported(course):
    read, said = handed_in(course, "<html>please log in</html>")
    assert ids(read) == IDS
    assert said == ["The file handed in cannot be read as a notebook: it is not JSON from line 1 on; it begins with "
                    "'<html>please log in</html>'. Please hand in the .ipynb file again."]


def test_what_was_repaired_is_read_again_with_its_report(course):
    nb = solved()
    report(nb, "Something was put right.")
    path = Path(course.CourseDirectory.root) / "autograded" / "ada" / "00-a" / "00-a.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nb, path)
    text, _ = SubmissionExporter(config=course).from_filename(str(path), resources={"nbgrader": {"student": "ada", "assignment": "00-a"}})
    assert "Something was put right." in text


def test_how_the_file_was_found_is_reported(course):
    folder = Path(course.CourseDirectory.root) / "downloaded" / "00-a"
    folder.mkdir(parents=True)
    (folder / "collected.json").write_text('{"ada": ["It was called b."], "ben": ["Not hers."]}')
    assert handed_in(course, solved())[1] == ["It was called b."]


def test_files_that_would_be_imported_instead_of_a_library_are_left_out(course):
    folder = Path(course.CourseDirectory.root) / "autograded" / "ada" / "00-a"
    (folder / "course_lib").mkdir(parents=True)
    (folder / "copy").mkdir()
    for name in ("torch.py", "sitecustomize.py", "random.py", "helpers.py", "course_lib/data.py", "copy/notes.txt", "numpy.txt"):
        (folder / name).write_text("")
    _, said = handed_in(course, solved())
    assert said == [f"{name} has the name of a library or of a part of the course. It was left out."
                    for name in ("course_lib", "random.py", "sitecustomize.py", "torch.py")]
    assert {path.name for path in folder.iterdir()} == {"helpers.py", "copy", "numpy.txt"}


def test_names_that_shadow_a_module():
    assert all(shadows(name) for name in ("torch.py", "course_lib", "numpy.py", "json.cpython-311-x86_64-linux-gnu.so", "sitecustomize.py"))
    assert not any(shadows(name) for name in ("helpers.py", "my-notes.py", "__main__.py"))


def test_the_report_stands_at_the_top():
    nb = solved()
    report(nb, "Something was put right.")
    nb, _ = ShowReport().preprocess(nb, {})
    assert nb.cells[0].cell_type == "markdown" and "Something was put right." in nb.cells[0].source
    untouched, _ = ShowReport().preprocess(solved(), {})
    assert len(untouched.cells) == 5


# Files


GOOD = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 'é'", id="a")]))


def read(tmp_path, content: str | bytes):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    nb = read_notebook(path)
    return nb, nb.metadata.get("course_reading", [])


@pytest.mark.parametrize(("content", "words"), [
    (b"", "it is empty"),
    (b"  \n", "it is empty"),
    (GOOD[:60].encode(), "it is not JSON"),
    (b"\x89PNG\r\n\xff\xfe", "it is not text"),
    (b"\xff\xfe\x00", "it is not text"),
    (b"PK\x03\x04", "zip archive"),
    (b"[1, 2]", "no notebook"),
    (b"[" * 100_000, "no notebook"),
    (b'{"a": 1}', "no notebook"),
    (b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "no notebook"),
    (b'{"cells": [3], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "no notebook"),
    (b'{"cells": [' + b"{}, " * 2000 + b"{}]}", "more than 2000 cells"),
    (b'{"worksheets": [3], "nbformat": 3}', "no notebook"),
    (b"<html>login page</html>", "it begins with '<html>login page"),
])
def test_what_is_no_notebook_says_why(tmp_path, content, words):
    with pytest.raises(ValueError, match=words):
        read(tmp_path, content)


def test_a_missing_file_a_folder_and_a_giant_say_so(tmp_path):
    for path in (tmp_path / "none.ipynb", tmp_path):
        with pytest.raises(ValueError, match="."):
            read_notebook(path)
    with open(tmp_path / "giant.ipynb", "wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(ValueError, match="larger than 50 MB"):
        read_notebook(tmp_path / "giant.ipynb")


@pytest.mark.parametrize(("content", "words"), [
    (GOOD.encode(), None),
    (GOOD.replace("\n", "\r\n").encode(), None),
    (GOOD.encode("utf-8-sig"), "UTF-8 with a mark"),
    (GOOD.encode("utf-16"), "UTF-16"),
    (GOOD.encode("utf-16-le"), "UTF-16"),
    (GOOD.encode("utf-16-be"), "UTF-16"),
    (GOOD.encode("latin-1"), "Latin-1"),
])
def test_every_encoding_is_read(tmp_path, content, words):
    nb, said = read(tmp_path, content)
    assert nb.cells[0].source == "x = 'é'"
    assert (words in said[0]) if words else said == []


def raw(*cells, **keys) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | keys)


def code(**keys) -> dict:
    return {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": "1"} | keys


@pytest.mark.parametrize("minor", range(6))
def test_formats_4_0_to_4_5_are_read(tmp_path, minor):
    made = code()
    if minor < 5:
        del made["id"]
    nb, said = read(tmp_path, raw(made, nbformat_minor=minor))
    assert nb.cells[0].source == "1" and nb.nbformat_minor == 5 and said == []


def test_format_3_is_read(tmp_path):
    cells = [{"cell_type": "code", "input": ["1\n", "2"], "language": "python", "outputs": [], "metadata": {"nbgrader": {"grade_id": "f"}}},
             {"cell_type": "heading", "level": 2, "source": "Title", "metadata": {}}]
    nb, said = read(tmp_path, json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}))
    assert [c.source for c in nb.cells] == ["1\n2", "## Title"] and nb.cells[0].metadata.nbgrader.grade_id == "f"
    assert said == ["The notebook was in an old format (3) and was converted."]


@pytest.mark.parametrize("second", [code(), code(id=None), code(id="no good id"), {key: value for key, value in code().items() if key != "id"}])
def test_missing_and_doubled_ids_are_made_new(tmp_path, second):
    nb, said = read(tmp_path, raw(code(), second))
    assert nb.cells[0].id == "a" != nb.cells[1].id
    assert said == ["Some cells had no id, or the same id as another cell. They were given new ones."]


@pytest.mark.parametrize("change", [
    {"source": 1}, {"source": ["1", None]}, {"metadata": None}, {"metadata": []}, {"outputs": None}, {"outputs": ["text"]}, {"outputs": "text"},
    {"cell_type": None}, {"cell_type": "cod"},
])
def test_odd_parts_of_cells_are_put_right(tmp_path, change):
    nb, said = read(tmp_path, raw(code(**change)))
    assert nb.cells[0].source == "1" and nb.cells[0].cell_type == "code"
    assert said == ["Parts of some cells were missing or of a wrong form. They were put right."]


def test_missing_keys_are_put_right(tmp_path):
    for key in ("metadata", "outputs", "source"):
        _, said = read(tmp_path, raw({name: value for name, value in code().items() if name != key}))
        assert said == ["Parts of some cells were missing or of a wrong form. They were put right."]
    nb, said = read(tmp_path, json.dumps({"cells": [code(source=["1\r\n", "2"], outputs=[{"output_type": "no such"}])]}))
    assert nb.cells[0].source == "1\n2" and said == []


def test_cells_that_are_none_are_left_out_and_said(tmp_path):
    nb, said = read(tmp_path, raw(code(), 3))
    assert len(nb.cells) == 1 and said == ["1 of the notebook's cells could not be read and were left out."]
    assert read(tmp_path, raw())[1] == ["The notebook has no cells."]


def test_metadata_of_a_wrong_form_do_no_harm(tmp_path):
    nb, _ = read(tmp_path, raw(code(metadata={"tags": "slow", "nbgrader": 3, "name": 4}), metadata={"kernelspec": 3, "course": {"report": ["x"]}}))
    assert nb.cells[0].metadata == {} and "course" not in nb.metadata


def test_metadata_within_metadata_without_end_do_no_harm(tmp_path):
    deep: dict = {}
    for _ in range(300):
        deep = {"a": deep}
    nb, _ = read(tmp_path, raw(code(metadata={"nbgrader": {"grade_id": "f", "x": deep}}, outputs=[deep])))
    assert nb.cells[0].metadata == {"nbgrader": {"grade_id": "f"}}


def test_pictures_in_an_answer_stay_and_odd_ones_go(tmp_path):
    text = {"cell_type": "markdown", "id": "t", "metadata": {}, "source": "![](attachment:a.png)"}
    good, odd = {"a.png": {"image/png": "aGk="}}, {"a.png": 3}
    assert read(tmp_path, raw(text | {"attachments": good}))[0].cells[0].attachments == good
    assert "attachments" not in read(tmp_path, raw(text | {"attachments": odd}))[0].cells[0]


def test_half_a_character_does_not_stop_the_writing(tmp_path):
    nb, _ = read(tmp_path, raw(code(source="x = '\ud83d'")))
    nbformat.writes(nb).encode("utf-8")


def conflict(own_side: str, other_side: str, base: str = "") -> str:
    lines = json.dumps(json.loads(raw(code(source="MARK"))), indent=1).split("\n")
    number = next(i for i, line in enumerate(lines) if "MARK" in line)
    lines[number:number + 1] = ["<<<<<<< HEAD", own_side, *([base] if base else []), "=======", other_side, ">>>>>>> partner"]
    return "\n".join(lines)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_of_a_merge_conflict_the_own_side_is_taken(tmp_path, end):
    nb, said = read(tmp_path, conflict('"source": "mine"', '"source": "theirs"').replace("\n", end))
    assert nb.cells[0].source == "mine"
    assert said == ["The file held the marks of a merge that was not finished. Your own side (HEAD) was taken."]


def test_of_a_three_way_conflict_the_base_is_left_out(tmp_path):
    nb, _ = read(tmp_path, conflict('"source": "mine"', '"source": "theirs"', '||||||| base\n"source": "old"'))
    assert nb.cells[0].source == "mine"


def test_where_the_own_side_is_damaged_the_other_is_taken(tmp_path):
    nb, said = read(tmp_path, conflict('"source": "mi', '"source": "theirs"'))
    assert nb.cells[0].source == "theirs" and "The other side (partner) was taken" in said[0]


def test_a_conflict_without_a_good_side_says_so(tmp_path):
    with pytest.raises(ValueError, match="neither side is a notebook"):
        read(tmp_path, conflict('"source": "mi', '"source": "th'))


def test_marks_inside_a_cell_are_the_students_text(tmp_path):
    nb, said = read(tmp_path, raw(code(source="<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> b")))
    assert nb.cells[0].source.startswith("<<<<<<<") and said == []
