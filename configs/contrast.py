"""Two dissections side by side: which concepts are gained and lost, unit by unit.

    python dissect.py
    python dissect.py --random-weights
    python dissect.py configs/contrast.py \\
        --first runs/dissect-random-scenes_vgg16-conv5_3-pnas20 \\
        --second runs/dissect-scenes_vgg16-conv5_3-pnas20

Any two folders of a layer's results: of two checkpoints, two trainings, two layers, two
sets of conventions. Either may be a file with published names of units, see
docs/dissection.md.
"""

from jaxdissect.experiments import ContrastSettings

config = ContrastSettings()
