import numpy as np
import pytest

from workbench.scaling.allocation.isoflop_tables import estimates, read_isoflops
from workbench.scaling.allocation.optimum import optimal_split

LAW = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}


@pytest.fixture
def table(tmp_path):
    """Noise-free runs of a known law in two experiments, beside rows marked as outliers."""
    lines = ["experiment,budget,params,loss,outlier"]
    for name, budgets in (("one", (1e18, 1e19, 1e20)), ("two", (1e19, 1e20, 1e21))):
        for budget in budgets:
            best = float(optimal_split(LAW, budget).parameters)
            for n in best * np.geomspace(0.5, 2, 9):
                d = budget / 6 / n
                loss = LAW["E"] + LAW["A"] / n ** LAW["alpha"] + LAW["B"] / d ** LAW["beta"]
                loss = float(loss)
                lines.append(f"{name},{budget!r},{float(n)!r},{loss!r},False")
            lines.append(f"{name},{budget!r},{1.5 * best!r},{loss + 0.1!r},True")
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines))
    return path


def test_each_experiment_is_read_and_outliers_are_left_out(table):
    readings, reasons = read_isoflops(table)
    assert list(readings) == ["one", "two"]
    assert any("6 rows that the file marks as outliers" in r for r in reasons)
    for reading in readings.values():
        # N grows as C^(beta / (alpha + beta)); narrow grids are hardly biased.
        assert reading.exponent == pytest.approx(0.28 / 0.62, abs=2e-3)
        assert abs(reading.bias) < 0.01
    kept = table.read_text().replace(",True", ",False")
    table.write_text(kept)
    assert not any("outliers" in r for r in read_isoflops(table)[1])
    assert (read_isoflops(table)[0]["one"].rows == 10).all()


def test_a_table_without_the_columns_is_refused(tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="`runs_file`"):
        read_isoflops(wrong)


def test_what_is_not_determined_is_said_and_what_cannot_be_read_is_left_out(tmp_path):
    """Two budgets have a line and no scatter about it; one has no line."""
    path = tmp_path / "runs.csv"
    lines = ["budget,params,loss,experiment"]
    for c in (1e18, 1e19):
        for n in (1e7, 1e8, 1e9):
            loss = 1.7 + 400 * n**-0.34 + 410 * (c / 6 / n) ** -0.28
            lines += [f"{c},{n},{loss:.6g},{name}" for name in ("two", "one")[: 2 - (c > 1e18)]]
    path.write_text("\n".join(lines))
    readings, reasons = read_isoflops(path)
    assert len(reasons) == 1
    assert reasons[0].startswith("one: `compute` must be at more than one budget")
    ((name, exponent, error, _),) = estimates(readings)
    assert (name, error) == ("two", "not determined")
    assert 0 < exponent < 1
    assert estimates({})[0][0] == "no runs were given"
