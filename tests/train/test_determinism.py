"""The same seed gives the same bytes in train, evaluate and compare, on one thread and on two."""
import json
import subprocess
import sys

import pytest
from command_line import ENVIRONMENT, TRAIN, write_pictures

from tinynnclr.storage import checkpoint

TIMES = {"seconds", "epoch_seconds", "views_per_second", "evaluation_seconds", "threads",
         "collected"}
COMPARE = ["compare", *TRAIN[1:], "--epochs", "1", "--methods", "nnclr,moco,deepcluster", "--seeds",
           "1", "--clusters", "5", "--pca", "4"]
ONE_BY_ONE = """
import json, sys
from tinynnclr.cli.main import main
for arguments in json.loads(sys.argv[1]):
    main(arguments)
"""


def timeless(value):
    """A value without the times in it, however deep."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def outcome(folder):
    """Everything that the commands wrote, without times: arrays as bytes, JSON as values."""
    contents = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name == "checkpoint.npz":
            groups, info = checkpoint.load(path)
            contents[name] = timeless(info), {group: {k: v.tobytes() for k, v in members.items()}
                                              for group, members in groups.items()}
        elif path.suffix == ".json":
            contents[name] = timeless(json.loads(path.read_bytes()))
    return contents


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """{(threads, hash seed): outcome}; two of them, or with --all four."""
    here = tmp_path_factory.mktemp("determinism")
    write_pictures(here / "pictures")
    results = {}
    protocols, processes = "linear,clusters", [(1, "0"), (2, "random")]
    if request.config.getoption("--all"):
        protocols += ",knn"  # takes seconds
        processes += [(2, "0"), (1, "4711")]
    for threads, seed in processes:
        out = f"out-{threads}-{seed}"
        environment = {**ENVIRONMENT, "PYTHONHASHSEED": seed, "NUMBA_NUM_THREADS": str(threads)}
        commands = ([*TRAIN, "--no-plots", "--out", f"{out}/run"],
                    ["evaluate", f"{out}/run", "--protocol", protocols],
                    [*COMPARE, "--out", f"{out}/compare"])
        subprocess.run([sys.executable, "-c", ONE_BY_ONE, json.dumps(commands)], cwd=here,
                       env=environment, check=True, capture_output=True, timeout=300)
        results[threads, seed] = outcome(here / out)
    return results


def test_all_outcomes_are_one(outcomes):
    first = outcomes[1, "0"]
    assert {"run/checkpoint.npz", "run/result.json", "run/linear.json", "compare/compare.json",
            "compare/moco-0/checkpoint.npz"} <= set(first)
    for which, other in outcomes.items():
        assert set(other) == set(first)
        for name in first:
            assert other[name] == first[name], (which, name)


def test_the_comparison_can_fail(outcomes):
    """Two runs of different lengths have different bytes."""
    states = [outcomes[1, "0"][f"{name}/checkpoint.npz"][1]["method"]
              for name in ("run", "compare/nnclr-0")]
    assert states[0] != states[1]
