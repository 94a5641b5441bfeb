"""Set up what the course needs in `.venv`, then run one command in it: `python course_lib/bootstrap.py lab`.

`make` calls this file; on Windows it can be called directly. It uses nothing but the standard library, and runs far
enough on an old Python to say that it is too old.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NEEDED_PYTHON = (3, 11)
NEEDED_GIGABYTES = 5
EXTRAS = {"test": "test", "test-fast": "test", "test-browser": "test,browser", "bench": "test", "edit": "test", "notebook": "test"}

# What to say for words in pip's log; the first that occurs counts.
REMEDIES = (
    (("No space left", "Errno 28"), "The disk is full: free %d GB and run the same command again." % NEEDED_GIGABYTES),
    (
        ("No matching distribution found for torch",),
        "There is no PyTorch for this computer and Python: use 64-bit Python 3.11, 3.12 or 3.13 on Linux, Windows or an Apple-silicon Mac.",
    ),
    (
        ("NameResolutionError", "Temporary failure in name resolution", "NewConnectionError", "Max retries", "ReadTimeout",
         "Network is unreachable", "(from versions: none)"),
        "The package index cannot be reached: connect to the network (set-up is the only step that needs it) and run the same command again.",
    ),
)


class SetupFailed(Exception):
    """One sentence that says what to do."""


def main(arguments):
    """Set up, then run the command `arguments[0]` with the rest; returns its exit status."""
    command, rest = (arguments or ["setup"])[0], arguments[1:]
    try:
        check_computer()
        python = set_up(EXTRAS.get(command))
    except SetupFailed as problem:
        print("\nSet-up stopped. %s" % problem, file=sys.stderr)
        return 1
    environment = dict(os.environ, PATH=os.path.dirname(python) + os.pathsep + os.environ.get("PATH", ""))
    if command == "setup":
        return 0
    try:
        return subprocess.call([python, "-m", "course_lib.grading.cli", command] + rest, cwd=ROOT, env=environment)
    except KeyboardInterrupt:
        return 130


def check_computer():
    """Raise SetupFailed for a Python that is too old or a disk that is too full."""
    if sys.version_info < NEEDED_PYTHON:
        raise SetupFailed(
            "This is Python %d.%d, and the course needs 3.11 or newer: install it from python.org, then run the same command again."
            % sys.version_info[:2]
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if not os.path.isdir(environment_folder()) and free < NEEDED_GIGABYTES:
        raise SetupFailed("The disk has %.1f GB left, and the set-up needs %d: free some space and run the same command again." % (free, NEEDED_GIGABYTES))


def environment_folder():
    """Where the virtual environment is: `.venv` beside the Makefile, or COURSE_VENV."""
    return os.environ.get("COURSE_VENV", os.path.join(ROOT, ".venv"))


def set_up(extra):
    """Make the environment what pyproject.toml asks for, and return its Python; quick where it is so already."""
    folder = environment_folder()
    python = os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    if not works(python):
        say(1, "creating the environment in %s" % os.path.relpath(folder, ROOT))
        create_environment(folder)
    stamp = os.path.join(folder, "course-%s.txt" % (extra or "base"))
    wanted = fingerprint()
    if read(stamp) != wanted:
        say(2, "installing the course and its packages (a few minutes, once)")
        install(python, extra)
        say(3, "registering the kernel")
        silence_jupyterlab()
        run([python, "-m", "ipykernel", "install", "--sys-prefix", "--name", "python3", "--display-name", "Python 3 (ipykernel)"])
        # Last, so that a set-up that was interrupted is taken up again by the next call.
        with open(stamp, "w") as file:
            file.write(wanted)
    if not os.path.isdir(os.path.join(ROOT, "lessons")) and os.path.isdir(os.path.join(ROOT, "solutions")):
        say(4, "generating lessons/ from solutions/")
        run([python, "-m", "course_lib.grading.cli", "lessons"])
    return python


def silence_jupyterlab():
    """JupyterLab asks for news and updates on the network at its start; a course that runs offline does not."""
    folder = os.path.join(environment_folder(), "share", "jupyter", "lab", "settings")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "overrides.json"), "w") as file:
        json.dump({"@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"}}, file)


def works(python):
    """Whether there is an environment whose Python starts and is new enough."""
    if not os.path.exists(python):
        return False
    code = "import sys, pip; sys.exit(sys.version_info < %r)" % (NEEDED_PYTHON,)
    return subprocess.call([python, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def create_environment(folder):
    """Create the virtual environment anew."""
    result = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if result.returncode == 0:
        return
    if "ensurepip" in result.stdout:
        raise SetupFailed("This Python cannot create environments: install the package python3-venv, then run the same command again.")
    raise SetupFailed(remedy(result.stdout))


def install(python, extra):
    """Install course_lib with its dependencies; the log stays in the environment."""
    log_name = os.path.join(environment_folder(), "install.log")
    target = ".[%s]" % extra if extra else "."
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-e", target]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Collecting ") and sys.stdout.isatty():
            print("\r      %-60s" % line.strip()[:60], end="", flush=True)
        if line.startswith("Installing collected"):
            print("\r      unpacking %d packages%-40s" % (line.count(",") + 1, ""), flush=True)
    with open(log_name, "w") as log:
        log.writelines(lines)
    if process.wait() != 0:
        raise SetupFailed("%s (The whole log: %s)" % (remedy("".join(lines)), log_name))


def remedy(log):
    """What to do about a log of pip or venv, in one sentence."""
    for words, sentence in REMEDIES:
        if any(word in log for word in words):
            return sentence
    errors = [line.strip() for line in log.splitlines() if "error" in line.lower()]
    return "The last error was: %s" % (errors[-1] if errors else "unknown")


def run(command):
    """Run one step of the set-up; its output is shown only if it fails."""
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if result.returncode != 0:
        raise SetupFailed(remedy(result.stdout))


def fingerprint():
    """Changes when the dependencies or the folder of the course do."""
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        return hashlib.sha256(file.read() + ROOT.encode()).hexdigest()


def read(name):
    """The text of a file, or None where there is none."""
    try:
        with open(name) as file:
            return file.read()
    except OSError:
        return None


def say(step, words):
    """One line of progress."""
    print("[%d/4] %s …" % (step, words), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
