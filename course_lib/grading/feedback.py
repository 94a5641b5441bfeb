"""What a student gets back: points, the sentences of the checks and their own output, but no hidden test."""

import textwrap

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor


class HideTests(NbGraderPreprocessor):
    """Take hidden tests out of the feedback, and the tracebacks that quote them; the sentence of the failure stays."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        clear = ClearHiddenTests(parent=self)
        for number, cell in enumerate(nb.cells):
            before = cell.source
            clear.preprocess_cell(cell, resources, number)
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    _shorten(output, hide=cell.source != before)
        return nb, resources


def _shorten(output: NotebookNode, hide: bool) -> None:
    lines = [f"{output.ename}: {output.evalue}"] if hide else output.traceback
    # nbgrader's page does not wrap an output: the end of a long sentence would stand outside its box.
    output.traceback = [textwrap.fill(lines[0], 110)] if len(lines) == 1 else lines
