"""`python -m config.dev.sandbox`: run the sandbox without Django."""

import sys
from argparse import ArgumentParser

from config.dev.sandbox import options, server


def main() -> int:
    """Read the command line and serve."""
    parser = ArgumentParser(prog="sandbox", description="A stand-in for Meta's Graph API.")
    options.add_arguments(parser)
    return server.run(options.from_arguments(vars(parser.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
