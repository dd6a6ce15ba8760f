"""Logs as files and other programs get them: one line each, however long."""

import logging

import pytest

from wattledger.views.terminal import set_up_logging


def test_what_is_no_terminal_gets_each_log_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "it is told in many words " * 40
    set_up_logging("INFO")
    logging.getLogger("a piece").error("%s", sentence)
    logging.getLogger("a piece").warning("and then some")
    assert capsys.readouterr().err == f"ERROR    {sentence}\nWARNING  and then some\n"
