"""How anything runs: images, passes, folders of results; knows no experiment."""
