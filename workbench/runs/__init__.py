"""One run, from a notebook's name to a record and a page: finding, checking, executing."""
