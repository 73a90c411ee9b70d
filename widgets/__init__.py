"""One look for figures and one panel for every experiment; knows no paper."""
