"""Owns which files a policy's path means, and reading them: bounded, regular files only.

Knows nothing of what is in them. Any fault is a `FileFaultError`; positions are those of the path itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from proxy.policy.issues import Code

MAX_POLICY_BYTES = 4 << 20
"""Some 60,000 overrides, which take some 5 s of a core and 300 MB to read."""
MAX_LIST_BYTES = 8 << 20


class FileSign(NamedTuple):
    """What tells one state of a file from another; zeros where it is not there."""

    path: str
    real_path: str
    mtime_ns: int
    size: int
    inode: int


class FileFaultError(Exception):
    """A file or folder that cannot be read."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def policy_files(path: str) -> list[str]:
    """The files that a path means: itself, or a folder's *.yaml and *.yml in the order of their names.

    Hidden files and *.test.yaml are not policies; folders within the folder are not looked into.
    """
    if not os.path.isdir(path):
        return [path]
    try:
        names = sorted(filter(_is_policy_name, os.listdir(path)))
    except OSError as error:
        raise FileFaultError(Code.UNREADABLE_FILE, f"the folder cannot be read: {error.strerror}") from None
    files = [os.path.join(path, name) for name in names]
    files = [file for file in files if not os.path.isdir(file)]
    if not files:
        raise FileFaultError(Code.EMPTY_FOLDER, "the folder holds no *.yaml or *.yml file that is a policy")
    return files


def _is_policy_name(name: str) -> bool:
    stem, suffix = os.path.splitext(name)
    return suffix in (".yaml", ".yml") and not name.startswith(".") and not stem.endswith(".test")


def read_file(path: str, max_bytes: int) -> bytes:
    """The bytes of a regular file of at most `max_bytes`."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for somebody to write to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileFaultError(Code.UNREADABLE_FILE, "is not a regular file")
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise FileFaultError(Code.MISSING_FILE, "there is no such file") from None
    except OSError as error:
        raise FileFaultError(Code.UNREADABLE_FILE, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise FileFaultError(Code.MISSING_FILE, "no file can have such a path") from None
    if len(data) > max_bytes:
        raise FileFaultError(Code.FILE_TOO_BIG, f"is larger than {max_bytes} bytes")
    return data


def list_file(folder: str, name: str) -> str:
    """The path of a list file that a policy in `folder` names; it may not leave the folder, by symlink or otherwise."""
    path = os.path.join(folder, name)
    try:
        root, real = os.path.realpath(folder or "."), os.path.realpath(path)
    except (OSError, ValueError):
        raise FileFaultError(Code.MISSING_LIST, "no file can have such a path") from None
    if os.path.isabs(name) or os.path.commonpath([root, real]) != root:
        raise FileFaultError(Code.LIST_OUTSIDE_FOLDER, "lies outside the policy's folder")
    return path


def signs(paths: Iterable[str]) -> tuple[FileSign, ...]:
    """What tells, without reading them, whether any of the files was changed, replaced or swapped."""
    return tuple(map(_sign, paths))


def _sign(path: str) -> FileSign:
    try:
        status = os.stat(path)
        return FileSign(path, os.path.realpath(path), status.st_mtime_ns, status.st_size, status.st_ino)
    except (OSError, ValueError):
        return FileSign(path, "", 0, 0, 0)
