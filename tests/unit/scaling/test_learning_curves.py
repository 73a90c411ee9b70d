"""Many curves at once against one at a time, the public benchmark, and every shared table."""

import numpy as np
import pytest
from chinchilla_points import column, rows

from workbench.scaling import learning_curves as curves
from workbench.scaling.fit import starts
from workbench.scaling.fit.fit import fit
from workbench.scaling.laws import catalogue
from workbench.scaling.learning_curves import learning_curves


def planted(curves=4, seed=0):
    rng = np.random.default_rng(seed)
    size = np.geomspace(1e2, 1e6, 40)
    table = {"size": np.tile(size, curves), "name": np.repeat([f"c{i}" for i in range(curves)], 40)}
    losses = [0.1 * i + (2 + i) * size ** -(0.3 + 0.1 * i) for i in range(curves)]
    table["loss"] = np.concatenate(losses) * np.exp(0.01 * rng.standard_normal(40 * curves))
    return table


def test_a_batch_is_its_curves_one_by_one():
    table = planted()
    found = learning_curves(table, "name", held_out=0.25, laws=("power_constant",))
    assert found.names == ("c0", "c1", "c2", "c3")
    for i, name in enumerate(found.names):
        mine = table["name"] == name
        begin = {k: table[k][mine][:30] for k in ("size", "loss")}
        alone = fit("power_constant", begin, loss="squared")
        end = table["size"][mine][30:], table["loss"][mine][30:]
        error = np.log(alone.predict({"size": end[0]}) / end[1])
        score = found.scores["power_constant"]
        assert score.held_out[i] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
        assert score.train[i] == pytest.approx(np.sqrt((alone.residuals**2).mean()), rel=1e-9)


def test_a_power_law_s_scores_are_those_of_a_straight_line():
    """NumPy's line through the logarithms of the fitted rows."""
    table = planted()
    scored = learning_curves(table, "name", held_out=0.25, laws=("power",)).scores["power"]
    for i, name in enumerate(("c0", "c1", "c2", "c3")):
        x, y = (np.log(table[k][table["name"] == name]) for k in ("size", "loss"))
        slope, start = np.polyfit(x[:30], y[:30], 1)
        error = start + slope * x - y
        assert scored.train[i] == pytest.approx(np.sqrt((error[:30] ** 2).mean()), rel=1e-6)
        assert scored.held_out[i] == pytest.approx(np.sqrt((error[30:] ** 2).mean()), rel=1e-6)
    held, share = scored.distribution
    assert held.tolist() == sorted(scored.held_out.tolist())
    assert share.tolist() == [0.25, 0.5, 0.75, 1.0]


def test_short_curves_are_named_and_not_scored():
    table = planted(2)
    short = {k: np.concatenate([v, v[:5]]) for k, v in table.items()}
    short["name"] = np.concatenate([table["name"], ["short"] * 5])
    found = learning_curves(short, "name", laws=("power", "bnsl1"))
    assert found.skipped == ("short",)
    assert sum(found.wins.values()) == 2
    assert found.best("power").sum() == found.wins["power"]


def test_laws_that_coincide_win_together():
    """A curve that falls ever faster has no constant, and its law with one is the power law."""
    size = np.geomspace(1e2, 1e6, 40)
    loss = 3 * size ** -(0.1 + 0.02 * np.log(size))
    table = {"size": size, "name": ["c"] * 40, "loss": loss}
    found = learning_curves(table, "name", laws=("power", "power_constant"))
    assert found.scores["power_constant"].parameters[0][1] < 1e-6
    assert found.wins == {"power": 1, "power_constant": 1}
    floor = learning_curves({**table, "loss": 1 + loss}, "name", laws=("power", "power_constant"))
    assert floor.wins == {"power": 0, "power_constant": 1}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"held_out": 1.5}, "`held_out` must be"),
        ({"held_out": "size"}, "`size` must be 1 on rows to fit"),
        ({"laws": ("chinchilla",)}, "`laws` must be of one column"),
        ({"laws": ("powr",)}, "did you mean `power`"),
        ({"size": "sizes"}, "did you mean `size`"),
        ({"held_out": 0.95, "laws": ("bnsl3",)}, "of curves with at least 12 fitted"),
    ],
)
def test_bad_requests_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        learning_curves(planted(), "name", **options)


def test_the_public_benchmark_of_92_curves():
    """Medians and wins of facts/scaling.md 4.5; BiT/101/3 as in Caballero et al. (2023)."""
    table = rows("revisiting_vision.csv") + rows("revisiting_lang.csv")
    numeric = ("Seen Examples", "Loss", "Training")
    columns = {k: column(table, k) if k in numeric else [r[k] for r in table] for k in table[0]}
    found = learning_curves(
        columns, ("Domain", "Task", "Model"), size="Seen Examples", loss="Loss", held_out="Training"
    )
    assert len(found.names) == 92
    assert found.skipped == ()
    medians = {"power": 0.087, "power_constant": 0.056, "bnsl1": 0.020}
    for name, median in medians.items():
        assert round(found.medians[name], 3) <= median
    assert found.wins["bnsl1"] >= 65
    bit = next(i for i, n in enumerate(found.names) if "inet_5 / BiT/101/3" in n)
    assert found.scores["power"].held_out[bit] == pytest.approx(0.092432, rel=1e-4)
    assert found.scores["bnsl1"].held_out[bit] == pytest.approx(0.007439, rel=1e-3)


def test_a_dozen_starts_find_what_two_hundred_find(monkeypatch):
    """Every fourth curve of the benchmark; the broken law has several minima on some of them."""
    table = rows("revisiting_vision.csv")
    names = [(r["Domain"], r["Task"], r["Model"]) for r in table]
    chosen = set(list(dict.fromkeys(names))[::4])
    table = [r for r, n in zip(table, names, strict=True) if n in chosen]
    numeric = ("Seen Examples", "Loss", "Training")
    columns = {k: column(table, k) if k in numeric else [r[k] for r in table] for k in table[0]}

    def train():
        found = learning_curves(columns, ("Domain", "Task", "Model"), size="Seen Examples",
                                loss="Loss", held_out="Training", laws=("bnsl1",))  # fmt: skip
        return found.scores["bnsl1"].train

    few = train()
    monkeypatch.setattr(curves, "NODES", 200)
    monkeypatch.setattr(starts, "apart", lambda ranked, count: ranked[:count])
    many = train()
    assert len(many) == 18
    assert (few > many * 1.001).sum() <= 1


def test_starts_that_lie_apart_do():
    rng = np.random.default_rng(0)
    ranked = rng.uniform(0, 1, (500, 3)) * [1.0, 10.0, 0.1]
    found = starts.apart(ranked, 20)
    assert (found[0] == ranked[0]).all()
    size = np.ptp(ranked, axis=0)
    gaps = [np.abs((a - b) / size).max() for i, a in enumerate(found) for b in found[:i]]
    assert min(gaps) > 0.3
    assert len(starts.apart(ranked[:1], 20)) == 1
    assert len(starts.apart(np.ones((5, 2)), 20)) == 1


def test_four_digit_addition_has_its_published_break():
    """Caballero et al. (2023), the example of their code: 17 points, the first 14 fitted."""
    x = [160, 192, 256, 320, 384, 448, 480, 512, 544, 576, 608, 640, 672, 736, 800, 864, 928]
    y = [2.13809046, 2.11813418, 2.08955508, 2.06988398, 2.05404987, 2.03837089, 2.02814281,
         2.00496872, 1.95576149, 1.86313841, 1.70891537, 1.50637664, 1.29754721, 0.96559684,
         0.75856477, 0.64768338, 0.55695445]  # fmt: skip
    with pytest.warns(UserWarning, match="decades"):
        found = fit("bnsl1", {"size": x[:14], "loss": y[:14]}, loss="squared")
    assert found.parameters["d1"] == pytest.approx(612.6, rel=1e-2)
    assert found.parameters["f1"] == pytest.approx(0.059, rel=3e-2)
    error = np.log(found.predict({"size": x[14:]}) / np.array(y[14:]))
    assert np.sqrt((error**2).mean()) < 0.02


# table → size, tokens or None, loss, law; the rows kept.
TABLES = {
    "gadre_overtraining_104.csv": ("params", "tokens", "loss_c4_val", "chinchilla"),
    "misfitting_final_261.csv": ("N", "D", "loss", "chinchilla"),
    "datablations_contour.csv": ("num_params", "token_num", "loss", "chinchilla"),
    "porian_isoflop.csv": ("n_params", "tokens", "loss", "chinchilla"),
    "porian_optimal_pairs.csv": ("flops", None, "loss", "power_constant"),
    "openathena_isoflops.csv": ("params", "tokens", "loss", "chinchilla"),
    "routed_lm_final.csv": ("total_parameter_count", None, "loss_validation", "power_constant"),
    "routed_lm_dense_curves.csv": ("step", None, "loss_validation", "power_constant"),
    "lcdb_subset_error.csv": ("size_train", None, "test_error", "power_constant"),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_fitted_to_a_minimum(name):
    size, tokens, loss, law = TABLES[name]
    table = [r for r in rows(name) if r[loss] and float(r[loss]) > 0]
    named = {"size": size} if tokens is None else {"parameters": size, "tokens": tokens}
    columns = {v: column(table, v) for v in (*named.values(), loss)}
    found = fit(law, columns, columns={**named, "loss": loss}, delta=1e-2)
    assert found.converged
    assert found.agreement > 0.5
    assert len(found.residuals) == len(table)
    rng = np.random.default_rng(0)
    for _ in range(30):
        moved = {p: v * np.exp(1e-3 * rng.standard_normal()) for p, v in found.parameters.items()}
        r = found.law.log_value(moved, columns) - np.log(columns[loss])
        assert found.cost.total(r, found.weights) >= found.objective * (1 - 1e-12)


def test_gadre_s_table_by_least_squares():
    """facts/scaling.md 2: A 125.3, B 162.6, E 1.536, alpha 0.259, beta 0.232, RMSLE 0.027."""
    table = [r for r in rows("gadre_overtraining_104.csv") if r["train_set"] == "c4_original"]
    columns = {"parameters": column(table, "params"), "tokens": column(table, "tokens"),
               "loss": column(table, "loss_c4_val")}  # fmt: skip
    found = fit("chinchilla", columns, loss="squared")
    expected = {"A": 125.3, "B": 162.6, "E": 1.536, "alpha": 0.259, "beta": 0.232}
    for p, v in expected.items():
        assert found.parameters[p] == pytest.approx(v, rel=3e-3), p


def test_dense_routed_models_have_their_slope():
    """Clark et al. (2022): -0.078; the eight dense runs here give -0.0788."""
    table = [r for r in rows("routed_lm_final.csv")
             if r["router_type"] == "Dense" and float(r["flop_increase"]) == 1]  # fmt: skip
    columns = {"size": column(table, "dense_parameter_count"),
               "loss": column(table, "loss_validation")}  # fmt: skip
    assert fit(catalogue.power, columns, loss="squared").parameters["alpha"] == pytest.approx(
        0.0788, abs=5e-5
    )


def test_a_curve_with_repeated_sizes_or_without_a_start_is_left_out_and_named():
    """Six rows at three sizes cannot fit a broken law, nor can one that falls by 300 decades."""
    size = np.geomspace(10, 1e4, 12)
    curves = {
        "smooth": (size, 0.1 + size**-0.5),
        "repeated": (np.tile(size[::4], 4), 0.1 + np.tile(size[::4], 4) ** -0.5),
        "cliff": (size, np.where(size < 200, 1.0, 1e-300)),
    }
    table = {
        "curve": np.repeat(list(curves), 12),
        "size": np.concatenate([x for x, _ in curves.values()]),
        "loss": np.concatenate([y for _, y in curves.values()]),
    }
    found = learning_curves(table, "curve", held_out=0.25)
    assert found.names == ("smooth",)
    assert set(found.skipped) == {"repeated", "cliff"}
    assert all(np.isfinite(s.held_out).all() for s in found.scores.values())
