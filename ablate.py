"""Script for `jaxdissect ablate`; see README.md."""

import sys

from jaxdissect.cli import main

if __name__ == "__main__":
    main(["ablate", *sys.argv[1:]])
