"""Find the student, the lesson and the time of handing in from the names that learning platforms give to files."""

import os
import re
from datetime import datetime

from nbgrader.plugins import FileNameCollectorPlugin
from traitlets import List, Unicode

_FILE = r"(?P<file_id>[^/\\]+\.ipynb)$"


class PlatformCollector(FileNameCollectorPlugin):
    """For `nbgrader zip_collect`: knows the names that Blackboard, Canvas and Moodle export, and plain folders.

    | platform | file |
    |---|---|
    | Blackboard | `01-tokens_ada_attempt_2026-11-01-10-15-30_01-tokens.ipynb` |
    | Canvas | `ada_12345_67890_01-tokens.ipynb`, with `_LATE` after the name where it was, and `-1` after a second upload |
    | Moodle | `Ada Lovelace_12345_assignsubmission_file_/01-tokens.ipynb` (the student is `Ada Lovelace`) |
    | none | `ada/01-tokens.ipynb` |

    A pattern of one's own (`named_regexp`) is tried first.
    """

    patterns = List(
        Unicode(),
        default_value=[
            r".*_(?P<student_id>[^_/\\]+)_attempt_(?P<timestamp>[0-9-]+)_" + _FILE,
            r".*[/\\](?P<student_id>[^/\\]+?)_\d+_assignsubmission_file_?[/\\]" + _FILE,
            r".*[/\\](?P<student_id>[^_/\\]+)(_LATE)?_\d+_\d+_" + _FILE,
            r".*[/\\](?P<student_id>[^_/\\]+)[/\\]" + _FILE,
        ],
        help="Regular expressions, tried in order, with the groups that `named_regexp` describes",
    ).tag(config=True)

    def collect(self, submitted_file: str) -> dict | None:
        """Called by `nbgrader zip_collect` for each file; None leaves the file out."""
        found = super().collect(submitted_file)
        if found is None:
            return None
        seen = self.__dict__.setdefault("_seen", set())
        key = (found["student_id"], found["file_id"])
        if key in seen and "timestamp" not in found:
            # nbgrader would end the whole collection here, since it cannot tell which one is newer.
            self.log.warning("Not collected, since %s handed in more than one: %s", found["student_id"], submitted_file)
            return None
        seen.add(key)
        return found

    def _match(self, filename: str) -> dict | None:
        for pattern in [self.named_regexp, *self.patterns]:
            found = re.match(pattern, filename) if pattern else None
            if found:
                return _tidy(found.groupdict())
        self.log.warning("Not collected, since its name tells no student: %s", filename)
        return None


def _tidy(found: dict) -> dict:
    stem = os.path.splitext(found["file_id"])[0]
    # Browsers and platforms number a second upload: "01-tokens-1.ipynb", "01-tokens (1).ipynb".
    found["file_id"] = re.sub(r"(-\d{1,2}| ?\(\d+\))$", "", stem)
    digits = re.findall(r"\d+", found.pop("timestamp", None) or "")
    # Without a time in the name there is none: unpacking has lost the file's own.
    return found | ({"timestamp": datetime(*map(int, digits)).isoformat(" ")} if len(digits) == 6 else {})
