"""Numbers and durations for people."""


def counted(number: int, noun: str) -> str:
    """``"1 message"``, ``"2,000 messages"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def spoken(seconds: float) -> str:
    """A duration for people: ``"0.4 s"``, ``"45 s"``, ``"3 min"``, ``"2 h"``, ``"5 days"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
