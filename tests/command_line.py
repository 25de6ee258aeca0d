"""Commands as a user gives them: a folder of small images, a short run, and the output."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from places import TESTS
from small import SMALL

import tinynnclr
from tinynnclr.cli.main import main
from tinynnclr.methods.registry import METHODS, options_of

TRAIN = ["train", "--dataset", "folder:pictures",
         *(word for name, value in SMALL.items()
           for word in (f"--{name.replace('_', '-')}", str(value)))]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(tinynnclr.__file__).parents[1]),
               "PYTHONIOENCODING": "utf-8"}
# on standard error, with cold caches only
COMPILING = "compiling the kernels, half a minute, once\n"


def write_pictures(folder, classes=4, each=24):
    """FOLDER/CLASS/NUMBER.png: noise, a little brighter in every class."""
    rng = np.random.default_rng(0)
    for c in range(classes):
        (folder / f"class{c}").mkdir(parents=True)
        for i in range(each):
            image = Image.fromarray(rng.integers(0, 100 + 40 * c, (16, 16, 3)).astype(np.uint8))
            image.save(folder / f"class{c}" / f"{i}.png")


def fitting(arguments):
    """The arguments of `train` or `compare` without the sizes that none of their methods has."""
    words = [str(a) for a in arguments]
    flag = {"train": "--method", "compare": "--methods"}.get(words[0] if words else "")
    if flag not in words[:-1]:
        return words
    arms = words[len(words) - words[::-1].index(flag)].split(",")
    methods = [arm.partition(":")[0].strip() for arm in arms]
    if not set(methods) <= set(METHODS):
        return words
    known = {name for method in methods for name in options_of(method)}
    foreign = {f"--{name.replace('_', '-')}" for name in (*SMALL, "clusters") if name not in known}
    return [word for before, word in zip(["", *words], words, strict=False)
            if word not in foreign and before not in foreign]


def run(capsys, *arguments):
    """(exit status, standard output, standard error) of one command in this process."""
    capsys.readouterr()
    status = 0
    try:
        main(fitting(arguments))
    except SystemExit as end:
        status = end.code
    out, err = capsys.readouterr()
    return status, out, err.replace(COMPILING, "")


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p
            in sorted(Path(folder).rglob("*")) if p.is_file()}


def start(*words, cwd, **options):
    """A Python process with one thread that finds the package and the tests' own files."""
    environment = {**ENVIRONMENT, "NUMBA_NUM_THREADS": "1",
                   "PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}{os.pathsep}{TESTS}"}
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=cwd, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
                            encoding="utf-8")
