"""Bad inputs of every kind, and what must become of each.

In reading order: `mutations` (what is done to a file), `judging` (what a command may do
about it), `world` (the smallest network, pictures and results there can be).
"""
