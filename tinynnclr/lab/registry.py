"""The ways to judge an encoder, by name, and the files that they leave: `tinynnclr evaluate RUN
--protocol semi,dense`.

A protocol is a function EvalContext -> EvalResult. A new one adds its line to PROTOCOLS.
"""
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..datasets.dataset import digests
from ..storage.atomic import expect_ours, write_text
from ..storage.messages import nearest
from .detection.evaluate import detection
from .protocols import frozen_features
from .protocols.context import EvalContext, EvalResult, table
from .protocols.few_shot import few_shot
from .protocols.robustness import robustness
from .protocols.semi_supervised import semi_supervised
from .protocols.transfer import transfer
from .provenance import stamped


class Protocol(NamedTuple):
    """A protocol's function, and what it measures."""

    evaluate: Callable[[EvalContext], EvalResult]
    meaning: str


PROTOCOLS = {
    "knn": Protocol(frozen_features.knn, "the class of an image's neighbours, k and temperature as in the run"),
    "linear": Protocol(frozen_features.linear, "a linear classifier, its weight decay chosen on a part of train"),
    "clusters": Protocol(frozen_features.clusters, "k-means on the features, compared with the classes"),
    "semi": Protocol(semi_supervised, "1 % and 10 % of the labels: a probe, fine-tuning, learning from scratch"),
    "transfer": Protocol(transfer, "other sets, by a linear classifier and by fine-tuning"),
    "fewshot": Protocol(few_shot, "other sets, from one and from five pictures of each class"),
    "robustness": Protocol(robustness, "kNN of test images turned, made noisy, restyled"),
    "dense": Protocol(detection, "boxes, masks and key points of several toys in a scene"),
}


def picture(name: str) -> Callable[[EvalResult, Path, str], Path]:
    """The function (finding, path, title) -> path that draws a protocol's picture."""
    from .plots.detection import draw_dense  # Matplotlib takes a second to import
    from .plots.finding import draw_finding
    from .plots.robustness import draw_robustness
    from .plots.transfer_sets import draw_sets

    own: dict[str, Callable[..., Path]] = {"transfer": draw_sets, "fewshot": draw_sets,
                                           "robustness": draw_robustness, "dense": draw_dense}
    return own.get(name, draw_finding)


def parse_protocols(text: str) -> list[str]:
    """The names in "semi,dense"; "all" is every one. Raises ValueError for an unknown name."""
    names = [word.strip() for word in text.split(",")]
    for name in names:
        if name not in PROTOCOLS and name != "all":
            raise ValueError(f"--protocol: expected all or some of {', '.join(PROTOCOLS)}; "
                             f"got {name!r}{nearest(name, PROTOCOLS)}")
    return list(dict.fromkeys(name for word in names for name
                              in (PROTOCOLS if word == "all" else [word])))


def evaluate_into(folder: Path, name: str, subject: EvalContext) -> EvalResult:
    """Judge by one protocol, and leave NAME.json, NAME.md and NAME.png in the folder."""
    protocol, config = PROTOCOLS[name], subject.config
    files = [folder / f"{name}.{ending}" for ending in ("json", "md", "png")]
    expect_ours(files,
                lambda path: json.loads(path.read_text(encoding="utf-8"))["protocol"] == name)
    finding = protocol.evaluate(subject)
    title = f"{name}: {config.method} on {config.dataset}, seed {config.seed}"
    result = stamped({"config": config.to_dict(), "protocol": name, **finding.to_dict(),
                      "data": digests(*subject.data)}, config.method)
    page = f"# {title}\n\n{table(finding.rows)}\n\n{finding.description}\n\nMachine: {result['machine']}; tinynnclr " \
           f"{result['version']}, {result['collected']}.\n"
    for path, text in zip(files, (json.dumps(result, indent=1) + "\n", page), strict=False):
        write_text(path, text)
    picture(name)(finding, files[2], title)
    return finding
