"""Independent reference implementations for the tests.

Each function is the published definition written out in plain numpy, with loops and
without regard for speed, or, in the ``torch_`` modules, plain PyTorch. Nothing here
imports the library: the tests compare the library with these functions, and
``test_reference.py`` compares these functions with examples worked by hand and with
published result tables.

Sources are cited by short names:
    BAU17: Bau et al., Network Dissection, CVPR 2017 (arXiv 1704.05796).
    BAU20: Bau et al., Understanding the role of individual units in a deep neural
        network, PNAS 2020 (arXiv 2009.05041).
"""
