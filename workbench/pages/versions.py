"""The libraries whose versions a page shows and a run's identity takes in; a record holds all."""

SHOWN = ("numpy", "scipy", "numba", "scikit-learn", "plotly", "papermill", "ipykernel")
