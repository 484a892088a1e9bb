"""Where the events of a run are in the event log of its session."""

from __future__ import annotations

from agent.event_log.events import EventType
from agent.models import Run
from agent.support import raw_sql

# So many events from the end of the log are read at first, and four times as many each further time:
# without the bounds, PostgreSQL may read the whole table to find one event of a long log.
_PART = 100
# A run's message is just before the first event of the type `run`; its last words, and what it remembers
# after its answer, are among so many events behind the last one.
_BEFORE, _BEHIND = 10, 500


def start_of(run: Run) -> int:
    """Returns the position just before the event of the message that the run answers."""
    return max(_latest(run, f"AND type = '{EventType.MESSAGE}'") - 1, 0)


def end_of(run: Run) -> int:
    """Returns the position of the run's latest event; 0 when it has none."""
    return _latest(run)


def span_of(run: Run) -> tuple[int, int] | None:
    """Returns the positions of the run's first and latest event, wherever in the log they are; None if it
    has none.
    """
    keys = run.session_id, run.pk
    ((first, last),) = raw_sql.rows(_SPAN, run.pk, *keys, *keys)
    if first is None:
        return None
    # One that is not over may have written any number of events since its state changed.
    return int(first), end_of(run) if run.status in Run.UNFINISHED else int(last)


_OWN = "SELECT {}(seq) FROM agent_event WHERE session_id = %s AND run_id = %s"
_SPAN = f"""
WITH states AS (
    SELECT min(seq) AS first, max(seq) AS last FROM agent_event
    WHERE run_id = %s AND type = '{EventType.RUN}'
)
SELECT ({_OWN.format("min")} AND seq >= states.first - {_BEFORE} AND seq <= states.first),
({_OWN.format("max")} AND seq >= states.last AND seq <= states.last + {_BEHIND}) FROM states
"""


def _latest(run: Run, condition: str = "") -> int:
    """Returns the position of the run's latest event that meets the condition."""
    (end,) = raw_sql.column("SELECT last_seq FROM agent_chatsession WHERE id = %s", run.session_id)
    query = (
        "SELECT seq FROM agent_event WHERE session_id = %s AND seq > %s AND seq <= %s"
        f" AND run_id = %s {condition} ORDER BY seq DESC LIMIT 1"
    )
    part = _PART
    while end > 0:
        for seq in raw_sql.column(query, run.session_id, end - part, end, run.pk):
            return int(seq)
        end, part = end - part, part * 4
    return 0
