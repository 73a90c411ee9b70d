"""The user's own files that a kernel has executed: code outside the installation.

The source of this file runs in the kernel, so it imports only the standard library.
"""

import hashlib
import json
import os
import site
import sys
import sysconfig

_CHUNK = 1 << 20
# Installers' names for their folders, wherever these lie.
_PACKAGES = {"site-packages", "dist-packages"}
# What is opened to be executed, by `exec(open(...).read())` or `%run`.
_CODE = (".py", ".ipy", ".ipynb")
# By path of what has run since `record`, the file's modification time and size at that moment; None
# if it has run in two states.
_seen = {}


def record():
    """Records from now on which files are executed, or opened as code."""
    sys.addaudithook(_note)


def _note(event, args):
    path = None
    if event == "exec":  # of every import, `exec_module`, `runpy` and `%run`
        path = getattr(args[0], "co_filename", None)
    elif event == "import":  # of a library that is no Python
        path = args[1]
    elif event == "open" and str(args[0]).endswith(_CODE) and not set(args[1] or "") & set("wax"):
        path = args[0]
    if not isinstance(path, str) or not path or path[0] == "<":
        return
    try:
        path = os.path.abspath(path)
    except OSError:  # the current directory is gone; an error here would stop the notebook
        return
    state = _state(_existing(path))
    if state:
        _seen[path] = state if _seen.get(path, state) == state else None


class _Text(str):
    """Its form in a reply is the text itself, without quotes."""

    __repr__ = str.__str__


def local_json(began, known):
    """The result of `local` as JSON."""
    return _Text(json.dumps(local(began, known)))


def local(began, known):
    """By path, SHA-256 of every file whose code has run; None where it may not be what has run.

    Paths below the current directory are relative to it. What is installed, what belongs to the
    standard library, and modules without a file are left out; so is what a run has written and
    removed. A file that has changed or is gone has no hash, as what has run is unknown.

    Args:
        began: when the kernel began, in seconds since 1970.
        known: folders whose modules are accounted for elsewhere.
    """
    here, hashes = os.getcwd(), {}
    installed = [*_installed(), *known]
    for path in [*_seen, *_imported()]:
        if _is_below(path, installed) or _PACKAGES & set(_parts(path)):
            continue
        archive = _existing(path)
        state = _state(archive)
        if path in _seen:
            before = _seen[path]
            if before and not state and before[0] >= began * 1e9:
                continue
            is_same = before is not None and state == before
        else:
            is_same = state is not None and state[0] < began * 1e9
        shown = os.path.relpath(archive, here) if _is_below(archive, [here]) else archive
        hashes[shown] = _sha256(archive) if is_same and hashes.get(shown, "") is not None else None
    return dict(sorted(hashes.items()))


def _imported():
    """The files of all modules but the notebook itself."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        # Some libraries put objects there that are no modules, with names that are no paths.
        is_path = isinstance(path, str) and os.path.isabs(path)
        if is_path and name not in ("__main__", "__mp_main__"):
            yield path


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


def _state(path):
    """When the file was last changed [ns], and its size; None if it is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size) if os.path.isfile(path) else None


def _sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
