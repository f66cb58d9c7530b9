"""For how long there has been no way from here to the broker: dispensers show it to patients."""

_MOST = 255


def away(now: float, *lost: float | None) -> int:
    """Return `HelloRequest.away`: full minutes for which all that could be a way was none.

    lost: when each was lost, in seconds as `now`; None: it is there. One that is there is enough.
    """
    since = [at for at in lost if at is not None]
    return min(_MOST, int(now - max(since)) // 60) if len(since) == len(lost) else 0
