"""What to do where a machine or a process has no more of something; loaded early, since later it may not be."""

import errno

_AGAIN = "and run the command again; nothing was lost"
_MEMORY = f"this process may have no more memory: raise its limit (`ulimit -v`), or end others, {_AGAIN}"
_ADVICE = {
    errno.ENOSPC: f"that disk is full: free some room there, {_AGAIN}",
    errno.EDQUOT: f"your share of that disk is used up: free some of it, {_AGAIN}",
    errno.EROFS: f"that file system is read only: mount it to be written to, or name another place, {_AGAIN}",
    errno.EMFILE: f"this process may open no more files: raise its limit (`ulimit -n`) to 1024, {_AGAIN}",
    errno.ENFILE: f"the machine has no more file handles: end others, or raise fs.file-max, {_AGAIN}",
    errno.ENOMEM: _MEMORY,
}
# A library that finds no room in memory says so in the loader's words.
_NO_ROOM_TO_LOAD = ("failed to map segment", "cannot allocate memory", "Cannot allocate memory")


def advice_on(error: BaseException) -> str | None:
    """A sentence for an error that comes of something that is used up; None for others."""
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, ImportError) and any(words in str(error) for words in _NO_ROOM_TO_LOAD):
        return _MEMORY
    if isinstance(error, OSError) and error.errno in _ADVICE:
        return f"{error}: {_ADVICE[error.errno]}"
    return None
