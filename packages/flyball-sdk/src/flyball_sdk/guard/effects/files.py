"""Programs that delete, overwrite, or open up files and disks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.make import Reader, effect, on_place
from flyball_sdk.guard.effects.options import options
from flyball_sdk.guard.effects.paths import Place, place
from flyball_sdk.guard.effects.system import writes
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

_DISKS = ("/dev/sd", "/dev/hd", "/dev/nvme", "/dev/vd", "/dev/xvd", "/dev/disk", "/dev/mmcblk", "/dev/mapper/", "/dev/md",
          "/dev/rdisk", "/dev/dm-", "/dev/loop", "/dev/mem", "/dev/kmem", "/dev/ada", "/dev/da")  # fmt: skip


def is_disk(path: str) -> bool:
    """Whether this is a block device or the memory of the machine."""
    return path.startswith(_DISKS)


def _at(path: str, command: Command, scene: Scene) -> Place:
    return place(path, command.cwd, scene.call.context.cwd)


def rm(command: Command, scene: Scene) -> Iterator[Effect]:
    """`rm`, `rmdir`, `unlink`: POSIX.1-2024 and coreutils."""
    given = options(command.words)
    recursive = given.has("-r", "-R", "--recursive") or any(f.startswith("--recurs") for f in given.flags)
    force = given.has("-f", "--force")
    for path in given.words:
        if is_disk(path):
            yield effect("disk.write", path, command)
        yield on_place("file.delete", _at(path, command, scene), command, recursive=recursive, force=force)
    if not given.words and command.name == "rm" and recursive:
        yield effect("file.delete", "", command, scope="unknown", recursive=True, force=force)


def shred(command: Command, scene: Scene) -> Iterator[Effect]:
    """`shred`, `srm`, `wipe`: what they overwrite cannot be brought back."""
    for path in options(command.words, ("-n", "-s", "--iterations", "--size")).words:
        if is_disk(path):
            yield effect("disk.write", path, command)
        else:
            yield on_place("file.delete", _at(path, command, scene), command, recursive=False, shredded=True)


def find(command: Command, scene: Scene) -> Iterator[Effect]:
    """`find ... -delete`: all below the roots, or what the tests let through."""
    if "-delete" not in command.words:
        return
    roots: list[str] = []
    for word in command.words:
        if word[:1] in ("-", "(", "!") and word not in ("-H", "-L", "-P"):
            break
        if word[:1] != "-":
            roots.append(word)
    tests = ("-name", "-iname", "-path", "-regex", "-mtime", "-mmin", "-empty", "-size", "-newer", "-ctime", "-atime",
             "-inum", "-user", "-wholename", "-iregex", "-amin", "-cmin", "-perm", "-samefile", "-links")  # fmt: skip
    filtered = not set(tests).isdisjoint(command.words)
    for root in roots or ["."]:
        yield on_place("file.delete", _at(root, command, scene), command, recursive=True, filtered=filtered)


def truncate(command: Command, scene: Scene) -> Iterator[Effect]:
    """`truncate`: files cut to a size."""
    for path in options(command.words, ("-s", "--size", "-r", "--reference")).words:
        yield on_place("file.overwrite", _at(path, command, scene), command, emptied=True)


def tee(command: Command, scene: Scene) -> Iterator[Effect]:
    """`tee FILE`: overwrites unless it appends."""
    given = options(command.words)
    for path in given.words:
        yield from written(path, command, scene, append=given.has("-a", "--append"))


def dd(command: Command, scene: Scene) -> Iterator[Effect]:
    """`dd of=FILE`."""
    for word in command.words:
        if word.startswith("of="):
            path = word[3:]
            if is_disk(path):
                yield effect("disk.write", path, command)
            else:
                yield from written(path, command, scene)
        elif word.startswith("if=") and is_disk(word[3:]):
            yield effect("file.read", word[3:], command, scope="system", raw=True)


def disk(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that make file systems, partition tables or wipe them."""
    given = options(command.words)
    if given.has("-l", "--list", "-n", "--no-act", "-V", "--version", "--help", "-h", "--print", "-p"):
        return
    if command.name in (
        "parted",
        "diskutil",
        "zfs",
        "zpool",
        "cryptsetup",
        "mdadm",
        "lvremove",
        "hdparm",
        "nvme",
        "blkdiscard",
    ):
        deep = {"rm", "mklabel", "mkpart", "eraseDisk", "eraseVolume", "secureErase", "zeroDisk", "partitionDisk", "destroy",
                "luksFormat", "luksErase", "erase", "format", "--zero-superblock", "--security-erase", "sanitize"}  # fmt: skip
        if command.name not in ("lvremove", "blkdiscard") and deep.isdisjoint(command.words):
            return
    device = next((word for word in given.words if word.startswith("/dev/")), " ".join(given.words)[:80])
    yield effect("disk.write", device, command)


_SETUID = re.compile(r"[+=][rwxXt]*s")


def chmod(command: Command, scene: Scene) -> Iterator[Effect]:
    """`chmod`: opens up, or sets the user-id bit."""
    given = options(command.words, ("--reference",))
    if len(given.words) < 2:
        return
    mode, paths = given.words[0], given.words[1:]
    octal = mode.isdigit()
    open_ = (octal and mode[-1] in "2367") or (
        not octal and "w" in mode and ("o+" in mode or "a+" in mode or mode == "+w")
    )
    setuid = (octal and len(mode) == 4 and mode[0] in "2467") or (
        not octal and _SETUID.search(mode) is not None
    )
    none = octal and mode.strip("0") == ""
    recursive = given.has("-R", "--recursive")
    for path in paths:
        found = _at(path, command, scene)
        if setuid:
            yield effect("privilege.escalate", path, command, how="set-user-id", scope=found.scope)
        yield on_place("file.permission", found, command, recursive=recursive, open=open_, none=none)


def chown(command: Command, scene: Scene) -> Iterator[Effect]:
    """`chown`, `chgrp`."""
    given = options(command.words, ("--reference", "--from"))
    recursive = given.has("-R", "--recursive")
    for path in given.words[1:]:
        yield on_place(
            "file.permission", _at(path, command, scene), command, recursive=recursive, owner=given.words[0]
        )


def chattr(command: Command, scene: Scene) -> Iterator[Effect]:
    """`chattr`, `setfacl`, `setfattr`."""
    for path in [word for word in command.words[1:] if word[:1] not in "-+="][:8]:
        yield on_place(
            "file.permission",
            _at(path, command, scene),
            command,
            recursive="-R" in command.words,
            attributes=True,
        )


def mv(command: Command, scene: Scene) -> Iterator[Effect]:
    """`mv`: to /dev/null it is a deletion; onto a system file it overwrites."""
    given = options(command.words, ("-t", "--target-directory", "-S", "--suffix"))
    if len(given.words) < 2:
        return
    to = given.value("-t", "--target-directory") or given.words[-1]
    for path in given.words[:-1]:
        found = _at(path, command, scene)
        if to == "/dev/null":
            yield on_place("file.delete", found, command, recursive=True)
        elif found.scope in ("root", "system") or found.whole:
            yield on_place("file.delete", found, command, recursive=True, moved=True)
    if to != "/dev/null":
        yield from written(to, command, scene)


def cp(command: Command, scene: Scene) -> Iterator[Effect]:
    """`cp`, `install`, `ln`: what stands at the end is written."""
    given = options(
        command.words,
        ("-t", "--target-directory", "-S", "--suffix", "-m", "-o", "-g", "--mode", "--owner", "--group"),
    )
    if len(given.words) < 2:
        return
    if command.name == "cp" and given.words[0] == "/dev/null":
        yield on_place("file.overwrite", _at(given.words[-1], command, scene), command, emptied=True)
    if command.name == "install" and any(len(m) == 4 and m[0] in "2467" for m in given.all("-m", "--mode")):
        yield effect("privilege.escalate", given.words[-1], command, how="set-user-id")
    yield from written(given.value("-t", "--target-directory") or given.words[-1], command, scene)


def sed(command: Command, scene: Scene) -> Iterator[Effect]:
    """`sed -i`, `perl -i`: files edited in place."""
    given = options(command.words, ("-e", "-f", "--expression", "--file"))
    if not any(
        flag.startswith(("-i", "--in-place")) or (flag[1:2] != "-" and "i" in flag) for flag in given.flags
    ):
        return
    scripted = given.has("-e", "-f", "--expression", "--file")
    for path in given.words[0 if scripted else 1 :]:
        yield from written(path, command, scene, append=True)


def rsync(command: Command, scene: Scene) -> Iterator[Effect]:
    """`rsync --delete...`, `--remove-source-files`; a remote end is egress (see network)."""
    valued = (
        "-e",
        "--rsh",
        "--exclude",
        "--include",
        "--filter",
        "-f",
        "--port",
        "--log-file",
        "--files-from",
        "--bwlimit",
    )
    given = options(command.words, valued)
    if given.has("-n", "--dry-run", "--list-only"):
        return
    deletes = next(
        (
            flag
            for flag in given.flags
            if flag.startswith(("--delete", "--del")) or flag == "--remove-source-files"
        ),
        "",
    )
    if deletes and given.words:
        to = given.words[-1] if deletes != "--remove-source-files" else given.words[0]
        if ":" in to:
            yield effect("service.delete", to, command, remote=True)
        else:
            yield on_place("file.delete", _at(to, command, scene), command, recursive=True, mirrored=True)


def written(path: str, command: Command, scene: Scene, *, append: bool = False) -> Iterator[Effect]:
    """A file that is written by redirect or program."""
    if path in ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "-", "") or path.startswith(
        "/dev/fd/"
    ):
        return
    if is_disk(path):
        yield effect("disk.write", path, command)
        return
    yield from writes(path, command, append=append)
    yield on_place(
        "file.write" if append else "file.overwrite", _at(path, command, scene), command, append=append
    )


READERS: Mapping[str, Reader] = {
    "rm": rm, "rmdir": rm, "unlink": rm, "shred": shred, "srm": shred, "wipe": shred, "find": find, "truncate": truncate,
    "tee": tee, "dd": dd, "dcfldd": dd, "chmod": chmod, "chown": chown, "chgrp": chown, "chattr": chattr, "setfacl": chattr,
    "mv": mv, "cp": cp, "install": cp, "ln": cp, "sed": sed, "rsync": rsync, "rclone-sync": rsync,
} | dict.fromkeys(
    ("mkfs", "mke2fs", "mkswap", "wipefs", "fdisk", "sfdisk", "gdisk", "sgdisk", "cfdisk", "parted", "diskutil", "zpool",
     "zfs", "cryptsetup", "mdadm", "lvremove", "vgremove", "pvremove", "blkdiscard", "hdparm", "nvme", "badblocks", "newfs",
     *(f"mkfs.{kind}" for kind in ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "fat", "ntfs", "f2fs", "exfat", "msdos"))),
    disk,
)  # fmt: skip
