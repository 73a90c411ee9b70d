"""Which modules a kernel has imported from outside the installation: the user's own files.

Its text runs in the kernel, apart from the notebook's names, so it imports the standard library
alone.
"""

import hashlib
import importlib.util
import json
import os
import site
import stat
import sys
import sysconfig

_CHUNK = 1 << 20
# Installers' names for their folders, wherever these lie.
_PACKAGES = {"site-packages", "dist-packages"}


def told(began, known):
    """What `local` finds, as JSON."""
    return json.dumps(local(began, known))


def local(began, known):
    """By path, SHA-256 of every module's file; None where it may not be what was imported.

    Paths below the current directory are relative to it. What is installed, what belongs to the
    standard library, and modules without a file are left out. A file that has changed or is gone
    since its import has no hash, as what was imported is unknown.

    Args:
        began: when the kernel began, in seconds since 1970.
        known: folders whose modules are accounted for elsewhere.
    """
    here, found = os.getcwd(), {}
    installed = [*_installed(), *known]
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        # Some libraries put objects there that are no modules, with names that are no paths.
        if name in ("__main__", "__mp_main__") or not isinstance(path, str):
            continue
        if not os.path.isabs(path) or _is_below(path, installed) or _PACKAGES & set(_parts(path)):
            continue
        archive = _existing(path)
        shown = os.path.relpath(archive, here) if _is_below(archive, [here]) else archive
        found[shown] = _sha256(archive) if _is_as_imported(path, archive, began) else None
    return dict(sorted(found.items()))


def _installed():
    """The folders of the installation."""
    paths = [sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    return [path for path in paths if path]


def _parts(path):
    return os.path.realpath(path).split(os.sep)


def _is_below(path, folders):
    whole = os.path.realpath(path)
    return any(whole.startswith(os.path.realpath(f).rstrip(os.sep) + os.sep) for f in folders)


def _existing(path):
    """The file, or the archive in which it lies."""
    place = path
    while place != os.path.dirname(place) and not os.path.exists(place):
        place = os.path.dirname(place)
    return place if os.path.isfile(place) else path


def _is_as_imported(path, archive, began):
    """Whether the file is still that which was imported: it is older, or its cache says so."""
    try:
        there = os.stat(archive)
    except (OSError, ValueError):
        return False
    if not stat.S_ISREG(there.st_mode):  # reading a pipe would wait for its writer
        return False
    if there.st_mtime < began:
        return True
    try:
        with open(importlib.util.cache_from_source(path), "rb") as cache:
            head = cache.read(16)
    except (OSError, NotImplementedError, ValueError):
        return False
    # Flags, then the source's time and size as they were at its import.
    words = [int.from_bytes(head[i : i + 4], "little") for i in (4, 8, 12)]
    return words == [0, int(there.st_mtime) & 0xFFFFFFFF, there.st_size & 0xFFFFFFFF]


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
