"""The system calls that the sandbox does without: a filter for the kernel (seccomp), as bytes for bubblewrap.

A network name space shuts out ports, but a socket file that lies in the repository would still be a door. So no socket is
made at all, by no way; nor is anything used that looks into other processes or feeds programs to the kernel. All else is
allowed: the name spaces and the read-only file system bound it. Source: linux/seccomp.h, linux/filter.h, and the tables
of system calls of both processors.
"""

from __future__ import annotations

import struct

_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_DENIED = {
    "x86_64": {
        "socket": 41,
        "ptrace": 101,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "perf_event_open": 298,
        "open_by_handle_at": 304,
        "process_vm_readv": 310,
        "bpf": 321,
        "userfaultfd": 323,
        "io_uring_setup": 425,
    },
    "aarch64": {
        "ptrace": 117,
        "socket": 198,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "perf_event_open": 241,
        "open_by_handle_at": 265,
        "process_vm_readv": 270,
        "bpf": 280,
        "userfaultfd": 282,
        "io_uring_setup": 425,
    },
}
_LOAD, _EQUAL, _LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCH_AT = 0, 4
"""Where `struct seccomp_data` holds the call's number and the processor it is for."""
_OTHER_NUMBERS = 0x40000000
"""From here on are the calls of x32, which would go round the list."""
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000


def filter_of(machine: str) -> bytes:
    """The filter for a processor, as `platform.machine` names it; empty where its numbers are not known."""
    if machine not in _ARCH:
        return b""
    denied = list(_DENIED[machine].values())
    last = len(denied)
    program = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, _ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_LEAST, last + 1, 0, _OTHER_NUMBERS),
        *((_EQUAL, last - at, 0, number) for at, number in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *one) for one in program)
