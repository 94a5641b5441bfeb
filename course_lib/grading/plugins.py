"""What the course plugs into stock nbgrader; `nbgrader_config.py` calls `configure`."""

from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import CheckCellMetadata, ComputeChecksums, Execute, SaveAutoGrades
from traitlets.config import Config

from course_lib.grading.collect import PlatformCollector, PlatformExtractor
from course_lib.grading.feedback import configure_feedback
from course_lib.grading.release import STUB, CheckMarkers, CleanMetadata, ReleaseDraft, SealQuiz
from course_lib.grading.repair import RepairSubmission, ShowReport
from course_lib.grading.submission import JudgeSubmission, ResumingExporter, SaveGradesAtOnce, TrustOutputs


def configure(config: Config) -> None:
    """Set in `config` what every nbgrader command of this course needs."""
    config.ClearSolutions.code_stub = {"python": STUB}
    config.GenerateAssignment.preprocessors = _release_steps()
    config.ZipCollectApp.collector_plugin = PlatformCollector
    config.ZipCollectApp.extractor_plugin = PlatformExtractor
    # Sources hold the key of the quiz and the hidden tests; nothing beside a notebook is released by accident.
    config.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.db"]

    config.Autograde.exporter_class = ResumingExporter
    config.Autograde.sanitize_preprocessors = [RepairSubmission, *_defaults(Autograde, "sanitize_preprocessors")]
    config.Autograde.autograde_preprocessors = _autograde_steps()
    configure_feedback(config)


def _defaults(converter: type, name: str) -> list:
    return list(getattr(converter, name).default_args[0])


def _release_steps() -> list:
    steps = _defaults(GenerateAssignment, "preprocessors")
    first_checksums = steps.index(ComputeChecksums)
    return [CheckMarkers, *steps[:first_checksums], ReleaseDraft, SealQuiz, *steps[first_checksums:], CleanMetadata]


def _autograde_steps() -> list:
    steps = _defaults(Autograde, "autograde_preprocessors")
    after = steps.index(Execute) + 1
    # The metadata were checked before judging, and nothing changes them after.
    rest = [SaveGradesAtOnce if step is SaveAutoGrades else step for step in steps[after:] if step is not CheckCellMetadata]
    return [JudgeSubmission, TrustOutputs, ShowReport, *rest]
