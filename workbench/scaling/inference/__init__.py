"""What a fit is worth: standard errors, profiles, bootstraps, predictions, comparisons."""
