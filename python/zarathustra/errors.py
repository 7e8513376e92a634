"""Why a model is not imported."""


class Refused(Exception):
    """A model, or a file of it, that is not imported.

    ``code`` is a stable name of the reason; ``items`` lists what was found as pairs of a place (a
    layer, a node, a key) and what is wrong there, all of it and not only the first.
    """

    def __init__(self, code, message, items=()):
        self.code = code
        self.message = message
        self.items = [(str(place), str(what)) for place, what in items]
        super().__init__(message)

    def __str__(self):
        lines = [f"{self.message} [{self.code}]"]
        lines += [f"  {place}: {what}" for place, what in self.items]
        return "\n".join(lines)


class Unsupported(Exception):
    """One thing that has no counterpart; collected into a :class:`Refused`."""


class UnsupportedPart(Unsupported):
    """One whose reason says more than those of the parts that it is made of."""
