"""What keeps a submission's process from the rest of the machine.

Two layers. The server from which submissions are forked runs in bubblewrap where there is one: no network, and of the
files only the installed libraries and the course's data. Each submission's process then enters namespaces of its own, so
that it sees neither the server nor another submission, gives up all rights, and takes limits on itself. Landlock, where
the kernel has it, restricts the files once more; it stands in for bubblewrap where there is none.

Sources: man pages bwrap(1), unshare(2), capabilities(7), landlock(7), setrlimit(2).
"""

import ctypes
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from course_lib.grading.limits import Limits

NOBODY = 65534
SCRATCH = "/tmp"

_NEWNS, _NEWUSER, _NEWPID, _NEWNET, _NEWIPC, _NEWUTS = 0x20000, 0x10000000, 0x20000000, 0x40000000, 0x08000000, 0x04000000
_MS_REC_PRIVATE, _MS_BIND_REC, _MS_SAFE = 0x4000 | 0x40000, 0x1000 | 0x4000, 0x2 | 0x4  # no set-user-id programs, no devices
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 1, 4, 38, 24
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _CAPSET = 444, 445, 446, {"x86_64": 126, "aarch64": 91}
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, read a folder
_FILE_ONLY = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14  # execute, write, read, truncate
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/fonts", "/etc/localtime", "/etc/alternatives")


@dataclass(frozen=True)
class Protection:
    """Which means this machine has, each None or a sentence that says why not."""

    bubblewrap: str | None
    namespaces: str | None
    landlock: str | None
    limits: str | None

    def missing(self) -> list[str]:
        """What a submission could do here that it should not."""
        found = []
        if self.bubblewrap and self.landlock:
            found.append(f"read and change the instructor's files ({self.bubblewrap}; {self.landlock})")
        if self.namespaces:
            found.append(f"use the network, and see and end other processes ({self.namespaces})")
        if self.limits:
            found.append(f"use all of the machine ({self.limits})")
        return found


class Unprotected(RuntimeError):
    """Grading would run the students' code without the protection that it should have."""


@cache
def protection() -> Protection:
    """Try what this machine can do."""
    if not sys.platform.startswith("linux"):
        no = f"{sys.platform} has no such means that the course knows; grade on Linux, in a virtual machine or a container"
        return Protection(no, no, no, None if os.name == "posix" else no)
    namespaces = None if _works_in_child(enter_namespaces) else "this system allows no unprivileged user namespaces"
    bubblewrap = _why_no_bubblewrap()
    landlock = None if _landlock_version() >= 1 else "the kernel has no landlock"
    return Protection(bubblewrap, namespaces, landlock, None)


def require(allowed_unprotected: bool) -> None:
    """Raise Unprotected, with what is missing, unless grading was told to go on."""
    missing = protection().missing()
    if missing and not allowed_unprotected:
        raise Unprotected(
            "a submission could " + ", and ".join(missing) + ". Install bubblewrap (Debian: apt-get install bubblewrap) or use a machine "
            "whose system allows namespaces (`course doctor` says more). To grade nevertheless: --unprotected."
        )


def wrapped(command: list[str], read_only: Iterable[Path], environment: dict[str, str]) -> list[str]:
    """The command that runs `command` in bubblewrap, seeing `read_only` and the system's libraries; or itself without one."""
    if protection().bubblewrap:
        return command
    options = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    if os.geteuid() == 0:
        options += ["--cap-add", "ALL"]  # to change each submission's user; that process gives up the rest
    else:
        options += ["--unshare-user"]
    for name in _SYSTEM:
        options += ["--symlink", os.readlink(name), name] if os.path.islink(name) else ["--ro-bind-try", name, name]
    options += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", SCRATCH]
    folders = list(read_only)
    # Made for all to read: else the way to the libraries would be closed to the user that a submission runs as.
    for path in dict.fromkeys(parent for folder in folders for parent in reversed(folder.parents)):
        options += ["--perms", "0755", "--dir", str(path)]
    for path in folders:
        options += ["--ro-bind-try", str(path), str(path)]
    options += ["--chdir", SCRATCH, "--clearenv"]
    for name, value in environment.items():
        options += ["--setenv", name, value]
    return [shutil.which("bwrap"), *options, "--", *command]


def enter_namespaces() -> None:
    """Leave the network, the other processes and the other users; the next fork's child is the first process inside.

    Raises OSError where the system forbids it.
    """
    libc = _libc()
    # Not as root: no limit on the number of processes holds for it.
    if os.geteuid() == 0 and _others_may_read(sys.prefix) and _others_may_read(str(Path(__file__).parent)):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    user, group = os.geteuid(), os.getegid()
    _call(libc.unshare, _NEWUSER | _NEWPID | _NEWNS | _NEWNET | _NEWIPC | _NEWUTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def confine(limits: Limits, read_only: Iterable[Path], namespaces: bool) -> None:
    """In the first process of new namespaces: an empty scratch folder, no rights, limits; cannot be undone."""
    size = _address_space()
    if not sys.platform.startswith("linux"):  # told to grade unprotected: limits are all that there is
        return _take_limits(limits, size)
    libc = _libc()
    if namespaces:
        _call(libc.mount, b"none", b"/", None, _MS_REC_PRIVATE, None)
        options = f"size={limits.scratch_bytes},nr_inodes=10000,mode=0777".encode()
        # The course may lie below the scratch folder: what is covered of it is shown again.
        covered = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in read_only if path.is_relative_to(SCRATCH) and path.exists()]
        # The folder for shared memory too, or one submission could leave something there for the next.
        for place in (SCRATCH, "/dev/shm"):
            _call(libc.mount, b"tmpfs", place.encode(), b"tmpfs", _MS_SAFE, options)
        for path, place in covered:
            _show_again(libc, path, place)
        # The server's /proc shows the server. A fresh one may be refused (bubblewrap's is covered in parts): then none.
        if libc.mount(b"proc", b"/proc", b"proc", _MS_SAFE, None) != 0:
            _call(libc.mount, b"tmpfs", b"/proc", b"tmpfs", _MS_SAFE, b"size=0,mode=0555")
        os.chdir(SCRATCH)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if namespaces:
        _drop_rights(libc)
    _restrict_files([*read_only, *map(Path, _SYSTEM)])
    _take_limits(limits, size)


def _show_again(libc: ctypes.CDLL, path: Path, place: int) -> None:
    """Mount what `place` was opened on at `path`, which another mount has covered since."""
    if os.path.isdir(f"/proc/self/fd/{place}"):
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _call(libc.mount, f"/proc/self/fd/{place}".encode(), str(path).encode(), None, _MS_BIND_REC, None)
    os.close(place)


def take_judge_limits(limits: Limits) -> None:
    """In a judge: no core files, and not all of the machine's memory and time, whatever a submission sends."""
    import resource

    seconds = int(limits.notebook_seconds) + 30
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + 6 * 2**30,) * 2)


def _take_limits(limits: Limits, size: int) -> None:
    import resource

    values = {
        "RLIMIT_CORE": 0, "RLIMIT_AS": size + limits.memory_bytes, "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_FSIZE": limits.file_bytes, "RLIMIT_NPROC": limits.processes,
    }
    for name, value in values.items():
        if hasattr(resource, name):
            resource.setrlimit(getattr(resource, name), (value, value))
    # First a signal that the program can report, five seconds later the end.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.processor_seconds, limits.processor_seconds + 5))


def _drop_rights(libc: ctypes.CDLL) -> None:
    for right in range(64):
        libc.prctl(_PR_CAPBSET_DROP, right, 0, 0, 0)
    number = _CAPSET.get(os.uname().machine)
    header, data = struct.pack("Ii", 0x20080522, 0), bytes(24)
    if number is not None:
        _call(libc.syscall, number, header, data)


def _restrict_files(read_only: list[Path]) -> None:
    """By landlock: reading what is installed, writing in the scratch folder, no TCP, no signals to others."""
    version = _landlock_version()
    if version < 1:
        return
    libc = _libc()
    rights = (1 << 13) - 1 | (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    ruleset = struct.pack("QQQ", rights, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _call(libc.syscall, _CREATE_RULESET, ruleset, size, 0)
    writable = [Path(SCRATCH), Path("/dev/shm"), Path("/dev/null"), Path("/dev/zero"), Path("/dev/urandom"), Path("/dev/random"), Path("/proc")]
    for path in [*read_only, *writable]:
        allowed = rights if path in writable else _READ
        _allow(libc, rules, path, allowed & rights)
    _call(libc.syscall, _RESTRICT_SELF, rules, 0)
    os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        if not path.is_dir():
            rights &= _FILE_ONLY
        _call(libc.syscall, _ADD_RULE, rules, 1, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


@cache
def _landlock_version() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    return _libc().syscall(_CREATE_RULESET, None, 0, 1)


def _why_no_bubblewrap() -> str | None:
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap is not installed"
    command = [program, "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start: {error}"
    return None if ran.returncode == 0 else f"bubblewrap does not work here: {ran.stderr.strip()[:120]}"


def _works_in_child(work) -> bool:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _others_may_read(path: str) -> bool:
    """Whether a user who owns nothing reaches `path`."""
    places = [Path(path).resolve(), *Path(path).resolve().parents]
    return all(place.stat().st_mode & 0o005 == 0o005 for place in places)


def _address_space() -> int:
    """Bytes of address space that this process has now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 8 * 2**30


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments) -> int:
    result = function(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{getattr(function, '__name__', 'system call')}: {os.strerror(number)}")
    return result
