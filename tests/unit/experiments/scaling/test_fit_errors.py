"""The table of estimates of scaling/fit, its verdicts, and its page say the same of every error."""

import html
import re

import numpy as np
import pytest
from click.testing import CliRunner

from workbench.cli import cli
from workbench.experiment.claims import decide, summary
from workbench.experiments.scaling import fit
from workbench.experiments.scaling.fit import Params


def table(folder, size, loss):
    path = folder / "runs.csv"
    path.write_text("size,loss\n" + "".join(f"{float(a)!r},{float(b)!r}\n"
                                            for a, b in zip(size, loss, strict=True)))  # fmt: skip
    return {"table_file": str(path), "size_column": "size", "loss_column": "loss", "only": "",
            "resamples": 100}  # fmt: skip


def power(size, noise=0.01, floor=1.5):
    scatter = np.exp(noise * np.random.default_rng(0).standard_normal(len(size)))
    return (floor + 90 * size**-0.3) * scatter


SIZES = np.geomspace(1e6, 1e9, 24)
FEW = np.geomspace(1e6, 1e9, 8)
FALLING = power(SIZES)


@pytest.mark.parametrize(
    ("size", "loss"), [(SIZES, FALLING), (FEW, power(FEW)), (SIZES, power(SIZES, 0.02, 0.0))],
    ids=["many rows", "few rows", "no floor"],
)  # fmt: skip
def test_verdicts_rest_on_the_interval_of_the_table_of_estimates(tmp_path, size, loss):
    params = Params(**table(tmp_path, size, loss))
    result = fit.run(params)
    rows = {row[0]: row for row in result["errors"].estimates.rows}
    falls, lies, _ = decide(fit, params, result)
    method = result["errors"].estimates.method
    assert method.startswith("percentiles" if len(size) >= 20 else "profile, Student's t")
    assert falls.interval == lies.interval == (rows["alpha"][2], rows["alpha"][3])
    assert method in falls.note
    numbers = summary(result)
    assert numbers["alpha, 95 % from"] == falls.interval[0]
    assert result["checklist"]["errors"]["intervals by"] == method


def test_a_constant_that_vanished_is_named_in_the_table_and_in_the_verdict(tmp_path):
    size = np.geomspace(1e6, 1e9, 12)
    params = Params(**table(tmp_path, size, power(size, 0.02, 0.0)), loss="squared")
    result = fit.run(params)
    remarks = {row[0]: row[-1] for row in result["errors"].estimates.rows}
    assert remarks["E"] == "on its bound 0: the data show no constant"
    assert "E is on its bound 0" in decide(fit, params, result)[2].note


@pytest.mark.parametrize("loss", [np.full(24, 2.0), FALLING], ids=["constant", "two sizes"])
def test_what_is_not_determined_decides_nothing(tmp_path, loss):
    two = loss is FALLING
    size = np.tile(SIZES[[0, -1]], 12) if two else SIZES
    params = Params(**table(tmp_path, size, power(size) if two else loss))
    result = fit.run(params)
    falls, lies, floor = decide(fit, params, result)
    assert {falls.verdict, lies.verdict} == {"undecided"}
    assert "alpha of power_constant is " in falls.note
    assert floor.verdict != "reproduced"
    summary(result)
    assert (result["picture"].band is None) == two


def test_the_page_of_as_many_rows_as_parameters_has_no_error_and_no_verdict(tmp_path):
    knobs = table(tmp_path, FEW[[0, 3, 7]], power(FEW)[[0, 3, 7]])
    words = [w for k, v in knobs.items() if k != "only" for w in (f"--{k}", str(v))]
    made = CliRunner().invoke(
        cli.main, ["run", "scaling/fit", *words, "--only", "", "--reports", str(tmp_path / "out")]
    )
    assert made.exit_code == 0, made.output
    (page,) = (tmp_path / "out").rglob("page.html")
    body = page.read_text(encoding="utf-8").split("<body", 1)[1]
    body = re.sub(r"<(script|style)\b.*?</\1>", "", body, flags=re.S)
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
    assert text.count("not determined: 3 rows, 3 different, for 3 parameters") >= 3
    assert text.count("? undecided") >= 3
    errors = text.split("standard error of", 1)[1].split("Rival laws", 1)[0]
    assert errors.count("infinite") == 9
    assert not re.search(r"\d e-1\d|\de-1\d|\bnan\b|\binf\b", errors)
