"""Print a config the way the tools see it: bases merged, overrides applied."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from footmm.apis.cli import add_config_arguments, report_errors
from footmm.apis.config import load_config


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument("--save", type=Path, metavar="FILE", help="also write it to this .py file")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        text = load_config(args.config, args.cfg_options).pretty_text
        print(text)
        if args.save is not None:
            args.save.parent.mkdir(parents=True, exist_ok=True)
            temporary = args.save.with_name(f".{args.save.name}.tmp")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(args.save)


if __name__ == "__main__":
    main()
