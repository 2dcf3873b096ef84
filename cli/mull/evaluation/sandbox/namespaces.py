"""Linux namespaces for the child that runs a model's code: its own users, processes, network, and a file system that
has Python's standard library and nothing else.

In: an empty folder. Out: this process, or its child, inside. Raises OSError where the system does not allow it. Uses
ctypes alone, as the child imports no package of others.
"""

from __future__ import annotations

import ctypes
import os
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

# <sched.h>, <sys/mount.h>, <sys/prctl.h>
_NEW_NS, _NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_PID, _NEW_NET = (
    0x0002_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
)  # fmt: skip
_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_DETACH = 2
_PDEATHSIG, _SIGKILL = 1, 9
_ROOM = "size=64k,nr_inodes=4k,mode=755"  # of the file system that holds the mount points
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")  # what Python's own modules are linked with


def libc() -> ctypes.CDLL:
    """The C library, with `errno` of its calls."""
    return ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raises OSError for a system call that failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def isolate(folder: str) -> int:
    """Move into new namespaces, with `folder` as the root. Raises OSError; then nothing may be run.

    Returns 0 in the child that is inside, and its process id in the parent, which is not.
    """
    uid, gid = os.getuid(), os.getgid()
    check(
        libc().unshare(_NEW_USER | _NEW_NS | _NEW_NET | _NEW_PID | _NEW_IPC | _NEW_UTS),
        "unshare",
    )
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"1000 {uid} 1")
    _write("/proc/self/gid_map", f"1000 {gid} 1")
    _change_root(folder)
    child = os.fork()  # the first process of its own namespace: with it, all others end
    die_with_parent()
    return child


def die_with_parent() -> None:
    """This process is killed when its parent has gone; new namespaces may have reset that."""
    libc().prctl(_PDEATHSIG, ctypes.c_ulong(_SIGKILL), 0, 0, 0)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _change_root(folder: str) -> None:
    """Make `folder` the root: an empty file system, with folders of Python below it, read only."""
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", folder, "tmpfs", _NOSUID | _NODEV, _ROOM)
    for place in _places():
        inside = folder + place
        Path(inside).mkdir(parents=True, exist_ok=True)
        _mount(place, inside, None, _BIND | _REC)
        with suppress(OSError):  # flags of the outer mount that may not be changed
            _mount(None, inside, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(folder)
    check(libc().pivot_root(b".", b"."), "pivot_root")
    check(libc().umount2(b".", _DETACH), "umount")
    os.chdir("/")
    with suppress(OSError):
        _mount(None, "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _places() -> list[str]:
    """The folders of the standard library and of shared libraries, outer ones first, without those inside others."""
    paths = sysconfig.get_paths()
    own = [paths["stdlib"], paths["platstdlib"]]
    base = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own.append(os.path.join(sys.base_prefix, "lib", base))  # noqa: PTH118 - no pathlib is needed for strings
    found: list[str] = []
    for place in sorted({os.path.realpath(one) for one in (*own, *_LIBRARIES) if os.path.isdir(one)}):  # noqa: PTH112
        if not any(place == one or place.startswith(f"{one}/") for one in found):
            found.append(place)
    for link in _LIBRARIES:  # /lib may be a link to /usr/lib: it is looked up by that name
        if os.path.isdir(link) and link not in found:  # noqa: PTH112
            found.append(link)
    return found


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options or None)]
    check(
        libc().mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]),
        f"mount {target}",
    )


def drop_privileges() -> None:
    """Give up every capability of the user namespace. Raises OSError."""
    # <linux/capability.h>: version 3; two sets of effective, permitted and inheritable bits.
    header = (ctypes.c_uint32 * 2)(0x2008_0522, 0)
    check(libc().capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())), "capset")
