"""What a run leaves for people to read: tables, one HTML page, figures.

Functions build strings and figures; writing them to files is left to thin writers and
to the scripts. Only the modules of figures load matplotlib.
"""
