"""Figures: what all of them share; knows no experiment."""
