"""Names of files as learning platforms export them."""

import pytest

from course_lib.grading.collect import PlatformCollector


@pytest.mark.parametrize(("name", "student", "time"), [
    ("01-tokens_ada_attempt_2026-11-01-10-15-30_01-tokens.ipynb", "ada", "2026-11-01 10:15:30"),
    ("ada_12345_67890_01-tokens.ipynb", "ada", None),
    ("ada_LATE_12345_67890_01-tokens.ipynb", "ada", None),
    ("ada_12345_67890_01-tokens-1.ipynb", "ada", None),
    ("Ada Lovelace_12345_assignsubmission_file_/01-tokens.ipynb", "Ada Lovelace", None),
    ("Ada Lovelace_12345_assignsubmission_file/01-tokens.ipynb", "Ada Lovelace", None),
    ("ada/01-tokens.ipynb", "ada", None),
    ("ada/01-tokens (1).ipynb", "ada", None),
])
def test_student_lesson_and_time_are_read_from_the_name(name, student, time):
    found = PlatformCollector().collect(f"/course/downloaded/01-tokens/extracted/{name}")
    assert found["student_id"] == student
    assert found["file_id"] == "01-tokens"
    assert found.get("timestamp") == time


def test_a_pattern_of_ones_own_comes_first():
    collector = PlatformCollector(named_regexp=r".*/by-(?P<student_id>\w+)-(?P<file_id>.*)")
    assert collector.collect("/x/by-ada-01-tokens.ipynb")["student_id"] == "ada"


def test_other_files_and_nameless_ones_are_left_out():
    collector = PlatformCollector()
    assert collector.collect("/x/ada/notes.txt") is None
    assert collector.collect("_12_34_01-tokens.ipynb") is None


def test_a_second_file_without_a_time_is_left_out_and_said():
    collector = PlatformCollector()
    assert collector.collect("/x/ada_1_2_01-tokens-1.ipynb")
    assert collector.collect("/x/ada_1_2_01-tokens.ipynb") is None
    assert collector.collect("/x/ben_1_2_01-tokens.ipynb")


def test_a_second_file_with_a_time_is_nbgraders_to_choose():
    collector = PlatformCollector()
    for minute in ("15", "45"):
        assert collector.collect(f"/x/t_ada_attempt_2026-11-01-10-{minute}-30_01-tokens.ipynb")
