"""How much of the machine a submission may use, and the sentence for each limit that it reaches."""

import errno
import signal
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Limits:
    """For one submission; a limit holds for its process and, where the system can, for all that it starts."""

    cell_seconds: float = 60.0
    notebook_seconds: float = 300.0
    processor_seconds: int = 300
    memory_bytes: int = 3 * 2**30  # beyond what the libraries take
    processes: int = 64  # threads included
    open_files: int = 256
    file_bytes: int = 200 * 2**20
    scratch_bytes: int = 512 * 2**20

    def as_plain(self) -> dict:
        return asdict(self)


def exceeded(end: dict, limits: Limits) -> str | None:
    """Which limit an exception ({"kinds", "words", "errno"}) or a process's end ({"signal", "processor"}) tells of, in words."""
    kinds, words = end.get("kinds") or [], str(end.get("words", ""))
    if "MemoryError" in kinds or "can't allocate memory" in words or "not enough memory" in words or "Unable to allocate" in words:
        return f"used more than {limits.memory_bytes / 2**30:g} GB of memory"
    if "can't start new thread" in words or end.get("errno") == errno.EAGAIN:
        return f"started more than {limits.processes} processes and threads"
    sentences = {
        errno.EMFILE: f"opened more than {limits.open_files} files",
        errno.EFBIG: f"wrote a file of more than {limits.file_bytes // 2**20} MB",
        errno.ENOSPC: f"wrote more than {limits.scratch_bytes // 2**20} MB of files",
        errno.ENOMEM: f"used more than {limits.memory_bytes / 2**30:g} GB of memory",
    }
    if end.get("errno") in sentences:
        return sentences[end["errno"]]
    if "Interrupted" in kinds and "processor" in words or end.get("signal") == signal.SIGXCPU or end.get("processor", 0) >= limits.processor_seconds - 1:
        return f"used more than {limits.processor_seconds} seconds of processor time"
    if end.get("signal") in (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV):
        return f"ended by signal {signal.Signals(end['signal']).name}, as it does when the memory is used up" if end["signal"] == signal.SIGKILL else None
    return None
