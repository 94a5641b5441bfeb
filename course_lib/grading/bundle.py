"""`course bundle`: the zip that a class receives, without anything that a student must not see."""

import subprocess
import zipfile
from pathlib import Path

#: What goes into the bundle: paths in the repository, folders with all that git tracks below them.
CONTENTS = (
    "README.md", "LICENSE", "LICENSE-text", "Makefile", "environment.yml", "pyproject.toml", "course_lib", "lessons",
)
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold; the same bytes every time


def write_bundle(root: Path, target: Path) -> list[str]:
    """Write the bundle of the repository `root` to the file `target`; return the names in it.

    Only files that git tracks go in, so that no submission, gradebook or scratch file travels by accident. Raises
    ValueError if git cannot list them.
    """
    listing = subprocess.run(["git", "ls-files", "-z", "--", *CONTENTS], cwd=root, capture_output=True, text=True)
    names = sorted(name for name in listing.stdout.split("\0") if name)
    if listing.returncode != 0 or not names:
        raise ValueError(f"the files of the bundle cannot be listed: {listing.stderr.strip() or 'git tracks none of them'}")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in names:
            entry = zipfile.ZipInfo(f"course/{name}", _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, (root / name).read_bytes())
    partial.replace(target)
    return names
