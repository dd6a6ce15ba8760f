"""Prepares a service's process and then becomes the service: account, death with its parent, own session.

Run as a script with the standard library alone, `launcher.py PARENT_PID SIGNAL [PREPARATION...] -- COMMAND...`, so
that no code of ours runs between fork and exec in a process that has threads. Preparations are `private` (nobody else
reads the files that it makes), `account=UID:GID` (of root alone) and `reads=PATH` (what the account has to read).
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAP_SETPCAP = 8
_CAPABILITY_VERSION_3 = 0x20080522
_CANNOT_PREPARE = 126


def main(arguments: list[str]) -> None:
    """Takes on the account, asks for the signal on the parent's death, and executes the command."""
    split = arguments.index("--")
    (parent_pid, death_signal), command = map(int, arguments[:2]), arguments[split + 1 :]
    prepared = [word.partition("=") for word in arguments[2:split]]
    os.setsid()  # Ctrl-C in the terminal is for the command, which then stops its services in order.
    for name, _, value in prepared:
        if name == "private":
            os.umask(0o077)
        if name == "account":
            uid, gid = map(int, value.split(":"))
            _become(uid, gid, [command[0], *(path for kind, _, path in prepared if kind == "reads")])
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent_pid:
        sys.exit(0)  # The parent died before the request took effect; nobody would ever stop this service.
    _restore_signals()
    os.execv(command[0], command)  # noqa: S606 - becoming the service is this script's purpose.


def _restore_signals() -> None:
    """Gives the service the default signal handling that Python changed for itself."""
    for number in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _become(uid: int, gid: int, needed_paths: list[str]) -> None:
    """Drops root for an account: PostgreSQL refuses to run as root, and no service has to.

    Where the project lies below a folder that only root may enter (such as /root), or is readable for root alone (by
    a umask of 077), the account keeps one capability, to pass through and read, instead of our loosening the modes of
    folders that are not ours.
    """
    _prctl(_PR_SET_KEEPCAPS, 1)
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        _give_up(f"root may not become the account {uid} here ({error.strerror}): run as another user")
    if _unreachable(needed_paths) is None:
        return
    _keep_dac_override()
    unreachable = _unreachable(needed_paths)
    if unreachable is not None:
        _give_up(
            f"the account {uid} cannot reach {unreachable}: run as another user, or from a folder and with a "
            "--data-dir that others may enter"
        )


def _give_up(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.exit(_CANNOT_PREPARE)


def _unreachable(paths: list[str]) -> str | None:
    """The first that the account cannot use: the folder it starts in, the program, or a file that it has to read."""
    wanted = [(os.getcwd(), os.X_OK), (paths[0], os.X_OK | os.R_OK), *((path, os.R_OK) for path in paths[1:])]
    return next((path for path, how in wanted if not _reachable(path, how)), None)


def _reachable(path: str, wanted: int) -> bool:
    """Whether a path can be used, for the real account too: access(2) asks about that one."""
    try:
        os.stat(path)
    except PermissionError:
        return False
    return os.access(path, wanted, effective_ids=True) and os.access(path, wanted)


def _keep_dac_override() -> None:
    """Makes CAP_DAC_OVERRIDE the only capability, and one that survives exec.

    PostgreSQL's programs look for each other with access(2), for which Linux sets an account's capabilities aside
    unless a secure bit says that accounts and capabilities have nothing to do with each other: capabilities(7),
    SECBIT_NO_SETUID_FIXUP. Nothing happens where the caller has not got what this takes.
    """
    if _set_capabilities(_CAP_DAC_OVERRIDE, _CAP_SETPCAP):
        _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    if _set_capabilities(_CAP_DAC_OVERRIDE):
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _set_capabilities(*numbers: int) -> bool:
    """Makes these, all below 32, the process's only capabilities; False where it may not have them."""
    mask = sum(1 << number for number in numbers)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable; low words first
    return bool(ctypes.CDLL(None, use_errno=True).capset(header, sets) == 0)


def _prctl(option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    ctypes.CDLL(None, use_errno=True).prctl(option, *words)


if __name__ == "__main__":
    main(sys.argv[1:])
