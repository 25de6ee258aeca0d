"""The protocols by name, and the files that they write: `tinynnclr evaluate RUN --protocol semi`.

A protocol is a function EvalContext -> EvalResult. A new one adds its line to PROTOCOLS.
"""
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from ..datasets.digests import digests
from ..storage.atomic import expect_ours, write_text
from ..storage.messages import nearest
from .detection.evaluate import detection
from .protocols import frozen_features
from .protocols.context import EvalContext, EvalResult, table
from .protocols.few_shot import few_shot
from .protocols.robustness import robustness
from .protocols.semi_supervised import semi_supervised
from .protocols.transfer import transfer
from .provenance import provenance_text, stamped


class Protocol(NamedTuple):
    """A protocol's function, and what it measures."""

    evaluate: Callable[[EvalContext], EvalResult]
    meaning: str


PROTOCOLS = {
    "knn": Protocol(frozen_features.knn,
                    "weighted k nearest neighbours, k and temperature as in the run"),
    "linear": Protocol(frozen_features.linear,
                       "a linear classifier, its weight decay chosen on a part of train"),
    "clusters": Protocol(frozen_features.clusters,
                         "k-means on the features, compared with the classes"),
    "semi": Protocol(semi_supervised,
                     "1 % and 10 % of the labels: a probe, fine-tuning, learning from scratch"),
    "transfer": Protocol(transfer, "other sets, by a linear classifier and by fine-tuning"),
    "fewshot": Protocol(few_shot, "other sets, from one and from five images of each class"),
    "robustness": Protocol(robustness, "kNN of test images turned, made noisy, restyled"),
    "dense": Protocol(detection, "boxes, masks and key points of several toys in a scene"),
}


def picture(name: str) -> Callable[[EvalResult, Path, str], Path]:
    """The function (result, path, title) -> path that draws a protocol's picture."""
    from .plots.detection import draw_dense  # matplotlib takes a second to import
    from .plots.finding import draw_finding

    return draw_dense if name == "dense" else draw_finding  # type: ignore[return-value]


def parse_names(text: str, known: Collection[str], flag: str) -> list[str]:
    """The names in "semi,dense"; "all" is every known one. Raises ValueError for an unknown name.
    """
    names = [word.strip() for word in text.split(",")]
    for name in names:
        if name not in known and name != "all":
            raise ValueError(f"{flag}: expected all or some of {', '.join(known)}; "
                             f"got {name!r}{nearest(name, known)}")
    return list(dict.fromkeys(name for word in names for name
                              in (known if word == "all" else [word])))


def parse_protocols(text: str) -> list[str]:
    """The protocols that --protocol names."""
    return parse_names(text, PROTOCOLS, "--protocol")


def run_protocol(folder: Path, name: str, context: EvalContext) -> EvalResult:
    """Evaluate by one protocol, and write NAME.json, NAME.md and NAME.png in the folder."""
    config = context.config
    files = [folder / f"{name}.{ending}" for ending in ("json", "md", "png")]
    expect_ours(files,
                lambda path: json.loads(path.read_text(encoding="utf-8"))["protocol"] == name)
    result = PROTOCOLS[name].evaluate(context)
    title = f"{name}: {config.method} on {config.dataset}, seed {config.seed}"
    stored = stamped({"config": config.to_dict(), "protocol": name, **result.to_dict(),
                      "data": digests(*context.data)}, config.method)
    write_text(files[0], json.dumps(stored, indent=1) + "\n")
    write_text(files[1], "\n\n".join([f"# {title}", table(result.rows), result.description,
                                      provenance_text(stored)]) + "\n")
    picture(name)(result, files[2], title)
    return result
