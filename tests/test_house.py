"""The rules of the house, read off its source: short files, imports that run downward, docstrings, hints, twins."""
import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinynnclr"
FLOORS = {"kernels": 0, "distributed": 0, "console": 0, "disk": 0,
          "graph": 1, "tensor": 1, "gradcheck": 1, "ops": 1,
          "nn": 2, "datasets": 2,
          "models": 3,
          "methods": 4,
          "evaluate": 5, "checkpoint": 5, "config": 5, "plots": 5, "run_dir": 5, "train": 5, "interrupt": 5,
          "plots_compare": 5, "plots_finding": 5, "plots_style": 5, "arms": 5, "sole_owner": 5, "soundness": 5,
          "plots_sets": 5, "plots_robustness": 5, "plots_dense": 5, "presets": 5,
          "bench": 6, "reproduce": 6, "compare": 6, "export": 6, "teach": 6,
          "cli": 7, "flags": 7, "__main__": 7}
WALLS = {"graph": set(), "tensor": {"kernels", "graph"}, "datasets": {"console", "kernels", "disk"},
         "nn": {"kernels", "tensor", "gradcheck", "ops"}}
BANNED = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "torch"}
NO_KERNEL = {"__init__", "ladder", "linear", "memory", "parallel", "simd", "rows", "spin", "winograd_tiles"}  # parts
NO_KERNEL |= {"boundary", "cache", "compile", "environment", "target", "winograd"}  # conv.py has winograd's twins

BLUEPRINTS = "toybox_"  # datasets/toybox_*.py draw one thing each function, and its name says which

MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").glob("*.py"))
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))


def dotted(path):
    """The package that relative imports in this file start from, as a list of names."""
    return ["tinynnclr", *path.relative_to(PACKAGE).parts[:-1]]


def imports(path):
    """Absolute dotted names of all that a file imports, wherever in the file; `from x import y` counts as x.y."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = dotted(path)[:len(dotted(path)) - node.level + 1] if node.level else []
            base = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def rooms(path):
    """The rooms of the package (the names in FLOORS) that a file imports from."""
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "tinynnclr":
            yield parts[1] if len(parts) > 1 else "__init__"


def public(tree, kinds):
    return [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def decorators(node):
    return [ast.unparse(d).split("(")[0] for d in node.decorator_list]


@pytest.mark.parametrize("path", MODULES + TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@each_module
def test_imports_run_downward(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return  # the public face may see every room
    assert room in FLOORS, f"{room}: on which floor is it? Say so in FLOORS"
    for other in set(rooms(path)) - {room}:
        if other == "__init__" or path.name == "__main__.py" and other not in FLOORS:
            continue
        assert other in FLOORS or other.startswith("__version"), f"{other} has no floor"
        assert FLOORS.get(other, 0) <= FLOORS[room], f"{room} imports {other}, which is above it"
        assert room not in WALLS or other in WALLS[room], f"{room} imports {other} through a wall"


def test_the_walk_sees_what_is_there():
    """The test of the tests above: known imports are found, relative and absolute, in functions, too."""
    assert "tinynnclr.kernels.parallel" not in set(imports(PACKAGE / "kernels" / "parallel.py"))
    assert set(rooms(PACKAGE / "ops" / "conv.py")) == {"kernels", "tensor"}
    assert set(rooms(PACKAGE / "nn" / "layers.py")) >= {"ops", "tensor"}
    assert set(rooms(PACKAGE / "__init__.py")) >= {"kernels", "nn", "ops", "tensor", "gradcheck"}
    assert "threading" in set(imports(PACKAGE / "kernels" / "parallel.py"))
    assert len(MODULES) > 20


@each_module
def test_pictures_are_files_and_need_no_window(path):
    """pyplot opens the backend of MPLBACKEND, which may not be installed."""
    assert "pyplot" not in {part for name in imports(path) for part in name.split(".")}


@each_module
def test_every_picture_is_drawn_in_our_own_style(path):
    for node in public(ast.parse(path.read_text(encoding="utf-8")), ast.FunctionDef):
        called = [ast.unparse(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)]
        makes_one = any("savefig" in name or name == "write_picture" for name in called)
        assert not makes_one or "own_style" in decorators(node) or node.name in ("write_picture", "png"), node.name


@each_module
def test_nothing_is_unpickled(path):
    allowed = {"torch"} if "bench" in path.parts else set()  # where PyTorch is a peer
    assert not {name.split(".")[0] for name in imports(path)} & (BANNED - allowed)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


OURS = ("disk", "run_dir")  # modules whose write_text always writes UTF-8


def without_encoding(tree):
    """Calls that read or write text in the encoding of the machine, which on Windows is not UTF-8."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not any(keyword.arg == "encoding" for keyword in node.keywords):
            name, given = ast.unparse(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
            mode = ast.unparse(given.get("mode", node.args[1] if len(node.args) > 1 else ast.Constant("r")))
            if (name in ("open", "os.fdopen", "io.open") and re.fullmatch("'[^b]*'", mode)
                    or name.endswith((".read_text", ".write_text")) and name.split(".")[0] not in OURS
                    or "text" in given and name.startswith("subprocess.") or "universal_newlines" in given):
                yield f"line {node.lineno}: {name}"


def test_text_names_its_encoding():
    folders = [ROOT / name for name in ("tinynnclr", "tests", "docs", "lessons/evidence")]
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    found = {str(path): list(without_encoding(ast.parse(path.read_text(encoding="utf-8")))) for path in paths}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_text_without_an_encoding_is_found():
    wrong = ["open('x')", "open('x', 'w')", "open('x', mode='a')", "p.read_text()", "p.write_text('x')",
             "subprocess.run(['x'], text=True)", "subprocess.Popen('x', universal_newlines=True)"]
    right = ["open('x', 'rb')", "open('x', encoding='utf-8')", "open('x', mode)", "Image.open('x')", "p.read_bytes()",
             "p.read_text(encoding='utf-8')", "subprocess.run(['x'], encoding='utf-8')", "axes.text(0, 0, 'x')"]
    assert [line for line in wrong + right if list(without_encoding(ast.parse(line)))] == wrong


@each_module
def test_names_say_what_is_inside(path):
    assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "common", "core", "base", "tools"}


@each_module
def test_docstrings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body, "the file"
    kinds = ast.ClassDef if path.name.startswith(BLUEPRINTS) else (ast.FunctionDef, ast.ClassDef)
    missing = [node.name for node in public(tree, kinds) if not ast.get_docstring(node)]
    assert not missing


@each_module
def test_public_functions_carry_type_hints(path):
    """But ops (arrays in, value and vjps out), twins, blueprints, and what Numba compiles: it knows the types best."""
    without = []
    if path.name.startswith(BLUEPRINTS):
        return
    for node in public(ast.parse(path.read_text(encoding="utf-8")), ast.FunctionDef):
        if node.name.endswith("_naive") or {"op", "jit", "njit", "intrinsic", "vectorize"} & set(decorators(node)):
            continue
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        if node.returns is None or any(a.annotation is None for a in arguments):
            without.append(node.name)
    assert not without


@pytest.mark.parametrize("path", [p for p in sorted((PACKAGE / "kernels").glob("*.py")) if p.stem not in NO_KERNEL],
                         ids=lambda path: path.stem)
def test_every_kernel_has_a_naive_twin(path):
    names = [node.name for node in public(ast.parse(path.read_text(encoding="utf-8")), ast.FunctionDef)]
    assert [name for name in names if not name.endswith("_naive")]
    assert [name for name in names if name.endswith("_naive")]


IMPORT = """
import json, sys
import tinynnclr
import numba.core.dispatcher as d
compiled, found = [], 0
for name, module in list(sys.modules.items()):
    if name.startswith("tinynnclr"):
        for value in vars(module).values():
            if isinstance(value, d.Dispatcher):
                found += 1
                compiled += [value.__name__] if value.signatures else []
print(json.dumps({"compiled": compiled, "found": found, "heavy": [
    m for m in ("matplotlib", "torch", "PIL", "IPython", "hypothesis") if m in sys.modules]}))
"""


@each_module
def test_kernels_are_kept_compiled(path):
    """By `jit`, in the user's cache folder, or each start would take half a minute; Numba's cache=True would store
    the code beside the source. What is inlined only is kept with who inlines it."""
    text = path.read_text(encoding="utf-8")
    assert path.name == "compile.py" or "cache=True" not in text
    if path.parent.name == "kernels":
        assert not [line for line in text.splitlines() if line.startswith("@njit") and 'inline="always"' not in line]


def test_import_compiles_nothing_and_is_light():
    done = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, timeout=60, capture_output=True,
                          encoding="utf-8")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["found"] > 10
    assert seen["compiled"] == []
    assert seen["heavy"] == []
