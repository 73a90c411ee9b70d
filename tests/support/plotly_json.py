"""A plotly figure as plain JSON, to hold a panel's text against."""

import ast
import base64
import json

import numpy as np
import plotly.graph_objects as go

from widgets.figure.fast_figure import to_json


def plain(value):
    """Arrays as lists, numbers that are none as null: what a browser draws."""
    if isinstance(value, np.ndarray):
        # Empty ones plotly leaves as they are.
        value = value.tolist()
    if isinstance(value, dict):
        if "bdata" in value:
            array = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
            return plain(array.reshape(ast.literal_eval(f"[{value.get('shape', '-1')}]")).tolist())
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def assert_same_as_plotly(fig):
    """The JSON of an unchecked figure equals that of the same figure checked by plotly."""
    written = json.loads(to_json(fig))
    assert "_written" in vars(fig)
    checked = go.Figure(fig).to_plotly_json()
    assert "_written" not in vars(fig)
    assert written == {key: plain(checked[key]) for key in ("data", "layout")}
