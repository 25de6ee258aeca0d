"""The runs of the tables, each stored under its configuration, so that tables share runs."""
import hashlib
import json

from ... import kernels
from ...config import Config
from ...datasets.digests import changes, digests
from ...methods import DeepCluster
from ...metrics.nmi import normalized_mutual_information
from ...storage.atomic import write_text
from ...storage.folder_lock import lock_folder
from ...train.run import Run
from ...train.run_dir import CHECKPOINT
from ..protocols.context import EvalContext, Row
from ..registry import PROTOCOLS
from ..sweep.jobs import WHERE, Data, Job
from ..sweep.report import BASELINES


def key(config: Config) -> str:
    """The name of a run's folder: method, data, seed, and a digest of options that change a result.

    Only options that differ from the defaults count, so that a new option does not rename old runs.
    """
    defaults = type(config)().to_dict()
    options = {name: value for name, value in config.to_dict().items()
               if name not in WHERE and value != defaults[name]}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:12]
    dataset = config.dataset.replace(":", "-").replace("/", "-")
    return f"{config.method}-{dataset}-{config.seed}-{digest}"


def protocol_result(job: Job, data: Data, protocol: str, baselines: bool) -> dict:
    """{"rows", "description"} of a protocol on a finished run, stored beside its checkpoint."""
    path = job.folder / f"{protocol}{'' if baselines else '-alone'}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not changes(stored.get("data", {}), digests(*data)):
            return {"rows": stored["rows"], "description": stored["description"]}
    except (FileNotFoundError, ValueError, KeyError, AttributeError):
        pass
    with lock_folder(job.folder):
        run = load_run(job, data)
        context = EvalContext(run.config, run.method.encoder, data, baselines=baselines)
        result = PROTOCOLS[protocol].evaluate(context).to_dict()
        write_text(path, json.dumps({**result, "data": run.data}, indent=1) + "\n")
    return result


def rows_by_arm(rows: list[Row]) -> list[Row]:
    """Rows with arm, seed and encoder, where the arm's name replaces its method as the encoder.

    A baseline keeps its name; the words "arm" and "seed" are left out.
    """
    return [{**{name: value for name, value in row.items() if name not in ("arm", "seed")},
             "encoder": row["arm"] if evaluated(row) else row["encoder"]} for row in rows]


def evaluated(row: Row) -> bool:
    """Whether a row is about the arm itself, not about a baseline beside it."""
    return row["encoder"] not in BASELINES


def nmi_with_classes(job: Job, data: Data) -> float:
    """The normalised mutual information of DeepCluster's clusters with the true classes."""
    method = load_run(job, data).method
    assert isinstance(method, DeepCluster)
    return normalized_mutual_information(method.assignment, data[0].labels)


def load_run(job: Job, data: Data) -> Run:
    """A job's run as its checkpoint holds it."""
    kernels.set_num_threads(job.config.threads or kernels.get_num_threads())
    run = Run(job.config, *data)
    run.load(job.folder / CHECKPOINT)
    return run
