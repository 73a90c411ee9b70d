"""The libraries whose versions a reader of a page is shown; a run's record holds all of them."""

SHOWN = ("numpy", "scipy", "numba", "scikit-learn", "plotly", "papermill", "ipykernel")
