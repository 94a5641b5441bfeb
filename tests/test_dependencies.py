"""pyproject.toml is the only list of dependencies; what repeats it must agree with it."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"torch": "pytorch"}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def split(requirement: str) -> tuple[str, str]:
    name, specification = re.fullmatch(r"([A-Za-z0-9_.-]+?)((?:[=<>!~].*)?)", requirement).groups()
    return name, specification


def test_environment_yml_agrees_with_pyproject():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    listed = dict(split(entry) for entry in conda if isinstance(entry, str))
    needed = {CONDA_NAMES.get(name, name): specification for name, specification in map(split, project()["dependencies"])}
    assert listed.pop("pip") == ""
    assert listed.pop("python") == project()["requires-python"]
    assert listed == needed
    assert conda[-1] == {"pip": ["-e ."]}


def test_every_dependency_has_its_reason():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    requirements = [number for number, line in enumerate(lines) if re.match(r'\s+"[a-z-]+[=<>]', line)]
    assert len(requirements) == len(project()["dependencies"]) + sum(map(len, project()["optional-dependencies"].values()))
    for number in requirements:
        above = lines[number - 1].strip()
        assert above.startswith("#") or re.match(r'"[a-z-]+[=<>]', above), f"{lines[number].strip()} has no reason above it"


def test_torch_is_pinned_exactly():
    assert any(requirement.startswith("torch==") for requirement in project()["dependencies"])
