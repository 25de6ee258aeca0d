"""Transfer to other data sets: linear probe of frozen features, and fine-tuning."""
from ...datasets.dataset import Dataset
from .context import EvalContext, EvalResult, Row
from .finetune import AUGMENTATION, BATCH, accuracy, fine_tune
from .frozen_features import STRENGTH_CHOICE, probe
from .transfer_sets import load_transfer_sets

STEPS = 300  # of fine-tuning


def transfer(context: EvalContext) -> EvalResult:
    """Accuracy of a linear probe and of fine-tuning on each transfer set."""
    sets, sets_description = load_transfer_sets(context.config, context.to)
    rows = [row for to, (train, test) in sets.items() for row in _rows(context, to, train, test)]
    return EvalResult(rows, f"{sets_description} Fitted on training images only, measured on test "
                      "images. Frozen: softmax on standardised features by L-BFGS, its weight "
                      f"decay chosen from {STRENGTH_CHOICE} the training images. Fine-tuned: "
                      f"encoder and linear layer together, about {STEPS} steps of SGD at batch "
                      f"{BATCH}, views {AUGMENTATION}, nothing chosen; that of random weights is "
                      "training from scratch.")


def _rows(context, to, train: Dataset, test: Dataset) -> list[Row]:
    """The rows of one transfer set."""
    seed = context.config.seed
    measured = [(name, "frozen", probe(features, train, test, seed)[1])
                for name, features in context.features(train, test).items()]
    measured += [(name, "fine-tuned",
                  accuracy(fine_tune(context.config, encoder, train, seed, STEPS), test))
                 for name, encoder in context.encoders().items()]
    return [{"encoder": name, "to": to, "how": how, "accuracy": value,
             "chance": 1 / len(train.class_names)} for name, how, value in measured]
