"""Read by every nbgrader command that is started in this folder."""

import os
import sys

from course_lib.grading.plugins import configure

# nbgrader starts the program `alembic` by name; without it the first command leaves a gradebook that is half made.
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")

c = get_config()  # noqa: F821  (nbgrader defines it)

c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "lessons"
configure(c)
