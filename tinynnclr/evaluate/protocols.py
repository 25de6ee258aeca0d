"""The ways to judge an encoder, by name, and the files that they leave: `tinynnclr evaluate RUN --protocol semi,dense`.

A protocol is a function Subject -> Finding; a new one adds its line to PROTOCOLS.
"""
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..console import nearest
from ..datasets.dataset import digests
from ..disk import expect_ours, write_text
from .collect import stamped
from .finding import Finding, Subject, table


class Protocol(NamedTuple):
    """Where a protocol lives, what it does, and the picture of what it finds."""

    function: str  # module:name, imported when it is asked for
    meaning: str
    draw: str = "plots_finding:draw_finding"  # module:name of (finding, path, title) -> path, in the package

    def judge(self, subject: Subject) -> Finding:
        """What the protocol finds."""
        return _named(self.function)(subject)

    def picture(self) -> Callable[[Finding, Path, str], Path]:
        """The function that draws it."""
        return _named(self.draw)


PROTOCOLS = {
    "knn": Protocol("evaluate.frozen:knn", "the class of an image's neighbours, k and temperature as in the run"),
    "linear": Protocol("evaluate.frozen:linear", "a linear classifier, its weight decay chosen on a part of train"),
    "clusters": Protocol("evaluate.frozen:clusters", "k-means on the features, compared with the classes"),
    "semi": Protocol("evaluate.semi:semi", "1 % and 10 % of the labels: a probe, fine-tuning, learning from scratch"),
    "transfer": Protocol("evaluate.transfer:transfer", "other sets, by a linear classifier and by fine-tuning",
                         "plots_sets:draw_sets"),
    "fewshot": Protocol("evaluate.fewshot:fewshot", "other sets, from one and from five pictures of each class",
                        "plots_sets:draw_sets"),
    "robustness": Protocol("evaluate.robustness:robustness", "kNN of test images turned, made noisy, restyled",
                           "plots_robustness:draw_robustness"),
    "dense": Protocol("evaluate.dense.judge:dense", "boxes, masks and key points of several toys in a scene",
                      "plots_dense:draw_dense"),
}


def parse_protocols(text: str) -> list[str]:
    """The names in "semi,dense"; "all" is every one. Raises ValueError for an unknown name."""
    names = [word.strip() for word in text.split(",")]
    for name in names:
        if name not in PROTOCOLS and name != "all":
            raise ValueError(f"--protocol: expected all or some of {', '.join(PROTOCOLS)}; "
                             f"got {name!r}{nearest(name, PROTOCOLS)}")
    return list(dict.fromkeys(name for word in names for name in (PROTOCOLS if word == "all" else [word])))


def judge_into(folder: Path, name: str, subject: Subject) -> Finding:
    """Judge by one protocol, and leave NAME.json, NAME.md and NAME.png in the folder."""
    protocol, config = PROTOCOLS[name], subject.config
    files = [folder / f"{name}.{ending}" for ending in ("json", "md", "png")]
    expect_ours(files, lambda path: json.loads(path.read_text(encoding="utf-8"))["protocol"] == name)
    finding = protocol.judge(subject)
    title = f"{name}: {config.method} on {config.dataset}, seed {config.seed}"
    result = stamped({"config": config.to_dict(), "protocol": name, **finding.to_dict(),
                      "data": digests(*subject.data)}, config.method)
    page = f"# {title}\n\n{table(finding.rows)}\n\n{finding.rules}\n\nMachine: {result['machine']}; tinynnclr " \
           f"{result['version']}, {result['collected']}.\n"
    for path, text in zip(files, (json.dumps(result, indent=1) + "\n", page), strict=False):
        write_text(path, text)
    protocol.picture()(finding, files[2], title)
    return finding


def _named(address):
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(f"tinynnclr.{module}"), name)
