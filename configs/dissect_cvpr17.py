"""The bundled network dissected by the conventions of Network Dissection, CVPR 2017.

Thresholds at the top 0.5 % of the native maps, unions within a concept's category, and
detectors from an IoU of .04 on (Bau et al., CVPR 2017). Counts differ from those of the
default preset; they are other definitions, not better or worse units.

    python dissect.py configs/dissect_cvpr17.py
"""

from jaxdissect.experiments import DissectSettings, ProtocolSettings

config = DissectSettings(protocol=ProtocolSettings(preset="cvpr17"))
