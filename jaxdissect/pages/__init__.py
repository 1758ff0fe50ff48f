"""HTML pages: what all of them share; knows no experiment."""
