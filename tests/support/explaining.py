"""A cursor that keeps the plans of what is asked by it."""

from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow


class Explaining(Cursor[TupleRow]):
    """A cursor that keeps the plan of every query before it is run."""

    plans: list[str] | None = None

    def execute(self, query: Any, parameters: Any = None, **options: Any) -> Any:  # type: ignore[override]
        if self.plans is not None:
            text = query if isinstance(query, bytes) else query.encode()
            super().execute(b"EXPLAIN " + text, parameters, **options)
            self.plans.append("\n".join(row[0] for row in self.fetchall()))
        return super().execute(query, parameters, **options)
