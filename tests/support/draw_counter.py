"""How many numbers an experiment draws."""


def counted(monkeypatch, module):
    """A list that gets the size of every draw from the normal law that the module makes."""
    drawn, make = [], module.generator

    class Counted:
        def __init__(self, rng):
            self.rng = rng

        def standard_normal(self, shape, dtype):
            found = self.rng.standard_normal(shape, dtype=dtype)
            drawn.append(found.size)
            return found

    monkeypatch.setattr(module, "generator", lambda *args: Counted(make(*args)))
    return drawn
