"""One run's page: what it is made of, and the text of the file that opens anywhere."""
