"""What a person does in JupyterLab, step by step, with a picture after each step."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser tests need Playwright: `make test-browser` installs it")
from playwright.sync_api import Error, FrameLocator, Locator, Page, expect  # noqa: E402  (only now is it known to be there)

# A cell that imports torch on a busy machine of two cores; nothing here takes longer.
PATIENCE = 60_000


class Screen:
    """A browser window on JupyterLab. Pictures go to the folder `pictures`, which is emptied first."""

    def __init__(self, page: Page, pictures: Path):
        self.page, self.pictures, self.taken = page, pictures, 0
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        shutil.rmtree(pictures, ignore_errors=True)
        pictures.mkdir(parents=True)

    @contextmanager
    def step(self, words: str):
        """One step of the story: a picture at its end; if it fails, the failure names the step and its picture."""
        try:
            yield
        except (AssertionError, Error) as problem:
            picture = self._take(f"{words}, failed")
            pytest.fail(f"step {words!r}: {problem}\nThe screen then: {picture}")
        self._take(words)

    def open_lab(self, address: str) -> None:
        """Open JupyterLab and wait until it can be used, and until a notebook that the address names has its kernel."""
        with self.step("open JupyterLab"):
            self.page.goto(address)
            self.page.wait_for_function("() => window.jupyterapp !== undefined")
            self.page.evaluate("() => window.jupyterapp.restored")
            expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)
            if ".ipynb" in address:
                self.wait_for_notebook()

    def wait_for_notebook(self) -> None:
        """Wait until the open notebook is drawn and has its kernel."""
        expect(self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) h1").first).to_be_visible()
        self.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.sessionContext?.kernelDisplayStatus === 'idle'")

    def tab(self, name: str) -> None:
        """Choose a tab of the main area."""
        self.page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel").get_by_text(name, exact=True).click()

    def save(self) -> None:
        """Save the open notebook."""
        self.page.keyboard.press("ControlOrMeta+s")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def open_file(self, name: str) -> None:
        """Double-click a file in the file browser."""
        self.page.locator(".jp-DirListing-itemName").get_by_text(name, exact=True).dblclick()

    def menu(self, *names: str) -> None:
        """Choose an entry from the menu bar."""
        self.page.locator(".lm-MenuBar-item", has_text=names[0]).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=names[1]).first.click()

    def dialog(self) -> Locator:
        """The dialog that JupyterLab shows."""
        return self.page.locator(".jp-Dialog")

    def close_dialog(self) -> None:
        """Press its OK."""
        self.dialog().get_by_role("button", name="Ok").click()
        expect(self.dialog()).to_have_count(0)

    def write(self, grade_id: str, code: str) -> None:
        """Click into a cell and type; `code` replaces what stands there."""
        self.page.evaluate(_SHOW_CELL, grade_id)
        cell = self.page.locator(".jp-Cell.jp-mod-active")
        cell.scroll_into_view_if_needed()
        if "jp-MarkdownCell" in cell.get_attribute("class"):
            cell.dblclick()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)
        assert self.page.evaluate(_SOURCE, grade_id) == code

    def run_all(self) -> None:
        """Run all cells and wait for the last."""
        self.menu("Run", "Run All Cells")
        self.page.wait_for_function(_ALL_RAN)

    def show_cell(self, grade_id: str) -> None:
        """Scroll to a cell."""
        self.page.evaluate(_SHOW_CELL, grade_id)

    def errors(self) -> list[str]:
        """What the cells of the open notebook failed with."""
        return self.page.evaluate(_ERRORS)

    def text(self) -> str:
        """The sources of all cells of the open notebook."""
        return self.page.evaluate(f"() => {{ {_CELLS} return cells.map(cell => cell.sharedModel.getSource()).join('\\n'); }}")

    def validate(self) -> Locator:
        """Press Validate; returns the dialog with the outcome."""
        self.page.locator(".validate-button").click()
        expect(self.dialog()).to_contain_text("Validation Results")
        return self.dialog()

    def assignments(self) -> Locator:
        """Open nbgrader's Assignment List."""
        self.menu("Nbgrader", "Assignment List")
        return self.page.locator("#nbgrader-assignment-list")

    def formgrader(self) -> FrameLocator:
        """Open the formgrader."""
        self.menu("Nbgrader", "Formgrader")
        return self.page.frame_locator("iframe[src*='formgrader']")

    def close(self) -> None:
        """Close the window."""
        self.page.context.close()

    def _take(self, words: str) -> Path:
        self.taken += 1
        path = self.pictures / f"{self.taken:02d}-{words.replace(' ', '-').replace(',', '')}.png"
        self.page.screenshot(path=path, animations="disabled")
        return path


_CELLS = "const notebook = window.jupyterapp.shell.currentWidget.content; const cells = [...notebook.model.cells];"
_FIND = f"{_CELLS} const place = cells.findIndex(cell => cell.getMetadata('nbgrader')?.grade_id === name);"
_SHOW_CELL = f"async name => {{ {_FIND} notebook.activeCellIndex = place; await notebook.scrollToItem(place, 'center'); }}"
_SOURCE = f"name => {{ {_FIND} return cells[place].sharedModel.getSource(); }}"
_ALL_RAN = f"() => {{ {_CELLS} return cells.filter(cell => cell.type === 'code').every(cell => cell.executionState === 'idle' && cell.executionCount); }}"
_ERRORS = f"() => {{ {_CELLS} return cells.flatMap(cell => cell.toJSON().outputs ?? []).filter(output => output.output_type === 'error').map(output => output.evalue); }}"
