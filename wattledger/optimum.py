"""The most that any plan could deliver below a limit, knowing everything: a linear program, solved by HiGHS.

HiGHS is no part of what is installed to run WattLedger: where it is missing, a back-test goes without the optimum.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from domain.load.stays import Stay, Trial

WITHOUT_HIGHS = "the optimum is left out: it takes the package highspy (pip install highspy)"


def has_highs() -> bool:
    """Whether HiGHS is installed here."""
    try:
        import highspy  # noqa: F401
    except ImportError:
        return False
    return True


def optimum(stays: Sequence["Stay"], trial: "Trial") -> float:
    """The largest share of 1 of all needed energy that the limit lets through, in steps and floors of nothing."""
    import highspy
    from highspy import _core

    # `highspy.Highs` prints a banner when it is made, among the documents; what it derives from does not.
    solver: Any = _core._Highs()
    solver.setOptionValue("output_flag", False)
    solver.passModel(_program(highspy, stays, trial))
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS found no optimum: {solver.getModelStatus()}")
    return -float(solver.getInfo().objective_function_value) / sum(float(stay.need_wh) for stay in stays)


def _program(highspy: Any, stays: Sequence["Stay"], trial: "Trial") -> Any:
    """Energy of each car between two changes of who is there; as much of it as possible.

    Within such a span rates that are constant are as good as any, so that spans need not be as short as the interval.
    """
    changes = sorted({at for stay in stays for at in (stay.connected_at, stay.departs_at)})
    number = {at: place for place, at in enumerate(changes)}
    most_wh: list[float] = []
    rows: list[tuple[list[int], float]] = []
    of_span: dict[int, list[int]] = defaultdict(list)
    for stay in stays:
        watts = float(stay.max_a * trial.voltage_v * len(stay.phases)) / 10
        spans = range(number[stay.connected_at], number[stay.departs_at])
        columns = [*range(len(most_wh), len(most_wh) + len(spans))]
        for span, column in zip(spans, columns, strict=True):
            of_span[span].append(column)
            most_wh.append(watts * (changes[span + 1] - changes[span]) / 3_600)
        rows.append((columns, float(stay.need_wh)))
    for span, columns in of_span.items():
        rows.append((columns, float(trial.limit_w) * (changes[span + 1] - changes[span]) / 3_600))
    return _as_model(highspy, most_wh, rows)


def _as_model(highspy: Any, most: Sequence[float], rows: Sequence[tuple[Sequence[int], float]]) -> Any:
    """The program as HiGHS takes it: each column from 0 to its most, each row a sum of columns that has a limit."""
    starts, columns = [0], list[int]()
    for of_row, _ in rows:
        columns += of_row
        starts.append(len(columns))
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = len(most), len(rows)
    program.col_cost_ = [-1.0] * len(most)
    program.col_lower_, program.col_upper_ = [0.0] * len(most), [*most]
    program.row_lower_ = [-highspy.kHighsInf] * len(rows)
    program.row_upper_ = [limit for _, limit in rows]
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_, program.a_matrix_.index_ = starts, columns
    program.a_matrix_.value_ = [1.0] * len(columns)
    return program
