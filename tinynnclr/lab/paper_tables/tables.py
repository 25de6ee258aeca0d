"""The papers' tables at our scale, as data; numbers are quoted from the papers or their readers."""
from typing import Any

from ...methods import METHODS
from ..sweep.arms import Arm
from .neighbor_precision import neighbor_precision
from .table import Contrast, Paper, Table, difference

NNCLR_PAPER = "NNCLR (arXiv 2104.14548), ResNet-50 on ImageNet, linear probe, top-1 %"
OFF: dict[str, Any] = {"method": "nnclr", "neighbors": False}


def sweep(option: str, values: tuple, method: str = "nnclr", group: str = "") -> list[Arm]:
    """An arm for each value of an option, named after it."""
    label = f"{method}, " if group else ""
    return [Arm(f"{label}{option} {value}", {"method": method, option: value}, float(value),
                group or method) for value in values]


def relative_drop(method: str, full: str, less: str) -> Contrast:
    """The share of accuracy that SimCLR loses without colour augmentations, minus another method's.
    """
    return Contrast(f"SimCLR loses more of its accuracy than {method} when only crops are left",
                    ("simclr", "simclr, crops only", full, less),
                    lambda of: (1 - of("simclr, crops only") / of("simclr"))
                    - (1 - of(less) / of(full)), unit="points of relative drop")


def _linear():
    # "random" is a baseline of every table
    arms = [Arm(name, {"method": name}) for name, method in METHODS.items()
            if not method.experiment and name != "random"]
    arms.insert(1, Arm("nnclr, neighbours off", OFF))
    return Table("linear", "How good are the methods' frozen features?", arms,
                 [difference("nnclr", "simclr"), difference("nnclr", "nnclr, neighbours off",
                                                            "neighbours help NNCLR"),
                  difference("simclr", "moco"), difference("moco", "instance_discrimination")],
                 Paper((("NNCLR, 1000 epochs", "75.4"), ("SimCLR v2", "71.7"),
                        ("MoCo v2, 200 epochs", "67.5"),
                        ("instance discrimination, 200 epochs", "58.5"),
                        ("DeepCluster v2, 400 epochs", "70.2")), "ResNet-50 on ImageNet, linear "
                       "probe, top-1 %, as the papers and their readers quote them; epochs and "
                       "views differ, so the rows are no race"))


def _crop_only():
    crops = {"augmentation": "crop-only"}
    methods = {"simclr": {"method": "simclr"}, "nnclr": {"method": "nnclr"},
               "nnclr, neighbours off": OFF}
    arms = [arm for name, options in methods.items()
            for arm in (Arm(name, options), Arm(f"{name}, crops only", {**options, **crops}))]
    return Table("crop-only", "Does NNCLR need colour augmentations less than SimCLR does?", arms,
                 [relative_drop("NNCLR", "nnclr", "nnclr, crops only"),
                  Contrast("Neighbours soften the drop",
                           ("nnclr", "nnclr, crops only", "nnclr, neighbours off",
                            "nnclr, neighbours off, crops only"),
                           lambda of: of("nnclr, crops only") / of("nnclr")
                           - of("nnclr, neighbours off, crops only") / of("nnclr, neighbours off"),
                           unit="points of relative drop")],
                 Paper((("NNCLR, full -> crops only", "relative drop 2.1"),
                        ("SimCLR", "67.9 -> 40.3"), ("BYOL", "72.5 -> 59.4")),
                       f"{NNCLR_PAPER}, 300 epochs; SimCLR and BYOL as it cites them"))


def _queue_size(images, batch):
    sizes = [batch * 2**i for i in range(10) if batch * 2**i < 0.7 * images / 2] + [images // 2]
    arms = sweep("queue_size", tuple(sizes))
    return Table("queue-size", "How long must the queue of neighbours be?", arms,
                 [difference(arms[-1].name, arms[0].name, f"A queue of {sizes[-1]} is better than "
                             f"one of {sizes[0]}")],
                 Paper((("8,192", "73.6"), ("16,384", "74.2"), ("32,768", "74.9"),
                        ("65,536", "75.0"), ("98,304", "75.4")), NNCLR_PAPER),
                 axis="rows of the queue", logarithmic=True,
                 measures=("knn", "linear", "self_match_rate", "neighbor_accuracy"),
                 expected=("own image in the queue, Q^2 / (2 N^2)", lambda size,
                           n: size**2 / (2 * n**2)))


def _top_k():
    arms = sweep("top_k", (1, 2, 4, 8, 16, 32))
    return Table("top-k", "Is the nearest neighbour better than a random one of the k nearest?",
                 arms, [difference("top_k 1", "top_k 32", "k = 1 is better than k = 32")],
                 Paper((("1", "74.9"), ("2", "74.1"), ("4", "73.8"), ("8", "73.8"), ("16", "73.8"),
                        ("32", "73.2")), NNCLR_PAPER), axis="k, of which one is drawn",
                 logarithmic=True, measures=("knn", "linear", "neighbor_accuracy"))


def _predictor():
    arms = [Arm("with a predictor", {"method": "nnclr"}),
            Arm("without", {"method": "nnclr", "predictor": False}),
            Arm("neighbours off, with a predictor", OFF),
            Arm("neighbours off, without", {**OFF, "predictor": False})]
    return Table("predictor", "What does the predictor give?", arms,
                 [difference("with a predictor", "without", "A predictor helps NNCLR")],
                 Paper((("with", "74.9"), ("without", "74.5")), NNCLR_PAPER))


def _momentum():
    momentum = {"momentum_encoder": True}
    arms = [Arm("nnclr", {"method": "nnclr"}), Arm("nnclr, momentum encoder",
                                                   {"method": "nnclr", **momentum}),
            Arm("nnclr, neighbours off", OFF), Arm("nnclr, neighbours off, momentum encoder",
                                                   {**OFF, **momentum})]
    return Table("momentum", "Do neighbours help beside a momentum encoder?", arms,
                 [difference("nnclr, momentum encoder", "nnclr",
                             "A momentum encoder adds a little"),
                  difference("nnclr, momentum encoder", "nnclr, neighbours off, momentum encoder",
                             "Neighbours help with a momentum encoder, too")])


def _temperature():
    values = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
    arms = [*sweep("temperature", values, group="nnclr"),
            *sweep("temperature", values, "simclr", "simclr")]
    return Table("temperature", "How much hangs on the temperature?", arms,
                 [difference("nnclr, temperature 0.1", "nnclr, temperature 0.5",
                             "0.1 suits NNCLR better than 0.5"),
                  difference("nnclr, temperature 0.1", "simclr, temperature 0.1",
                             "At 0.1, NNCLR beats SimCLR")],
                 Paper((("used by NNCLR", "0.1"), ("instance discrimination, 0.05 / 0.3 / 0.8",
                                                   "49.8 / 56.4 / 50.1")),
                       "NNCLR (arXiv 2104.14548); CIFAR-100, linear probe, README of "
                       "github.com/WangFeng18"), axis="temperature", logarithmic=True)


def _batch_size(images):
    sizes = tuple(size for size in (32, 64, 128, 256, 512) if size <= images // 4)
    arms = [*sweep("batch_size", sizes, group="nnclr"),
            *sweep("batch_size", sizes, "simclr", "simclr")]
    return Table("batch-size", "How large must a batch be, for the same number of images seen?",
                 arms,
                 [difference(f"nnclr, batch_size {sizes[-1]}", f"nnclr, batch_size {sizes[0]}",
                             f"A batch of {sizes[-1]} is better than one of {sizes[0]}")],
                 Paper((("256", "68.7"), ("512", "71.7"), ("1,024", "72.9"), ("2,048", "73.5"),
                        ("4,096", "74.9")), NNCLR_PAPER), axis="images in a batch",
                 logarithmic=True, note="The learning rate grows with the batch; a small batch "
                 "makes more steps.")


def _embedding_size():
    arms = sweep("dim", (8, 16, 32, 64, 128, 256))
    return Table("embedding-size", "How many numbers should an embedding have?", arms,
                 [difference("dim 256", "dim 32", "256 numbers are as good as 32", sign=0)],
                 axis="length of z", logarithmic=True)


def _ring():
    kinds = {"all": {}, "ring": {"negatives": "ring"}, "ring, annealed": {"negatives": "ring",
                                                                          "anneal": "linear"}}
    arms = [Arm(f"{method}, {kind}", {"method": method, **options}) for method
            in ("instance_discrimination", "moco", "cmc") for kind, options in kinds.items()]
    return Table("ring", "Are negatives from a ring around the anchor better than all of them?",
                 arms, [difference(f"{method}, ring, annealed", f"{method}, all",
                                   f"An annealed ring helps {method}")
                        for method in ("instance_discrimination", "moco", "cmc")],
                 Paper((("ring against all", "2 to 5 points better"),), "Wu et al. 2021, "
                       "conditional negative sampling (arXiv 2010.02037), abstract"))


def _soft_neighbors():
    few = {"soft_temperature": 0.1}
    cnn = [Arm(f"snclr, K = {k}", {"method": "snclr", "soft_k": k, **few}) for k in (1, 5, 20)]
    cnn += [Arm(f"snclr, temperature {t:g}", {"method": "snclr", "soft_temperature": t}) for t
            in (0.03, 1.0)]
    plain = [Arm("simclr", {"method": "simclr"}), Arm("nnclr", {"method": "nnclr"})]
    vit = [Arm(f"{method}, ViT", {"method": method, "encoder": "vit"}, seeds=2) for method in
           ("simclr", "nnclr", "snclr")]
    return Table("soft-neighbors", "Are several weighed neighbours better than one?",
                 [*plain, *cnn, *vit],
                 [difference("snclr, K = 5", "nnclr", "Soft neighbours beat the one nearest"),
                  difference("snclr, temperature 0.03", "snclr, temperature 1",
                             "Sharp weights beat uniform ones"),
                  difference("snclr, ViT", "nnclr, ViT", "Soft neighbours beat one on a ViT")],
                 measures=("knn", "linear", "neighbor_accuracy", "entropy"))


def _deepcluster(images):
    counts = tuple(k for k in (10, 25, 50, 100, 200, 400) if k <= images // 4)
    arms = sweep("clusters", counts, "deepcluster")
    return Table("deepcluster", "Into how many clusters should images be put?", arms,
                 [difference(f"clusters {min(100, counts[-1])}", "clusters 10",
                             "More clusters than classes are better than as many as classes")],
                 Paper((("CIFAR-10, ResNet-18, k = 10", "kNN 62.3"), ("k = 1,000", "kNN 67.6")),
                       "as ISIF (Wang et al. 2020) cites them; DeepCluster (arXiv 1807.05520) "
                       "takes k = 10,000 for 1,000 classes"), axis="clusters", logarithmic=True,
                 measures=("knn", "linear", "nmi", "nmi with classes"),
                 note="nmi: of the clusters with those of the epoch before; nmi with classes: with "
                 "the true ones.")


def _protocol(name, question, words):
    arms = [Arm("nnclr", {"method": "nnclr"}), Arm("nnclr, neighbours off", OFF),
            Arm("simclr", {"method": "simclr"}), Arm("supervised", {"method": "supervised"})]
    paper = {"semi": Paper((("NNCLR, 1 % of the labels", "56.5"), ("the best before it", "53.8")),
                           "NNCLR (arXiv 2104.14548), abstract; ResNet-50 on ImageNet, top-1 %"),
             "transfer": Paper((("NNCLR", "best on 8 of 12 sets"), ("CIFAR-10", "93.7"),
                                ("CIFAR-100", "79.0")), "NNCLR (arXiv 2104.14548), ResNet-50 on "
                               "ImageNet")}
    # as the papers evaluate
    focus = {"semi": {"labels": "1 %", "how": "fine-tuned"}, "transfer": {"how": "frozen"}}
    return Table(name, question, arms, [difference("nnclr", "simclr", words),
                                        difference("nnclr", "nnclr, neighbours off",
                                                   f"{words}, neighbours alone")], paper[name],
                 measures=("accuracy",), protocol=name, focus=focus[name])


def tables(images: int, batch: int = 256, dataset: str = "toybox") -> dict[str, Table]:
    """{name: table} for a training set; the number of images bounds queues, batches and clusters.
    """
    known = [_linear(), _protocol("semi", "How far do few labels go?",
                                  "NNCLR, fine-tuned on 1 % of the labels, beats SimCLR"),
             _protocol("transfer", "How well do the features serve other data?",
                       "NNCLR transfers better than SimCLR, frozen, over all sets"), _crop_only(),
             _queue_size(images, batch), _top_k(), _predictor(), _momentum(), _temperature(),
             _batch_size(images), _embedding_size(), _ring(), _soft_neighbors(),
             _deepcluster(images), neighbor_precision(dataset)]
    return {table.name: table for table in known}
