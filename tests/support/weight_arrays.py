"""All arrays of a weight file, read at once."""

from workbench.inits.weights.reading.files import contents, read


def arrays(path):
    """The arrays of a file by name."""
    return {name: read(name, array) for name, array in contents(str(path)).arrays.items()}
