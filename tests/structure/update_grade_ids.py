"""`python -m tests.structure.update_grade_ids`: write the grade_ids of all lessons, when a lesson is new or one was renamed on purpose."""

import json

import nbformat

from tests.structure.rooms import ROOT, lesson_names
from tests.structure.rules import GRADE_IDS, grade_ids


def main() -> None:
    """Write `grade_ids.json` from the notebooks in `solutions/`."""
    known = {}
    for name in lesson_names():
        path = ROOT / "solutions" / name / f"{name}.ipynb"
        if path.exists():
            known[name] = grade_ids(nbformat.read(path, as_version=4))
    GRADE_IDS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(f"{GRADE_IDS.relative_to(ROOT)}: {sum(map(len, known.values()))} ids of {len(known)} lessons")


if __name__ == "__main__":
    main()
