from __future__ import annotations

import argparse

import pytest

from footmm.apis.cli import add_config_arguments, report_errors
from footmm.errors import ConfigError, DataFormatError


def test_config_arguments():
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    args = parser.parse_args(["c.py", "--cfg-options", "a.b=1", "c=[x,y]"])
    assert args.config == "c.py"
    assert args.cfg_options == {"a.b": 1, "c": ["x", "y"]}


def test_user_errors_are_printed_without_a_traceback(capsys):
    with pytest.raises(SystemExit, match="2"), report_errors():
        raise ConfigError("'x' is wrong")
    assert capsys.readouterr().err == "error: 'x' is wrong\n"


def test_an_error_from_a_worker_is_reduced_to_its_message(capsys):
    text = (
        "Caught DataFormatError in DataLoader worker process 0.\n"
        "Original Traceback (most recent call last):\n  File ...\n"
        "footmm.errors.DataFormatError: image 'a.png' is empty\n"
    )
    with pytest.raises(SystemExit, match="2"), report_errors():
        raise DataFormatError(text)
    assert capsys.readouterr().err == "error: image 'a.png' is empty\n"


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), report_errors():
        raise ZeroDivisionError
