"""How much one person and one project may have, so that nobody takes what others need.

Every object is checked where it is made. No check reads more than a few rows: tasks, memories, bytes and runs
are counted in the project's row, sessions and projects up to their quota.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from agent.exceptions import QuotaReached
from agent.models import ChatSession, Project
from agent.support import raw_sql
from agent.support.counts import count

NONE = 2**31 - 1  # rows, where a quota is 0, which means none
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Stock:
    """Objects of a project that are counted in its row, in `column`."""

    column: Literal["stored_tasks", "stored_memories"]
    setting: str
    name: str
    plural: str

    @property
    def quota(self) -> int:
        return int(getattr(settings, self.setting)) or NONE

    def take(self, project: UUID, number: int = 1) -> None:
        """Counts objects that are about to be created or restored. Raises `QuotaReached`, and counts none,
        if they are too many. Locks the project's row, and comes before the lock of an object.
        """
        taken = f"{self.column} = {self.column} + %s WHERE id = %s AND {self.column} <= %s"
        statement = f"UPDATE agent_project SET {taken} RETURNING id"
        if not raw_sql.column(statement, number, project, self.quota - number):
            raise self.reached(project, number)

    def give_back(self, project: UUID, number: int = 1) -> None:
        """Counts objects no longer, which are deleted."""
        left = f"CASE WHEN {self.column} > %s THEN {self.column} - %s ELSE 0 END"
        statement = f"UPDATE agent_project SET {self.column} = {left} WHERE id = %s RETURNING id"
        raw_sql.rows(statement, number, number, project)

    def reached(self, project: UUID, number: int) -> QuotaReached:
        found = raw_sql.column(f"SELECT {self.column} FROM agent_project WHERE id = %s", project)
        return QuotaReached(
            f"A project may have {_number(self.quota, self.name, self.plural)}. This one has "
            f"{found[0]:,}, so {number:,} more would be too many. Delete {self.plural} to make room."
        )


TASKS = Stock("stored_tasks", "SAMURAI_PROJECT_TASKS", "task", "tasks")
MEMORIES = Stock("stored_memories", "SAMURAI_PROJECT_MEMORIES", "memory", "memories")


def _number(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {count(number, noun, plural).partition(' ')[2]}"


def room(project: Project) -> int:
    """Returns how many tasks or memories, the fewer of both, fit into the project as it was read."""
    return min(stock.quota - int(getattr(project, stock.column)) for stock in (TASKS, MEMORIES))


_NUMBER = "SELECT count(*) FROM (SELECT 1 FROM {} LIMIT %s) of"


@dataclass(frozen=True, slots=True)
class Rows:
    """Objects of a person or a project that are counted when another one is made. `table`, `where`: of the
    objects, for the key of `holder`; `refusal`: about the quota, to be filled with the number.
    """

    setting: str
    holder: str
    table: str
    where: str
    name: str
    refusal: str

    def check(self, key: int | UUID) -> None:
        """Raises `QuotaReached` if there can be no other one. Locks the holder's row, so that two that are
        made at the same time do not both get the last place.
        """
        quota = getattr(settings, self.setting)
        if not quota:
            return
        raw_sql.lock(self.holder, key)
        found = raw_sql.column(_NUMBER.format(f"{self.table} WHERE {self.where}"), key, quota)
        if found[0] >= quota:
            raise QuotaReached(self.refusal.format(_number(quota, self.name)))


SESSIONS = Rows(
    "SAMURAI_PROJECT_SESSIONS",
    "agent_project",
    "agent_chatsession",
    "project_id = %s",
    "session",
    "A project may have {}, and this one has as many. Delete sessions to make room.",
)
PROJECTS = Rows(
    "SAMURAI_USER_PROJECTS",
    "auth_user",
    "agent_project",
    "owner_id = %s",
    "project",
    "A person may own {}, and you own as many. Delete one of them to make room.",
)


def check_bytes(stored: int) -> None:
    """Raises `QuotaReached` if a project that has stored so many bytes may store no more."""
    quota = settings.SAMURAI_PROJECT_MEGABYTES
    if quota and stored >= quota * MEGABYTE:
        raise QuotaReached(
            f"A project may store {quota:,} MB, and this one has stored as much. Delete sessions that "
            "are no longer needed to make room."
        )


# -- a day -----------------------------------------------------------------------------------------


def _now() -> datetime:
    return timezone.localtime(timezone.now(), ZoneInfo(settings.SAMURAI_TIME_ZONE))


def today() -> int:
    """Returns the day in the time zone of the people, as a number: 1 is the first day of the year 1."""
    return _now().toordinal()


def start_of_day() -> datetime:
    return _begin(_now().date())


def end_of_day() -> datetime:
    return _begin(_now().date() + timedelta(days=1))


def end_of_month() -> datetime:
    return _begin((_now().date().replace(day=1) + timedelta(days=32)).replace(day=1))


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(settings.SAMURAI_TIME_ZONE))


def until(moment: datetime) -> str:
    """Returns when a quota has room again, in words."""
    return f"{moment:%H:%M} on {moment:%B} {moment.day} ({settings.SAMURAI_TIME_ZONE})"


# SQL for the runs that a person has started since the beginning of the day, to be filled with `runs_of_day`:
# each run has its number among those, so that none is counted.
RUNS_OF_DAY = """
SELECT max(runs) FROM (
    SELECT runs FROM (
        SELECT of_day AS runs FROM agent_run WHERE created_by_id = %s AND created_at >= %s
        ORDER BY created_at DESC LIMIT 1
    ) AS latest
    UNION ALL SELECT runs FROM agent_deletedruns WHERE user_id = %s AND day = %s
) AS numbers
"""
_KEEP_RUNS = """
INSERT INTO agent_deletedruns (user_id, day, runs)
SELECT created_by_id, %s, max(of_day) FROM agent_run
WHERE session_id = %s AND created_at >= %s AND created_by_id IS NOT NULL AND of_day IS NOT NULL
GROUP BY created_by_id
ON CONFLICT (user_id) DO UPDATE SET day = excluded.day, runs = CASE
    WHEN agent_deletedruns.day = excluded.day AND agent_deletedruns.runs > excluded.runs
    THEN agent_deletedruns.runs ELSE excluded.runs END
RETURNING user_id
"""


def runs_of_day(user: int | None) -> tuple[int | None, datetime, int | None, int]:
    """Returns what `RUNS_OF_DAY` is filled with."""
    return user, start_of_day(), user, today()


def keep_runs_of(instance: ChatSession, **_: Any) -> None:
    """Keeps the runs of today counted for their people while their session is deleted."""
    raw_sql.rows(_KEEP_RUNS, today(), instance.pk, start_of_day())


def check_runs(of_person: int, of_project: int) -> None:
    """Raises `QuotaReached` if one more run than these would be too many on one day."""
    for subject, number, quota in (
        ("You may start", of_person, settings.SAMURAI_USER_RUNS_PER_DAY),
        (
            "All of this project together may start",
            of_project,
            settings.SAMURAI_PROJECT_RUNS_PER_DAY,
        ),
    ):
        if quota and number >= quota:
            ends = end_of_day()
            text = f"{subject} {_number(quota, 'run')} a day. The next one is possible at {until(ends)}."
            raise QuotaReached(text, ends)


# -- tokens of models ------------------------------------------------------------------------------

_ADD = """
INSERT INTO agent_modeltokens (user_id, project_id, day, tokens) VALUES (%s, %s, %s, %s)
ON CONFLICT (user_id, day, project_id)
DO UPDATE SET tokens = agent_modeltokens.tokens + excluded.tokens RETURNING id
"""
_USED = """
SELECT COALESCE(sum(CASE day WHEN %s THEN tokens END), 0), COALESCE(sum(tokens), 0)
FROM agent_modeltokens WHERE {} = %s AND day >= %s
"""


def has_share_of_model() -> bool:
    """Tells whether any share is set. Without one, the tokens of runs are not counted here."""
    return any(
        getattr(settings, f"SAMURAI_{kind}_MODEL_TOKENS_PER_{span}")
        for kind in ("USER", "PROJECT")
        for span in ("DAY", "MONTH")
    )


def add_model_tokens(user: int, project: UUID, tokens: int) -> None:
    """Counts tokens of a model that a run of the person in the project used."""
    raw_sql.rows(_ADD, user, project, today(), tokens)


def used_model_tokens(column: Literal["user_id", "project_id"], key: int | UUID) -> tuple[int, int]:
    """Returns the tokens that a person or a project used today, and this month."""
    month = _now().date().replace(day=1).toordinal()
    ((of_day, of_month),) = raw_sql.rows(_USED.format(column), today(), key, month)
    return int(of_day), int(of_month)


def check_model_tokens(user: int, project: UUID) -> None:
    """Raises `QuotaReached` if a share of the person or of the project is used up."""
    keys = {"USER": ("user_id", user), "PROJECT": ("project_id", project)}
    for kind, (column, key) in keys.items():
        of_day: int = getattr(settings, f"SAMURAI_{kind}_MODEL_TOKENS_PER_DAY")
        of_month: int = getattr(settings, f"SAMURAI_{kind}_MODEL_TOKENS_PER_MONTH")
        if not of_day and not of_month:
            continue
        used_today, used_this_month = used_model_tokens(column, key)  # type: ignore[arg-type]
        if of_month and used_this_month >= of_month:
            raise _used_up(kind, of_month, "month", end_of_month())
        if of_day and used_today >= of_day:
            raise _used_up(kind, of_day, "day", end_of_day())


def _used_up(kind: str, quota: int, span: str, ends: datetime) -> QuotaReached:
    whose = "Your runs" if kind == "USER" else "The runs of this project"
    return QuotaReached(
        f"{whose} may use {_number(quota, 'token')} of the model a {span}, and have used them. The next "
        f"call is possible at {until(ends)}; what was done is kept.",
        ends,
    )


# -- for people to read ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Use:
    """How much of something there is. `quota`: 0 for none."""

    name: str
    used: int
    quota: int

    def __str__(self) -> str:
        of = f" of {self.quota:,}" if self.quota else ""
        return f"{self.name}: {self.used:,}{of}"


def use_of_project(project: Project) -> list[Use]:
    """Returns what a project uses, as it was read, without what would have to be counted."""
    is_today = project.runs_day == today()
    return [
        Use("Tasks", project.stored_tasks, settings.SAMURAI_PROJECT_TASKS),
        Use("Memories", project.stored_memories, settings.SAMURAI_PROJECT_MEMORIES),
        Use("MB stored", project.stored_bytes // MEGABYTE, settings.SAMURAI_PROJECT_MEGABYTES),
        Use(
            "Runs today",
            project.runs_of_day if is_today else 0,
            settings.SAMURAI_PROJECT_RUNS_PER_DAY,
        ),
        *_use_of_model("PROJECT", "project_id", project.pk),
    ]


def use_of_person(user: int) -> list[Use]:
    """Returns what a person uses, without what would have to be counted."""
    runs = raw_sql.column(RUNS_OF_DAY, *runs_of_day(user))
    return [
        Use("Runs today", (runs and runs[0]) or 0, settings.SAMURAI_USER_RUNS_PER_DAY),
        *_use_of_model("USER", "user_id", user),
    ]


def _use_of_model(
    kind: str, column: Literal["user_id", "project_id"], key: int | UUID
) -> list[Use]:
    return [
        Use(
            f"Model tokens {name}",
            used,
            getattr(settings, f"SAMURAI_{kind}_MODEL_TOKENS_PER_{span}"),
        )
        for (name, span), used in zip(
            (("today", "DAY"), ("this month", "MONTH")), used_model_tokens(column, key), strict=True
        )
    ]
