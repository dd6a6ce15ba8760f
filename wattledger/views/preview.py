"""Runs to come as tables for people."""

import sys
from collections.abc import Iterable

from engine.preview import PreviewedRun
from engine.preview_documents import preview_document
from wattledger.views.tables import print_table

_PAYS = ("operator_id", "business_date", "currency", "amount", "reserve", "retained", "withheld", "status", "doubts")
_LEAVES = ("operator_id", "business_date", "currency", "reason", "amount", "entries", "comes_with")


def show_preview(runs: Iterable[PreviewedRun]) -> None:
    """What the runs pay, and below it what they leave out, and why; a sentence where there are none."""
    told = [preview_document(run) for run in runs]
    if not told:
        sys.stdout.write("No run to come pays or leaves out anything: by what is known now nobody is owed money.\n")
        return
    pays = [
        {**run, **payout, "withheld": " ".join(payout["withheld"].values()), "doubts": ", ".join(payout["doubts"])}
        for run in told
        for payout in run["payouts"]
    ]
    leaves = [{**run, **each} for run in told for each in run["excluded"]]
    numbers = ("amount", "reserve", "retained", "withheld")
    print_table("Payouts of the runs to come", _PAYS, [[row[name] for name in _PAYS] for row in pays], numbers)
    sys.stdout.write("\n")
    print_table("Left out", _LEAVES, [[row[name] for name in _LEAVES] for row in leaves], ("amount", "entries"))
