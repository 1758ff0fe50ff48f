"""Script for `jaxdissect train`; see README.md."""

import sys

from jaxdissect.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
