"""Script for `jaxdissect dissect`; see README.md."""

import sys

from jaxdissect.cli import main

if __name__ == "__main__":
    main(["dissect", *sys.argv[1:]])
