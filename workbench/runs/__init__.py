"""From a notebook's name to a record and a page: finding, executing, recording, rendering."""
