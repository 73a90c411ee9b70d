"""The commands of the command line: their words, and the work they call for."""
