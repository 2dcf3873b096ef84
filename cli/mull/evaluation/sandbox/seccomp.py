"""A filter of system calls (seccomp) for the child that runs a model's code: no processes, no network, no changes of
files, no signals to others.

In: nothing. Out: the filter is on, for good. Raises OSError where there is none, or on a processor whose numbers of
system calls are not listed here.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from mull.evaluation.sandbox.namespaces import check, libc

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # <linux/prctl.h>, <linux/seccomp.h>
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000 | errno.EPERM
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # <linux/bpf_common.h>
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x4000_0000  # bit of a second table of x86-64
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# From arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h, by what they do.
_SAME = (
    *(424, 434),  # pidfd_send_signal, pidfd_open
    *(425, 426, 427),  # io_uring
    *(428, 429, 430, 431, 432, 433, 442),  # the new calls of mount
    *(435, 437, 452, 463, 466),  # clone3, openat2, fchmodat2, setxattrat, removexattrat
)
_X86_64 = (
    *(56, 57, 58, 59, 322),  # clone, fork, vfork, execve, execveat
    *(62, 200, 234, 129, 297, 101, 310, 311),  # kill … rt_tgsigqueueinfo, ptrace, process_vm_*
    *(41, 53, 42, 49),  # socket, socketpair, connect, bind
    *(112, 109, 157, 272, 308),  # setsid, setpgid, prctl, unshare, setns
    *(
        165,
        166,
        155,
        161,
        321,
        298,
        250,
        248,
        249,
        323,
    ),  # mount … chroot, bpf, perf_event_open, keys, userfaultfd
    *(87, 263, 82, 264, 316, 76, 77, 83, 258, 84, 86, 265, 88, 266, 285),  # unlink … symlinkat, fallocate
    *(90, 91, 268, 92, 93, 94, 260, 133, 259, 132, 235, 280, 261, 85),  # chmod … creat
    *(188, 189, 190, 197, 198, 199),  # extended attributes
    *(319, 29, 68, 64, 240),  # memfd_create, shmget, msgget, semget, mq_open
    *(135, 160, 302, 141, 203, 251),  # personality, limits, priorities
)
_AARCH64 = (
    *(220, 221, 281),
    *(129, 130, 131, 138, 240, 117, 270, 271),
    *(198, 199, 203, 200),
    *(157, 154, 167, 97, 268),
    *(40, 39, 41, 51, 280, 241, 219, 217, 218, 282),
    *(35, 38, 276, 45, 46, 34, 37, 36, 47),
    *(52, 53, 55, 54, 33, 88),
    *(5, 6, 7, 14, 15, 16),
    *(279, 194, 186, 190, 180),
    *(92, 164, 261, 140, 122, 30),
)
_OPEN = {"x86_64": {2: 1, 257: 2}, "aarch64": {56: 2}}  # open and openat: the place of their flags
_REFUSED = {"x86_64": (*_X86_64, *_SAME), "aarch64": (*_AARCH64, *_SAME)}
_AUDIT = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}  # <linux/audit.h>


def restrict() -> None:
    """Switch the filter on for this process and all that it could start."""
    machine = platform.machine()
    if machine not in _REFUSED:
        raise OSError(errno.ENOSYS, f"no filter for {machine}")
    program = b"".join(_program(machine))
    size = len(program) // 8
    code = ctypes.create_string_buffer(program, len(program))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    whole = Filter(size, ctypes.addressof(code))
    number = ctypes.c_ulong
    check(libc().prctl(_NO_NEW_PRIVILEGES, number(1), number(0), number(0), number(0)), "no_new_privs")
    check(libc().prctl(_SECCOMP, number(_FILTER), ctypes.byref(whole), number(0), number(0)), "seccomp")


def _program(machine: str) -> list[bytes]:
    """The filter for the kernel's machine of BPF: what is not refused is allowed."""
    lines = [
        _one(_LOAD, _ARCHITECTURE),
        _one(_EQUAL, _AUDIT[machine], 1, 0),
        _one(_RETURN, _REFUSE),
        _one(_LOAD, _NUMBER),
        _one(_AT_LEAST, _X32, 0, 1),
        _one(_RETURN, _REFUSE),
    ]
    for number, place in _OPEN[machine].items():
        lines += [
            _one(_EQUAL, number, 0, 4),
            _one(_LOAD, _ARGUMENTS + 8 * place),
            _one(_ANY_BIT, _WRITES, 0, 1),
            _one(_RETURN, _REFUSE),
            _one(_RETURN, _ALLOW),
        ]
    for number in _REFUSED[machine]:
        lines += [_one(_EQUAL, number, 0, 1), _one(_RETURN, _REFUSE)]
    return [*lines, _one(_RETURN, _ALLOW)]


def _one(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)
