"""Networks trained elsewhere: where they are published, how they are fetched."""
