"""Four regularisers on CIFAR-100, as a thesis ran them and as its text says.

What it is: Table 2 of that thesis (none, dropout .2, FocusedDropout .1, input-gradient
penalty .1 for VGG-16), the robustness of the networks against fast gradient sign steps,
and what their units detect. `focused dropout per element` and `input gradient
differences` are what the thesis's code did, `focused dropout` and `input gradient` what
its text and the papers say; two more weights of the penalty show its trend.

    python train.py configs/cifar100_regimes.py --quick --small.data.path FOLDER
    python train.py configs/cifar100_regimes.py --together --base.data.path FOLDER

where FOLDER holds the official cifar-100-binary or cifar-100-python. The quick form is
for two CPU cores and far from the thesis's numbers; the full one is for an accelerator.

Expected: docs/training.md has what was measured.
"""

import dataclasses
import runpy
from pathlib import Path

from jaxdissect.experiments import RegimesSettings

base = runpy.run_path(str(Path(__file__).with_name("cifar100_vgg16.py")))["config"]
small = dataclasses.replace(
    base,
    network=dataclasses.replace(base.network, width=0.125),
    data=dataclasses.replace(base.data, num_train=2000, num_test=1000),
    optim=dataclasses.replace(base.optim, lr=0.02, period=10, batch_size=64),
    schedule=((32, 8),),
)
config = RegimesSettings(base=base, small=small)
