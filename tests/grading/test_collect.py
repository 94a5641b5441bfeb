"""An export of a learning platform: unpacked without harm, and one notebook chosen for each student."""

import io
import json
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps.zipcollectapp import ZipCollectApp
from nbgrader.coursedir import CourseDirectory

from course_lib.grading import collect
from course_lib.grading.collect import PlatformCollector, PlatformExtractor, choose, handed_in, unpack_export

LESSON = "01-tokens"


def notebook(source: str = "stub", grade_id: str = "tokenize") -> str:
    cell = nbformat.v4.new_code_cell(source, id="a")
    cell.metadata["nbgrader"] = {"grade": False, "grade_id": grade_id, "locked": False, "schema_version": 3, "solution": True, "task": False}
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))


STUB, WORK, OTHER = notebook(), notebook("work"), notebook("work", "ppmi")


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def zipped(files: dict[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


@pytest.fixture
def find(tmp_path):
    """Unpack and choose; returns student -> (text of the chosen notebook, time), and student -> sentences."""

    def run(files: dict[str, str | bytes], export: str | None = None):
        write(tmp_path / "export", files)
        root = tmp_path / "extracted"
        root.mkdir()
        run.said = unpack_export(tmp_path / "export" / export if export else tmp_path / "export", root)
        chosen, sentences = choose(handed_in(root), LESSON, nbformat.reads(STUB, as_version=4).cells)
        assert {found["file_id"] for found in chosen.values()} <= {LESSON}
        texts = {found["student_id"]: (path.read_bytes().decode("utf-8", "replace"), found.get("timestamp")) for path, found in chosen.items()}
        return texts, {student: said for student, said in sentences.items() if said}

    return run


# Names


@pytest.mark.parametrize(("name", "student", "time"), [
    ("01-tokens_ada_attempt_2026-11-01-10-15-30_01-tokens.ipynb", "ada", "2026-11-01 10:15:30"),
    ("ada_12345_67890_01-tokens.ipynb", "ada", None),
    ("ada_LATE_12345_67890_01-tokens.ipynb", "ada", None),
    ("ada_12345_67890_01-tokens-1.ipynb", "ada", None),
    ("Ada Lovelace_12345_assignsubmission_file_/01-tokens.ipynb", "Ada Lovelace", None),
    ("Ada Lovelace_12345_assignsubmission_file/01-tokens.ipynb", "Ada Lovelace", None),
    ("Ada Lovelace_12345_assignsubmission_file_01-tokens.ipynb", "Ada Lovelace", None),
    ("ada/01-tokens.ipynb", "ada", None),
    ("ada/01-tokens (1).ipynb", "ada", None),
    ("ada/01-tokens/01-tokens.ipynb", "ada", None),
    ("a[d]a*/01-tokens.ipynb", "a_d_a_", None),
    ("Zoe\u0308/01-tokens.ipynb", "Zo\u00eb", None),
])
def test_student_and_time_are_read_from_the_name(find, name, student, time):
    assert find({name: WORK}) == ({student: (WORK, time)}, {})


@pytest.mark.parametrize(("name", "called"), [
    ("01-tokens_final.ipynb", "01-tokens_final.ipynb"),
    ("01-tokens-Copy1.ipynb", "01-tokens-Copy1.ipynb"),
    ("My Homework.ipynb", "My Homework.ipynb"),
    ("01-tokens.ipynb.txt", "01-tokens.ipynb.txt"),
    ("01-tokens.ipynb.json", "01-tokens.ipynb.json"),
    ("01-tokens.json", "01-tokens.json"),
    ("01-TOKENS.IPYNB", "01-TOKENS.IPYNB"),
])
def test_a_renamed_notebook_is_found_and_said(find, name, called):
    assert find({f"ada/{name}": WORK}) == ({"ada": (WORK, None)}, {"ada": [f"The file was called {called!r} instead of '01-tokens.ipynb'."]})


def test_a_notebook_saved_as_utf_16_text_is_found(find):
    texts, _ = find({"ada/01-tokens.ipynb.txt": WORK.encode("utf-16")})
    assert set(texts) == {"ada"}


def test_a_notebook_with_two_endings_beside_another_one_is_found(find):
    texts, _ = find({"ada/01-tokens.ipynb.txt": WORK, "ada/scratch.ipynb": STUB, "ben/01-TOKENS.IPYNB": WORK, "ben/a.ipynb": STUB})
    assert texts == {"ada": (WORK, None), "ben": (WORK, None)}


def test_a_nested_notebook_is_found_and_its_checkpoint_ignored(find):
    files = {"ada/homework/01-tokens.ipynb": WORK, "ada/homework/.ipynb_checkpoints/01-tokens-checkpoint.ipynb": STUB, "ada/.DS_Store": "x"}
    assert find(files) == ({"ada": (WORK, None)}, {"ada": ["The file lay in the folder 'homework'."]})


def test_a_file_at_the_top_without_a_students_name_is_nobodys(find):
    assert find({"01-tokens.ipynb": WORK, "readme.txt": "x", "ben/01-tokens.ipynb": WORK})[0] == {"ben": (WORK, None)}


def test_two_people_of_one_name_stay_two(find):
    texts, _ = find({f"Ada L_{number}_assignsubmission_file_/01-tokens.ipynb": notebook(str(number)) for number in (11, 22)})
    assert texts == {"Ada L_11": (notebook("11"), None), "Ada L_22": (notebook("22"), None)}


def test_one_person_on_two_ways_stays_one(find):
    assert set(find({"ada_11_21_01-tokens.ipynb": WORK, "ada/notes.txt": "x"})[0]) == {"ada"}


# Archives


def test_an_export_is_one_zip_of_folders_as_moodle_makes_it(find):
    inner = zipped({"__MACOSX/._01-tokens.ipynb": "x", ".DS_Store": "x", "01-tokens.ipynb": WORK})
    outer = zipped({"Ada L_1_assignsubmission_file_/01-tokens.ipynb": WORK, "Ben M_2_assignsubmission_file_/hw.zip": inner})
    assert find({"Course-01.zip": outer}, "Course-01.zip")[0] == {"Ada L": (WORK, None), "Ben M": (WORK, None)}


def test_an_export_is_one_zip_of_files_as_canvas_makes_it(find):
    outer = zipped({"ada_1_11_01-tokens.ipynb": WORK, "ben_LATE_2_12_hw.zip": zipped({"hw/01-tokens.ipynb": WORK})})
    assert find({"submissions.zip": outer})[0] == {"ada": (WORK, None), "ben": (WORK, None)}


def test_the_whole_class_lies_in_a_folder_of_the_zip(find):
    outer = zipped({f"homework/{name}/01-tokens.ipynb": WORK for name in ("ada", "ben")})
    assert set(find({"export.zip": outer}, "export.zip")[0]) == {"ada", "ben"}


def test_a_zip_of_ones_own_tells_the_student_by_its_name(find):
    assert find({"gita.zip": zipped({"01-tokens.ipynb": WORK})}, "gita.zip") == ({"gita": (WORK, None)}, {})


def test_zips_in_zips_are_unpacked_and_the_deepest_are_graded_as_unreadable(find):
    content = zipped({"01-tokens.ipynb": WORK})
    for _ in range(2):
        content = zipped({"inner.zip": content})
    deep = content
    for _ in range(3):
        deep = zipped({"inner.zip": deep})
    texts, _ = find({"ada.zip": content, "ben.zip": deep})
    assert texts["ada"] == (WORK, None) and texts["ben"][0].startswith("PK")


def test_a_tar_and_a_zip_with_a_notebooks_name_are_unpacked(find, tmp_path):
    write(tmp_path, {"01-tokens.ipynb": WORK})
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "01-tokens.ipynb", "./hw/01-tokens.ipynb")
    texts, _ = find({"ada.tar.gz": (tmp_path / "t.tar.gz").read_bytes(), "ben/01-tokens.ipynb": zipped({"01-tokens.ipynb": WORK})})
    assert {student: text for student, (text, _) in texts.items()} == {"ada": WORK, "ben": WORK}


def test_a_tar_that_grows_is_not_unpacked(find, monkeypatch):
    monkeypatch.setattr(collect, "LARGEST_ARCHIVE", 1_000_000)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("zeros.bin")
        member.size = 2_000_000
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    texts, _ = find({"ada.tgz": content.getvalue(), "ben/01-tokens.ipynb": WORK})
    assert set(texts) == {"ada", "ben"} and any("larger than 1 MB" in sentence for sentence in find.said)


def test_names_with_backslashes_are_folders(find):
    assert find({"ada.zip": zipped({"hw\\01-tokens.ipynb": WORK}), "ben/01-tokens.ipynb": WORK})[0]["ada"] == (WORK, None)


def test_names_that_point_out_of_the_archive_do_no_harm(find, tmp_path):
    evil = {name: WORK for name in ("../../evil.ipynb", "/tmp/repair-evil.ipynb", "..\\..\\evil2.ipynb")}
    forged = {"ben_2_assignsubmission_file_/01-tokens.ipynb": OTHER}
    texts, _ = find({"ada.zip": zipped(evil | forged), "ben/01-tokens.ipynb": WORK})
    assert not list(tmp_path.glob("*.ipynb")) and not Path("/tmp/repair-evil.ipynb").exists()
    assert [path.name for path in tmp_path.rglob("evil*")] == []
    assert set(texts) == {"ada", "ben"} and texts["ben"] == (WORK, None)
    assert sum("points out of its archive" in sentence for sentence in find.said) == 2


def test_links_are_left_out(find, tmp_path):
    link = zipfile.ZipInfo("01-tokens.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    write(tmp_path, {"secret.ipynb": WORK})
    write(tmp_path / "export" / "ben", {"01-tokens.ipynb": STUB})
    os.symlink(tmp_path / "secret.ipynb", tmp_path / "export" / "ben" / "01-tokens-2.ipynb")
    os.symlink(tmp_path, tmp_path / "export" / "cora")
    texts, _ = find({"ada.zip": content.getvalue()})
    assert texts["ben"] == (STUB, None) and "cora" not in texts
    assert texts["ada"][0].startswith("PK") and "01-tokens.ipynb is a link and was left out." in find.said


def test_a_zip_bomb_is_not_unpacked(find, tmp_path):
    bomb = zipped({"01-tokens.ipynb": bytes(60_000_000)})
    texts, _ = find({"ada.zip": bomb, "ben/01-tokens.ipynb": WORK})
    assert "larger than 50 MB" in texts["ada"][0] and texts["ben"] == (WORK, None)
    assert sum(path.stat().st_size for path in (tmp_path / "extracted").rglob("*") if path.is_file()) < 1_000_000
    assert any("larger than 50 MB" in sentence for sentence in find.said)


def test_a_students_archives_are_limited_in_all_and_the_notebook_comes_first(find, monkeypatch):
    monkeypatch.setattr(collect, "MOST_FILES", 20)
    many = zipped({f"{number}.txt": "x" for number in range(50)} | {"01-tokens.ipynb": WORK})
    texts, _ = find({"ada.zip": many, "ben.zip": zipped({"01-tokens.ipynb": WORK})})
    assert texts == {"ada": (WORK, None), "ben": (WORK, None)}
    assert len([sentence for sentence in find.said if "holds too much" in sentence]) == 1


def test_the_room_that_a_student_gets_is_limited(find, monkeypatch):
    monkeypatch.setattr(collect, "LARGEST_ARCHIVE", len(WORK) + 100)
    texts, _ = find({"ada.zip": zipped({"01-tokens.ipynb": WORK, "b.txt": "x" * 200}), "ben/01-tokens.ipynb": WORK})
    assert texts["ada"] == (WORK, None)
    assert any("holds too much" in sentence for sentence in find.said)


@pytest.mark.parametrize("content", [
    b"PK\x03\x04 broken", b"", zipped({"01-tokens.ipynb": WORK})[:-40], zipped({}), zipped({"report.pdf": "x"}), b"Rar!",
])
def test_an_archive_that_gives_nothing_is_graded_as_unreadable(find, content):
    texts, _ = find({"ada.zip": content, "ben/01-tokens.ipynb": WORK})
    assert set(texts) == {"ada", "ben"} and texts["ada"][0] not in (WORK, STUB)
    assert "ada.zip gave no notebook." in find.said


def test_a_damaged_member_leaves_the_others(find):
    good, content = zipped({"01-tokens.ipynb": WORK}), bytearray(zipped({"01-tokens.ipynb": WORK, "extra.ipynb": OTHER}))
    place = content.find(b"extra.ipynb") + 20
    content[place:place + 10] = b"\xff" * 10
    assert find({"ada.zip": bytes(content), "ben.zip": good})[0] == {"ada": (WORK, None), "ben": (WORK, None)}
    assert any("extra.ipynb is damaged" in sentence for sentence in find.said)


def test_an_export_that_is_damaged_as_a_whole_says_so(tmp_path):
    write(tmp_path, {"export.zip": "no zip"})
    with pytest.raises(ValueError, match="export.zip is empty or damaged"):
        unpack_export(tmp_path / "export.zip", tmp_path / "target")


def test_who_handed_in_no_notebook_is_not_lost(find):
    texts, said = find({"ada/homework.pdf": b"%PDF", "ada/a.txt": "x", "ben_1_2_hw.py": "1", "cora/01-tokens.ipynb": WORK})
    assert texts["ada"][0] == "%PDF" and texts["ben"][0] == "1"
    assert said["ada"] == ["The file was called 'homework.pdf' instead of '01-tokens.ipynb'."]


def test_unpacking_twice_changes_nothing(find, tmp_path):
    find({"ada.zip": zipped({"hw/01-tokens.ipynb.txt": WORK}), "ben.zip": b"broken", "cora/x.pdf": "x"})
    (tmp_path / "again").mkdir()
    unpack_export(tmp_path / "extracted", tmp_path / "again")
    names = [{path.relative_to(folder) for path in folder.rglob("*")} for folder in (tmp_path / "extracted", tmp_path / "again")]
    assert names[0] == names[1]


# Which notebook counts


BLACKBOARD = "01-tokens_ada_attempt_2026-11-0{}-10-00-00_01-tokens.ipynb"


@pytest.mark.parametrize(("files", "reason"), [
    ({BLACKBOARD.format(2): notebook("new"), BLACKBOARD.format(1): notebook("old")}, "the newest"),
    ({"ada_1_12_01-tokens-1.ipynb": notebook("new"), "ada_1_11_01-tokens.ipynb": notebook("old")}, "the newest"),
    ({"ada/01-tokens.ipynb": notebook("new"), "ada/01-tokens-Copy1.ipynb": notebook("old")}, "the one with the right name"),
    ({"ada/01-tokens_final.ipynb": notebook("new"), "ada/scratch.ipynb": notebook("old")}, "the one with the right name"),
    ({"ada/01-tokens_final.ipynb": notebook("new"), "ada/01-tokens.ipynb": STUB}, "the one with answers for this lesson"),
    ({"ada/mine.ipynb": notebook("new"), "ada/01-tokens.ipynb": "damaged"}, "the one with answers for this lesson"),
    ({BLACKBOARD.format(2): "damaged", BLACKBOARD.format(1): notebook("new")}, "the one with answers for this lesson"),
    ({"ada/hw/02-embeddings.ipynb": OTHER, "ada/hw/a.ipynb": notebook("new")}, "the one with answers for this lesson"),
])
def test_of_several_notebooks_one_counts_and_the_others_are_named(find, files, reason):
    texts, said = find(files)
    assert texts["ada"][0] == notebook("new")
    assert f", {reason}; not graded: " in " ".join(said["ada"])


def test_where_it_is_unclear_one_is_graded_and_both_are_told(find):
    texts, said = find({"ada/a.ipynb": notebook("one"), "ada/b.ipynb": notebook("two")})
    assert len(texts) == 1
    assert "Several notebooks were handed in and it is unclear which one counts. Graded was 'a.ipynb', not graded: 'b.ipynb'." in said["ada"]


def test_the_same_file_twice_is_one(find):
    assert find({"ada/01-tokens.ipynb": WORK, "ada/copy/01-tokens (1).ipynb": WORK}) == ({"ada": (WORK, None)}, {})


def test_files_with_the_name_of_a_module_are_named_and_left_out(find):
    extra = {f"ada/{name}": "1" for name in ("torch.py", "numpy.py", "random.py", "sitecustomize.py", "course_lib/teaching/checks.py", "notes.txt")}
    texts, said = find({"ada/01-tokens.ipynb": WORK, "ben_1_2_01-tokens.ipynb": WORK, "ben_1_3_torch.py": "1"} | extra)
    assert texts["ada"] == (WORK, None)
    assert [sentence.split(" has")[0] for sentence in said["ada"]] == ["course_lib", "numpy.py", "random.py", "sitecustomize.py", "torch.py"]
    assert [sentence.split(" has")[0] for sentence in said["ben"]] == ["torch.py"]


# As nbgrader calls it


def test_zip_collect_takes_one_notebook_of_each_student_and_writes_the_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "lessons" / LESSON, {f"{LESSON}.ipynb": STUB})
    write(tmp_path / "downloaded" / LESSON / "archive", {
        "ada/01-tokens_final.ipynb": WORK, "ada/01-tokens.ipynb": STUB, "ada/torch.py": "1", BLACKBOARD.format(1).replace("ada", "ben"): WORK,
        "cora.zip": zipped({"../01-tokens.ipynb": WORK}), "01-tokens.ipynb": WORK,
    })
    course = CourseDirectory(root=str(tmp_path), release_directory="lessons", assignment_id=LESSON)
    app = ZipCollectApp(coursedir=course, collector_plugin=PlatformCollector, extractor_plugin=PlatformExtractor, force=True)
    app.start()
    submitted = {str(path.relative_to(tmp_path / "submitted")) for path in (tmp_path / "submitted").rglob("*") if path.is_file()}
    assert submitted == {f"{name}/{LESSON}/{LESSON}.ipynb" for name in ("ada", "ben", "cora")} | {f"ben/{LESSON}/timestamp.txt"}
    assert (tmp_path / "submitted" / "ada" / LESSON / f"{LESSON}.ipynb").read_text() == WORK
    said = json.loads((tmp_path / "downloaded" / LESSON / "collected.json").read_text())
    assert "not graded: '01-tokens.ipynb'" in said["ada"][1] and "torch.py" in said["ada"][2]


def test_a_pattern_of_ones_own_comes_first(tmp_path):
    root = write(tmp_path, {"by-ada-01-tokens.ipynb": WORK})
    assert [file.student for file in handed_in(root, r".*/by-(?P<student_id>\w+)-(?P<file_id>.*)")] == ["ada"]
