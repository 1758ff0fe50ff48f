"""What a small tanh network asks of its filters on the Yale faces, over ten splits.

Lo, Cohen and Ding, Prediction gradients for feature extraction and analysis from
convolutional neural networks, FG 2015, and the thesis behind it: error, filters each
person asks for, knock-outs, look-alike features, pushed faces.

    python train.py configs/faces_gradients.py --base.data.path FOLDER

FOLDER holds the 165 files of the Yale Face Database (docs/faces.md). About a minute for
each split on two CPU cores; stopped runs go on. The splits are 10 to 19: no setting was
chosen by looking at them.
"""

import runpy
from pathlib import Path

from jaxdissect.experiments import FacesSettings, GradientsSettings

base = runpy.run_path(str(Path(__file__).with_name("faces_lenet.py")))["config"]
config = FacesSettings(
    base=base, splits=tuple(range(10, 20)), ask=GradientsSettings(removed=20)
)
