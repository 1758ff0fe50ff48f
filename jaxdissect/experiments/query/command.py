"""`dissect` with a `QuerySettings`: a dissection, asked about concepts and pictures."""

from pathlib import Path

import numpy as np

from jaxdissect import caching
from jaxdissect.data import images
from jaxdissect.data.listing import shown as as_text
from jaxdissect.dissection import queries
from jaxdissect.errors import BadInput
from jaxdissect.experiments.dissect import asking, telling
from jaxdissect.experiments.query import answers, outside, searching
from jaxdissect.experiments.query.settings import QuerySettings
from jaxdissect.runs import outputs, publishing, subjects


def run(config: QuerySettings) -> None:
    """Ask the dissection of a trained network; everything goes under `config.out`."""
    caching.use_compilation_cache()
    if not config.concepts and not config.images:
        raise BadInput("`concepts` and `images` are both empty; there is no question")
    trained = subjects.load(config)
    pictures = asking.own_pictures(config.images, trained.image_size)
    asked = asking.open_dissection(
        asking.folder_of(config, config.dissection, config.seed)
    )
    trained = asking.as_dissected(trained, asked)
    subject = subjects.of_trained(trained, (asked.layer,), facts={})
    about = [*config.concepts, *(as_text(path.stem) for path in config.images)]
    out = config.out or telling.default_out("query", asked.folder, about)
    ask_subject(config, subject, asked, pictures, out)


def ask_subject(
    config: QuerySettings,
    subject: subjects.Subject,
    asked: asking.Asked,
    pictures: np.ndarray,
    out: Path,
) -> None:
    """Ask the dissection of any network: tables, figures and a page.

    Args:
        config: the question.
        subject: the network that was dissected, with the layer that was.
        asked: its dissection.
        pictures: [P S S 3] of `config.images`.
        out: folder for the results.

    Raises:
        BadInput: what cannot be answered, or `out` holds another run.
    """
    asking.check_weights(asked, subject.digest)
    concepts = asking.concept_numbers(config.concepts, asked.saved.concepts)
    units = [units_of(config, asked, concept) for concept in concepts]
    probe, digest, labels = None, "", []
    if concepts:
        probe = outside.outside_of(config, asked, subject.image_size)
        digest = probe.source.digest
        names = [asked.saved.concepts[concept] for concept in concepts]
        labels = outside.numbers_in(probe.source, names)
    manifest = outputs.manifest(
        config,
        weights=subject.digest,
        dissected=images.fingerprint([asked.layer], asked.saved.result.iou),
        searched=digest,
        pictures=images.fingerprint([], pictures),
    )
    scope = searching.Scope(config, subject, asked, probe, pictures)
    said: list[str] = []

    def make(work: publishing.Work) -> None:
        found = []
        if probe is not None:
            asks = map(searching.Question, concepts, labels, units)
            found = searching.search(scope, probe, list(asks))
        said.extend(answers.write(work.results, scope, found))

    publishing.make_once(out, manifest, make)
    print("\n".join([*said, f"report: {out / 'report.html'}"]))


def units_of(config: QuerySettings, asked: asking.Asked, concept: int) -> list[int]:
    """The units that speak for a concept, the best first.

    Raises:
        BadInput: none has anything to do with it.
    """
    result = asked.saved.result
    detectors = queries.detectors_of(result.detectors, concept).tolist()
    if detectors:
        return detectors if config.units == "detectors" else detectors[:1]
    best = int(result.iou[:, concept].argmax())
    if not result.iou[best, concept] > 0:
        name, category = asked.saved.concepts[concept]
        raise BadInput(
            f"`concepts` has {category}/{name}, which no unit of {asked.layer} ever "
            "meets; ask for another"
        )
    return [best]
