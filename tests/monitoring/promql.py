"""What a query of PromQL asks for: its series, with the labels by which they are chosen and grouped."""

from promql_parser import AggregateExpr, Expr, MatrixSelector, VectorSelector, parse, walk


def series_of(query: str) -> dict[str, set[str]]:
    """Each series that a query asks for, with all labels that it is chosen or grouped by.

    Grafana's own variables stand for a duration and a pattern. Raises ValueError for what is no PromQL.
    """
    tree = parse(query.replace("$__rate_interval", "5m").replace("$job", ".+"))
    found: dict[str, set[str]] = {}
    for selector in _selectors(tree):
        assert selector.name is not None
        found.setdefault(selector.name, set()).update(each.name for each in selector.matchers.matchers)

    def group(expression: Expr) -> None:
        if isinstance(expression, AggregateExpr) and expression.modifier is not None:
            for selector in _selectors(expression.expr):
                found[str(selector.name)].update(expression.modifier.labels)

    walk(tree, group)
    return found


def _selectors(tree: Expr) -> list[VectorSelector]:
    found: list[VectorSelector] = []

    def note(expression: Expr) -> None:
        if isinstance(expression, MatrixSelector):
            expression = expression.vector_selector
        if isinstance(expression, VectorSelector):
            found.append(expression)

    walk(tree, note)
    return found
