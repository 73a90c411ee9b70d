"""How long a GPU works, by its own events, which no transfer and no waiting host adds to."""


class Stopwatch:
    """Adds up the time of what is started within it."""

    def __init__(self, cupy):
        self._cupy, self._pairs = cupy, []

    def __enter__(self):
        self._pairs.append([self._cupy.cuda.Event() for _ in range(2)])
        self._pairs[-1][0].record()
        return self

    def __exit__(self, *_):
        self._pairs[-1][1].record()

    def seconds(self):
        """The time so far, which is forgotten."""
        if not self._pairs:
            return 0.0
        self._pairs[-1][1].synchronize()
        each = [self._cupy.cuda.get_elapsed_time(*pair) for pair in self._pairs]
        self._pairs.clear()
        return sum(each) / 1e3


class Timed:
    """A kernel whose launches a stopwatch times."""

    def __init__(self, kernel, watch):
        self.__dict__.update(kernel=kernel, watch=watch)

    def __call__(self, *arguments, **options):
        with self.watch:
            self.kernel(*arguments, **options)

    def __setattr__(self, name, value):
        # The shared memory that a kernel may have is set as an attribute.
        setattr(self.kernel, name, value)
