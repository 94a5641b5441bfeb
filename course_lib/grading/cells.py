"""Run notebook cells in IPython, in this process, and keep their outputs as a notebook does."""

import sys
import traceback
from contextlib import contextmanager
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

MOST_TEXT = 20_000  # characters of output that a cell may print
MOST_DATA = 500_000  # characters of one picture or page


class Outputs:
    """The outputs of one cell, in order; what is too long is cut, with a sentence."""

    def __init__(self) -> None:
        self.items: list[dict] = []
        self.cut = False
        self._room = MOST_TEXT

    def stream(self, name: str, text: str) -> None:
        if not self._room:
            self.cut = True
            return
        kept, self._room = text[: self._room], max(0, self._room - len(text))
        self.cut |= len(kept) < len(text)
        if self.items and self.items[-1].get("name") == name:
            self.items[-1]["text"] += kept
        else:
            self.items.append({"output_type": "stream", "name": name, "text": kept})

    def data(self, kind: str, data: dict, metadata: dict, **more: Any) -> None:
        small = {name: value for name, value in data.items() if len(str(value)) <= MOST_DATA}
        self.cut |= len(small) < len(data)
        if small and len(self.items) < 100:
            self.items.append({"output_type": kind, "data": small, "metadata": metadata, **more})

    def error(self, name: str, value: str, lines: list[str]) -> None:
        self.items.append({"output_type": "error", "ename": name, "evalue": value[:MOST_TEXT], "traceback": [line[:MOST_TEXT] for line in lines]})


class _Stream:
    """Stands for sys.stdout or sys.stderr."""

    encoding = "utf-8"

    def __init__(self, outputs: Outputs, name: str):
        self._outputs, self._name = outputs, name

    def write(self, text: str) -> int:
        self._outputs.stream(self._name, str(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        raise OSError("this stream has no file descriptor")


class _Publisher(DisplayPublisher):
    def publish(self, data: dict, metadata: dict | None = None, **more: Any) -> None:
        self.shell.outputs.data("display_data", data, metadata or {})

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.items.clear()


class _Hook(DisplayHook):
    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        self.shell.outputs.data("execute_result", format_dict, md_dict or {}, execution_count=None)

    def finish_displayhook(self) -> None:
        pass


class CellShell(InteractiveShell):
    """IPython without a terminal and without a kernel: what a cell shows goes to `outputs`."""

    def __init__(self, **kwargs: Any):
        self.outputs = Outputs()
        config = Config()
        config.HistoryManager.enabled = False
        config.HistoryManager.hist_file = ":memory:"
        super().__init__(display_pub_class=_Publisher, displayhook_class=_Hook, config=config, **kwargs)
        self.errors: list[BaseException] = []

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window: `%matplotlib` is let pass."""

    def init_magics(self) -> None:
        super().init_magics()
        self.colors = "nocolor"

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.outputs.error(getattr(etype, "__name__", str(etype)), _text_of(evalue), list(stb))


def make_shell() -> CellShell:
    """The one shell of this process."""
    return CellShell.instance()


def run_cell(shell: CellShell, source: str) -> tuple[Outputs, BaseException | None]:
    """Run a cell; return what it showed, and the exception that ended it."""
    with captured(shell) as outputs:
        try:
            result = shell.run_cell(source, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as problem:  # from code that broke the shell itself
            error = problem
    if error is not None and not any(item["output_type"] == "error" for item in outputs.items):
        outputs.error(type(error).__name__, _text_of(error), traceback.format_exception_only(type(error), error))
    return outputs, error


@contextmanager
def captured(shell: CellShell):
    """Collect in new `Outputs` what is printed and shown while the context is open."""
    before = shell.outputs, sys.stdout, sys.stderr
    shell.outputs = outputs = Outputs()
    sys.stdout, sys.stderr = _Stream(outputs, "stdout"), _Stream(outputs, "stderr")
    try:
        yield outputs
    finally:
        shell.outputs, sys.stdout, sys.stderr = before


def _text_of(error: Any) -> str:
    try:
        return str(error)
    except BaseException:
        return ""
