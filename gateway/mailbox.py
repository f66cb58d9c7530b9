"""Commands for dispensers, in the spool until they are answered and the answer is delivered."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.database import Connection, Database
from gateway.orders import Order

TABLES = """
CREATE TABLE IF NOT EXISTS commands(
    dispenser TEXT NOT NULL, counter INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
    expires INTEGER NOT NULL, answer_kind TEXT, answer BLOB,
    PRIMARY KEY(dispenser, counter, kind)) WITHOUT ROWID;
"""
_MOST = 8
"""Commands kept for one dispenser."""
_MOST_OF_STRANGERS = 32
_OF_STRANGERS = """
SELECT CASE WHEN ? IN (SELECT dispenser FROM hello) THEN 0 ELSE
    (SELECT count(*) FROM commands WHERE dispenser NOT IN (SELECT dispenser FROM hello)) END
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dispenser answered to the command with this counter."""

    dispenser: str
    counter: int
    order_kind: str
    kind: str
    body: bytes


class Mailbox:
    """Queries on the commands; every method returns after COMMIT and raises SpoolError."""

    def __init__(self, database: Database, unix: Callable[[], float] = time.time) -> None:
        self._database = database
        self._unix = unix

    async def put(self, dispenser: str, order: Order, expires_in: float) -> bool:
        """Keep a command, also for a dispenser that was never here; False if too many wait."""
        expires = int(self._unix() + expires_in)

        def job(db: Connection) -> bool:
            (waiting,) = db.execute(
                "SELECT count(*) FROM commands WHERE dispenser = ?", (dispenser,)
            ).fetchone()
            (strange,) = db.execute(_OF_STRANGERS, (dispenser,)).fetchone()
            if waiting >= _MOST or strange >= _MOST_OF_STRANGERS:
                return False
            db.execute(
                "INSERT OR IGNORE INTO commands VALUES(?, ?, ?, ?, ?, NULL, NULL)",
                (dispenser, order.counter, order.kind, order.body, expires),
            )
            return True

        return await self._database.run(job, grows=True)

    async def waiting(self, dispenser: str) -> list[Order]:
        """Return a dispenser's commands without an answer, by counter."""

        def job(db: Connection) -> list[Order]:
            rows = db.execute(
                "SELECT kind, counter, body FROM commands WHERE dispenser = ?"
                " AND answer IS NULL ORDER BY counter",
                (dispenser,),
            )
            return [Order(*row) for row in rows]

        return await self._database.run(job, writes=False)

    async def answered(self, answer: Answer) -> None:
        """Keep an answer until it is delivered."""

        def job(db: Connection) -> None:
            db.execute(
                "UPDATE commands SET answer_kind = ?, answer = ?"
                " WHERE dispenser = ? AND counter = ? AND kind = ?",
                (answer.kind, answer.body, answer.dispenser, answer.counter, answer.order_kind),
            )

        await self._database.run(job)

    async def answers(self) -> list[Answer]:
        """Return the answers that are not delivered."""

        def job(db: Connection) -> list[Answer]:
            rows = db.execute(
                "SELECT dispenser, counter, kind, answer_kind, answer FROM commands"
                " WHERE answer IS NOT NULL ORDER BY dispenser, counter"
            )
            return [Answer(*row) for row in rows]

        return await self._database.run(job, writes=False)

    async def delivered(self, answer: Answer) -> None:
        """Forget a command whose answer the broker took."""

        def job(db: Connection) -> None:
            db.execute(
                "DELETE FROM commands WHERE dispenser = ? AND counter = ? AND kind = ?",
                (answer.dispenser, answer.counter, answer.order_kind),
            )

        await self._database.run(job)

    async def expire(self) -> int:
        """Forget commands that nobody took in time; returns how many."""
        now = int(self._unix())

        def job(db: Connection) -> int:
            return db.execute(
                "DELETE FROM commands WHERE answer IS NULL AND expires <= ?", (now,)
            ).rowcount

        return await self._database.run(job)
