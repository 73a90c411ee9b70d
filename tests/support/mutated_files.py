"""Files of every kind that the project reads, changed at random: read, or refused in one sentence.

Run as a program, it prints as JSON what came of so many mutations. It bounds its own memory, so
that what a header promises cannot be taken, and every mutation follows from its seed alone.
"""

import gzip
import io
import json
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from workbench.base.checks import LONGEST, refusal
from workbench.dendrites.matching import serialization
from workbench.dendrites.matching.detector import Detector
from workbench.experiments.dendrites import digits
from workbench.experiments.inits import audit
from workbench.experiments.scaling import chinchilla, fit, isoflop, learning_curves
from workbench.inits.weights.file_report import file_report
from workbench.inits.weights.reading.activation_tables import read_activations
from workbench.inits.weights.sources import loaded
from workbench.pages.text.prose import markdown
from workbench.records import table
from workbench.records.store import given_record, read_points
from workbench.runs.identity.inputs import declared
from workbench.runs.parameters.injection import without_injected
from workbench.runs.parameters.language import language_of
from workbench.runs.parameters.parameters_cell import parameters_of, read_notebook
from workbench.studies.study_file import read_study

# Seconds and bytes that one file may take beyond what reading the whole one took.
SECONDS, MEMORY = 60, 1 << 30
RNG = np.random.default_rng(5)
ROWS = np.sort(RNG.random((6, 100)).argsort(axis=1)[:, :5], axis=1)
ARRAYS = {
    "fc.weight": RNG.standard_normal((12, 8)).astype(np.float32),
    "fc.bias": np.zeros(12, np.float32),
    "out.weight": RNG.standard_normal((4, 12)),
    "none": np.zeros((0, 7), np.float32),
}
SMALL = {"synapses": 3, "threshold": 2, "moved": 1}
RUNS = [[10.0**k * c, 20 * 10.0**k, 4 - 0.3 * k - 0.02 * c, 1200.0**k] for k in (6, 7, 8, 9)
        for c in (1, 2, 4, 8)]  # fmt: skip


class Late(BaseException):
    """A file took too long, and nothing may catch this."""


def written(save, *args, **more):
    """The bytes that a function writes into a file."""
    held = io.BytesIO()
    save(held, *args, **more)
    return held.getvalue()


def csv_of(delimiter, end="\n"):
    head = delimiter.join(("params", "tokens", "loss", "flops"))
    lines = [delimiter.join(f"{v:.6g}" for v in row) for row in RUNS]
    return end.join([head, *lines, ""]).encode()


def parquet():
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as base:
        place, path = f"{folder}/in.csv", f"{folder}/out.parquet"
        Path(place).write_bytes(csv_of(","))
        base.execute(f"COPY (SELECT *, 'a' AS name FROM '{place}') TO '{path}' (FORMAT parquet)")
        return Path(path).read_bytes()


def torch_file():
    import torch

    return written(lambda f: torch.save({k: torch.tensor(v) for k, v in ARRAYS.items()}, f))


def hdf5_file():
    import h5py

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for name, array in ARRAYS.items():
            file.create_dataset(name.replace(".", "/"), data=array)
    return held.getvalue()


def keras_file():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", hdf5_file())
    return held.getvalue()


def safetensors_file():
    from safetensors.numpy import save

    return save({k: np.ascontiguousarray(v) for k, v in ARRAYS.items()})


def sparse():
    from scipy import sparse as kinds

    matrix = np.zeros((6, 1024))
    np.put_along_axis(matrix, ROWS, 1, axis=1)
    return written(kinds.save_npz, kinds.csr_matrix(matrix))


def notebook():
    figure = {"application/vnd.plotly.v1+json": {"data": [{"y": [1, 2]}], "layout": {}}}
    output = {"output_type": "display_data", "data": figure, "metadata": {}}
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# A title\n", "text"]},
        {"cell_type": "code", "id": "b", "metadata": {"tags": ["parameters"]}, "outputs": [output],
         "source": "x: int = 3\ny = [1.5, 2]  # widths\nz = 'text'", "execution_count": 1},
        {"cell_type": "code", "id": "c", "metadata": {"tags": ["inputs"]}, "outputs": [],
         "source": "paths = ['data.csv']", "execution_count": None},
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    whole = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1).encode()


def record():
    held = {"name": "own/a", "run": "default-1", "identity": "1", "state": "done", "error": None}
    held |= {"knobs": {"x": 3}, "summary": {"loss": 0.5, "words": "a"}, "process": 1}
    held |= {"timings": {"start": "2026-01-01T00:00:00+00:00", "seconds": 1.5}, "claims": []}
    held |= {"provenance": {"packages": {"numpy": "2"}, "data": {}, "code": {"commit": "a"}}}
    return json.dumps(held, indent=1).encode()


def detector():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "detector")
        rows = [row[: 3 + i % 3] for i, row in enumerate(ROWS)]
        Detector(rows, 100, 2, numbers=np.arange(len(rows)) * 2).save(path)
        return path.read_bytes()


STUDY = 'experiment = "scaling/isoflop"\nseeds = 2\nzip = [["alpha", "beta"]]\n[knobs]\n'
STUDY += 'alpha = [0.2, 0.3]\nbeta = "0.2:0.3:2"\n'
YAML = "experiment: scaling/isoflop\nknobs:\n  alpha: [0.2, 0.3]\n  beta: 0.2:0.3:2\nzip:\n"
YAML += "- [alpha, beta]\ninputs: {a: data.csv}\n"
POINTS = {"points": [{"name": "own/a", "run": "default-1", "identity": "1", "changed": {"x": 1}}]}
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360"
    "60606000000005000187a10a8d0000000049454e44ae426082"
)


def read_weights(path):
    audit.Params(weights_file=str(path)).check_files()
    file_report(loaded(str(path)))


def read_index(path):
    path.with_name("part.npz").write_bytes(written(np.savez, **ARRAYS))
    read_weights(path)


def read_patterns(path):
    digits.Params(patterns_file=str(path), cells=1024, **SMALL)


def read_own_notebook(path):
    held = without_injected(read_notebook(path))
    parameters_of(held, path.name)
    declared(held)
    language_of(held)


def read_run(path):
    rows = table.rows([given_record(path)[1]])
    table.as_csv(rows)


def read_detector(path):
    try:
        found = Detector.load(path)
    except OSError as error:  # as it says where the file cannot be opened at all
        raise refusal(f"`path` must be a file that can be read; got {error.strerror}") from None
    found.matches(ROWS)
    found.save(path.with_name("again"))


def read_picture(path):
    markdown(f"![a dot]({path.name}) <img src={path.name}>", str(path.parent))


def with_checksum(content):
    """The detector file as one who changes it on purpose would leave it."""
    if len(content) < serialization.HEADER:
        return content
    magic, version, _ = serialization.HEAD.unpack(content[: serialization.HEAD.size])
    rest = content[serialization.HEAD.size :]
    told = blake2b(rest, digest_size=32).digest()
    return serialization.HEAD.pack(magic, version, told) + rest


def of_tables(params, knob):
    return lambda path: params(**{knob: str(path)}).check_files()


FIT, CURVES = of_tables(fit.Params, "table_file"), of_tables(learning_curves.Params, "curves_file")
POINTS_FILE = of_tables(chinchilla.Params, "points_file")
RUNS_FILE = of_tables(isoflop.Params, "runs_file")
LISTS = json.dumps({"patterns": ROWS.tolist(), "labels": list("ababab")}).encode()
WORDS = "\n".join(",".join(map(str, ["a", *row])) for row in ROWS.tolist()).encode()
INDEX = json.dumps({"weight_map": dict.fromkeys(ARRAYS, "part.npz")}).encode()
# By name: the ending, the bytes of a whole file or what makes them, and what reads it.
KINDS = {
    "table of commas": (".csv", csv_of(","), FIT),
    "table of tabs": (".tsv", csv_of("\t", "\r\n"), POINTS_FILE),
    "table in UTF-16": (".txt", csv_of(";").decode().encode("utf-16"), RUNS_FILE),
    "packed table": (".csv.gz", gzip.compress(csv_of(","), mtime=0), CURVES),
    "Parquet": (".parquet", parquet, FIT),
    "weights in npz": (".npz", lambda: written(np.savez, **ARRAYS), read_weights),
    "weights packed": (".npz", lambda: written(np.savez_compressed, **ARRAYS), read_weights),
    "weights in npy": (".npy", lambda: written(np.save, ARRAYS["fc.weight"]), read_weights),
    "safetensors": (".safetensors", safetensors_file, read_weights),
    "torch": (".pt", torch_file, read_weights),
    "HDF5": (".h5", hdf5_file, read_weights),
    "Keras": (".keras", keras_file, read_weights),
    "index of weights": (".index.json", INDEX, read_index),
    "activations": (
        ".csv",
        b"pattern,activation\n*.fc*,relu\nout*,tanh\n",
        lambda path: read_activations(str(path)),
    ),
    "patterns in npy": (".npy", lambda: written(np.save, ROWS), read_patterns),
    "patterns in npz": (".npz", lambda: written(np.savez_compressed, patterns=ROWS), read_patterns),
    "sparse patterns": (".npz", sparse, read_patterns),
    "patterns in CSV": (".csv", WORDS, read_patterns),
    "patterns in JSON": (".json", LISTS, read_patterns),
    "detector": ("", detector, read_detector),
    "notebook": (".ipynb", notebook, read_own_notebook),
    "record": (".json", record, read_run),
    "study": (".json", json.dumps(POINTS).encode(), lambda path: read_points(path.parent)),
    "study file in TOML": (".toml", STUDY.encode(), lambda path: read_study(str(path))),
    "study file in YAML": (".yaml", YAML.encode(), lambda path: read_study(str(path))),
    "picture": (".png", DOT, read_picture),
}
NEEDED = {"safetensors": "safetensors", "torch": "torch", "HDF5": "h5py", "Keras": "h5py"}


PIECES = (b"{", b"[" * 3000, b'"', b",", b"null", b"\0" * 9, b"\xff", b"-0", b"1e999", b"\n")


def mutated(content, seed):
    """The bytes, changed in one to four places."""
    rng, held = random.Random(seed), bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, wide = rng.randrange(len(held) + 1), rng.choice((1, 2, 4, 8, 40))
        other = rng.randrange(len(held) + 1)
        piece = bytes(held[other : other + wide])
        number = rng.choice((0, 1, -1, 2**31 - 1, 2**40, 2**63 - 1, -(2**63), len(held)))
        new = rng.choice((
            bytes(rng.randrange(256) for _ in range(wide)),
            struct.pack("<q", number)[:wide],
            str(number).encode(),
            piece * rng.choice((1, 2, 300)),
            rng.choice(PIECES),
            b"",
        ))  # fmt: skip
        # Written over as many bytes, put between two, in the place of some; or all behind is cut.
        behind = rng.choice((len(new), len(new), 0, wide, len(held) if rng.random() < 0.3 else 1))
        held[at : at + behind] = new
    return bytes(held) or b"\0"


def tried(path, read):
    """What came of a file: "read", "refused", or what is wrong with how it ended."""
    signal.alarm(SECONDS)
    try:
        read(path)
    except ValueError as error:
        said = str(error)
        is_sentence = said.startswith("`") and said.isprintable() and len(said) <= LONGEST
        return "refused" if is_sentence else f"no sentence: {error!r:.600}"
    except (Exception, Late) as error:
        return f"{type(error).__name__}: {error!s:.300}"
    finally:
        signal.alarm(0)
    return "read"


def late(*_):
    raise Late


def peak():
    """The most memory since it was last set back [MiB]."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def bounded():
    """No more memory than is taken now, and some."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def fuzzed(kinds, count, first=0):
    """By kind how many were read and refused, what went wrong, and the growth of memory [MiB]."""
    signal.signal(signal.SIGALRM, late)
    # A number that overflows on its way is wrong, too.
    warnings.simplefilter("error", RuntimeWarning)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            ending, whole, read = KINDS[kind]
            whole = whole() if callable(whole) else whole
            path = Path(folder, f"study{ending}" if kind == "study" else f"file{ending}")
            path.write_bytes(whole)
            outcome = tried(path, read)
            if outcome != "read":
                found[kind] = {"wrong": [[kind, "whole", outcome]]}
                continue
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            before = peak()
            bounded()
            counts, wrong = Counter(), []
            for number in range(first, first + count):
                seed = f"{kind} {number}"
                content = mutated(whole, seed)
                # Under its own name, as readers remember what they have read.
                path.unlink(missing_ok=True)
                path.write_bytes(with_checksum(content) if kind == "detector" else content)
                outcome = tried(path, read)
                counts[outcome if outcome in ("read", "refused") else "wrong"] += 1
                if outcome not in ("read", "refused"):
                    wrong.append([kind, number, outcome])
            found[kind] = {**counts, "grown": peak() - before, "wrong": wrong}
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    return found


def installed():
    """The kinds of files whose packages are there."""
    return [k for k in KINDS if find_spec(NEEDED.get(k, "numpy"))]


if __name__ == "__main__":
    chosen = sys.argv[3:] or installed()
    print(json.dumps(fuzzed(chosen, -(-int(sys.argv[1]) // len(chosen)), int(sys.argv[2]))))
