"""The papers' claims at our scale, as data; numbers are quoted from the papers or their readers.

Claims of less than about two points are left out, because a run of minutes cannot decide them: the
predictor (+0.4 points in the paper), a momentum encoder, the length of an embedding, the size of a
batch, and the temperature.
"""
from typing import Any

from ...methods import METHODS
from ..sweep.arms import Arm
from .neighbor_map import CONTROL, MAIN, neighbor_map, photo_map
from .table import Contrast, Paper, Table, difference

NNCLR_PAPER = "NNCLR (arXiv 2104.14548), ResNet-50 on ImageNet, linear probe, top-1 %"
NNCLR = MAIN["nnclr"]
OWN: dict[str, Any] = {**NNCLR, "neighbors": False}
MEAN: dict[str, Any] = {**NNCLR, "top_k": 5, "top_k_mean": True}
# the best of results/tuning.csv; the controls of NNCLR have NNCLR's own
TEMPERATURES = {"nnclr": 0.25, "simclr": 0.6, "snclr": 0.4}
NNCLR_CLAIM = Paper((("NNCLR, 1 % of the labels", "56.5"), ("the best before it", "53.8")),
                    "NNCLR (arXiv 2104.14548), abstract; ResNet-50 on ImageNet, top-1 %")


def _arms(options: dict[str, dict], **more: Any) -> list[Arm]:
    return [Arm(name, {**chosen, **more}) for name, chosen in options.items()]


def _sweep(option: str, values: tuple, options: dict[str, Any]) -> list[Arm]:
    """An arm for each value of an option, named after it."""
    return [Arm(f"{option} {value}", {**options, option: value}, float(value), options["method"])
            for value in values]


def _neighbors():
    return Table("neighbors", "What do neighbours give, if nothing else differs?",
                 _arms({**MAIN, "own view": OWN}),
                 [difference("nnclr", CONTROL), difference("nnclr", "simclr"),
                  difference("nnclr", "own view")], NNCLR_CLAIM,
                 note="The constant own view is the control: from the same step on its positive is "
                 "a constant, as a neighbour is. The own view passes gradients to the end. All "
                 "arms have the same temperature. results/registration.md has the settings, "
                 "written before the runs.")


def _neighbors_tuned():
    arms = {**MAIN, "own view": OWN, "mean of 5": MEAN, "snclr": {"method": "snclr"}}
    tuned = [Arm(name, {**options, "temperature": TEMPERATURES[options["method"]]},
                 seeds=5 if name == "snclr" else None) for name, options in arms.items()]
    return Table("neighbors-tuned", "The same, with the best temperature of each method",
                 tuned,
                 [difference("nnclr", CONTROL), difference("nnclr", "simclr"),
                  difference("nnclr", "own view"), difference("mean of 5", "nnclr"),
                  difference("snclr", "nnclr")], NNCLR_CLAIM)


def _linear():
    # "random" is a baseline of every table
    others = {name: {"method": name} for name, method in METHODS.items()
              if not method.experiment and name not in ("random", *MAIN)}
    return Table("linear", "How good are the methods' frozen features?",
                 _arms({**MAIN, "own view": OWN, **others}),
                 [difference("nnclr", "simclr"), difference("simclr", "moco"),
                  difference("moco", "instance_discrimination"), difference("simclr", "cmc"),
                  difference("nnclr", "byol"), difference("nnclr", "deepcluster")],
                 Paper((("NNCLR, 1000 epochs", "75.4"), ("BYOL, 1000 epochs", "74.3"),
                        ("SimCLR v2", "71.7"), ("MoCo v2, 200 epochs", "67.5"),
                        ("instance discrimination, 200 epochs", "58.5"),
                        ("DeepCluster v2, 400 epochs", "70.2")),
                       "ResNet-50 on ImageNet, linear probe, top-1 %, as the papers and their "
                       "readers quote them; epochs and views differ, so the rows are no race"))


def _crop_only():
    crops = {f"{name}, crops only": {**options, "augmentation": "crop-only"}
             for name, options in MAIN.items()}

    def drop(arm, of):
        return 1 - of(f"{arm}, crops only") / of(arm)

    return Table("crop-only", "Does NNCLR need colour augmentations less than SimCLR does?",
                 _arms({**MAIN, **crops}),
                 [Contrast("SimCLR loses more of it than NNCLR when only crops are left",
                           ("simclr", "simclr, crops only", "nnclr", "nnclr, crops only"),
                           lambda of: drop("simclr", of) - drop("nnclr", of),
                           unit="points of relative drop"),
                  Contrast("Neighbours soften the drop",
                           ("nnclr", "nnclr, crops only", CONTROL, f"{CONTROL}, crops only"),
                           lambda of: drop(CONTROL, of) - drop("nnclr", of),
                           unit="points of relative drop"),
                  difference("nnclr, crops only", f"{CONTROL}, crops only",
                             "With crops only, neighbours help")],
                 Paper((("NNCLR, full -> crops only", "relative drop 2.1"),
                        ("SimCLR", "67.9 -> 40.3"), ("BYOL", "72.5 -> 59.4")),
                       f"{NNCLR_PAPER}, 300 epochs; SimCLR and BYOL as it cites them"))


def _queue_size(images, batch):
    sizes = [batch, *(images // part for part in (4, 2, 1) if images // part > batch)]
    arms = _sweep("queue_size", tuple(sizes), NNCLR)
    return Table("queue-size", "How long must the queue of neighbours be?", arms,
                 [difference(arms[-1].name, arms[0].name, f"A queue of {sizes[-1]} is better than "
                             f"one of {sizes[0]}")],
                 Paper((("8,192", "73.6"), ("16,384", "74.2"), ("32,768", "74.9"),
                        ("65,536", "75.0"), ("98,304", "75.4")), NNCLR_PAPER),
                 axis="rows of the queue", logarithmic=True,
                 measures=("knn", "five_labels", "kmeans_nmi", "self_match_rate",
                           "neighbor_accuracy"),
                 expected=("own image in the queue, Q^2 / (2 N^2)", lambda size,
                           n: size**2 / (2 * n**2)))


def _top_k():
    ks = (5, 16)
    arms = [Arm(CONTROL, MAIN[CONTROL]), Arm("nearest", NNCLR),
            *(Arm(f"random of {k}", {**NNCLR, "top_k": k}) for k in ks),
            *(Arm(f"mean of {k}", {**MEAN, "top_k": k}) for k in ks)]
    return Table("top-k", "The nearest neighbour, a random one of the k nearest, or their mean?",
                 arms, [difference("nearest", "random of 16", "The nearest is better than a random "
                                   "one of 16"),
                        difference("mean of 16", "random of 16", "The mean of 16 is better than a "
                                   "random one of them"),
                        difference("mean of 16", "nearest", "The mean of 16 is better than the "
                                   "nearest"),
                        *(difference(arm, CONTROL) for arm in ("nearest", "mean of 16"))],
                 Paper((("1", "74.9"), ("2", "74.1"), ("4", "73.8"), ("8", "73.8"), ("16", "73.8"),
                        ("32", "73.2")), f"{NNCLR_PAPER}; a random one of the k nearest"))


def _search():
    whole = {"method": "feature_nnclr"}
    arms = _arms({CONTROL: MAIN[CONTROL], "embeddings": NNCLR, "whole images": whole,
                  "whole images, surest quarter": {**whole, "surest": 0.25}})
    return Table("search", "Does it help if more of the neighbours are of the image's class?", arms,
                 [difference(arm.name, CONTROL) for arm in arms[1:]],
                 measures=("knn", "linear", "five_labels", "kmeans_nmi", "neighbor_accuracy"),
                 note="Embeddings: NNCLR's search, among views. Whole images: the search compares "
                 "whitened features of the images without augmentation, so more neighbours are of "
                 "the image's class.")


def _ring():
    kinds = {"all": {}, "ring, annealed": {"negatives": "ring", "anneal": "linear"}}
    methods = "instance_discrimination", "moco", "cmc"
    arms = _arms({f"{method}, {kind}": {"method": method, **options} for method in methods
                  for kind, options in kinds.items()}, dataset="toybox-kinds")
    return Table("ring", "Are negatives from a ring around the anchor better than all of them?",
                 arms, [difference(f"{method}, ring, annealed", f"{method}, all",
                                   f"An annealed ring helps {method}") for method in methods],
                 Paper((("ring against all", "2 to 5 points better"),), "Wu et al. 2021, "
                       "conditional negative sampling (arXiv 2010.02037), abstract"),
                 note="The classes are the 36 kinds of toys: with ten classes a tenth of all "
                 "negatives are of the anchor's own class, and a ring around it collects them.")


def _soft_neighbors():
    arms = {"nnclr": NNCLR, "simclr": MAIN["simclr"],
            **{f"snclr, K = {k}": {"method": "snclr", "soft_k": k} for k in (0, 5, 16)}}
    return Table("soft-neighbors", "Are several weighted neighbours better than one?", _arms(arms),
                 [difference("snclr, K = 5", "snclr, K = 0", "Soft neighbours help SNCLR"),
                  difference("snclr, K = 16", "snclr, K = 5", "16 are better than 5"),
                  difference("snclr, K = 5", "nnclr", "Soft neighbours are better than the "
                             "nearest")],
                 measures=("knn", "linear", "five_labels", "kmeans_nmi", "neighbor_accuracy",
                           "entropy"))


def _deepcluster(images):
    counts = tuple(k for k in (10, 36, 100, 200) if k <= images // 4)
    arms = _sweep("clusters", counts, {"method": "deepcluster"})
    return Table("deepcluster", "Into how many clusters should images be put?", arms,
                 [difference(arms[-2].name, arms[0].name, "More clusters than classes are better "
                             "than as many as classes")],
                 Paper((("CIFAR-10, ResNet-18, k = 10", "kNN 62.3"), ("k = 1,000", "kNN 67.6")),
                       "as ISIF (Wang et al. 2020) cites them; DeepCluster (arXiv 1807.05520) "
                       "takes k = 10,000 for 1,000 classes"), axis="clusters", logarithmic=True,
                 measures=("knn", "five_labels", "kmeans_nmi", "nmi", "nmi with classes"),
                 note="nmi: of the clusters in training with those of the epoch before; nmi with "
                 "classes: with the true ones.")


def _protocol(name, question, words, paper, focus):
    return Table(name, question, _arms(MAIN),
                 [difference("nnclr", "simclr", words),
                  difference("nnclr", CONTROL, f"{words}, neighbours alone")],
                 paper, measures=("accuracy",), decided_by=("accuracy",), protocol=name,
                 focus=focus)


def tables(images: int, batch: int) -> dict[str, Table]:
    """{name: table} for a training set; the number of images bounds queues and clusters."""
    transfer = Paper((("NNCLR", "best on 8 of 12 sets"), ("CIFAR-10", "93.7"),
                      ("CIFAR-100", "79.0")), "NNCLR (arXiv 2104.14548), ResNet-50 on ImageNet")
    known = [_neighbors(), _neighbors_tuned(), neighbor_map(images < 500), photo_map(),
             _linear(),
             _protocol("semi", "How far do few labels go?", "NNCLR, fine-tuned on 1 % of the "
                       "labels, is better", NNCLR_CLAIM, {"labels": "1 %", "how": "fine-tuned"}),
             _protocol("transfer", "How well do the features serve other data?", "NNCLR transfers "
                       "better, frozen, over all sets", transfer, {"how": "frozen"}),
             _crop_only(), _queue_size(images, batch), _top_k(), _search(), _ring(),
             _soft_neighbors(), _deepcluster(images)]
    return {table.name: table for table in known}
