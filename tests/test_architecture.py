"""The rules of the package, read off its source: strict layers, one list of what to read first,
docstrings, twins.
"""
import ast
import json
import re
import subprocess
import sys

import pytest
from places import ROOT, TESTS

from tinynnclr.methods import METHODS

PACKAGE = ROOT / "tinynnclr"
# each imports only what stands before it
LAYERS = ("kernels", "distributed", "storage", "tensor", "gradcheck", "ops", "nn", "datasets",
          "metrics", "models", "config", "methods", "train", "evaluate", "lab", "cli")
LAB = ("recipes", "provenance", "protocols", "detection", "plots", "registry", "sweep",
       "paper_tables", "export", "bench")
LOOSE = {"tensor.py", "gradcheck.py", "config.py", "evaluate.py", "distributed.py"}
READING_PATH = """
    tensor gradcheck ops/elementwise ops/matmul ops/conv ops/norm ops/reduce ops/shape ops/loss
    kernels/matmul kernels/conv kernels/norm kernels/softmax kernels/l2_normalize kernels/detrend
    kernels/nearest
    kernels/augment kernels/optim
    nn/module nn/layers nn/init nn/optim nn/schedule
    models/__init__ models/encoder models/tiny_cnn models/heads models/encode
    datasets/dataset datasets/views
    methods/method methods/losses methods/support_set methods/nnclr
    config train/run train/loop""".split()
LONG_FUNCTIONS = ("kernels/engine/", "datasets/toybox/", "lab/plots/")
BANNED = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib",
          "torch"}
# each function there draws one thing, and its name says which
BLUEPRINTS = PACKAGE / "datasets" / "toybox"

MODULES = sorted(PACKAGE.rglob("*.py"))
TEST_FILES = sorted(TESTS.rglob("*.py"))
each_module = pytest.mark.parametrize("path", MODULES,
                                      ids=lambda path: str(path.relative_to(PACKAGE)))


def dotted(path):
    """The package that relative imports in this file start from, as a list of names."""
    return ["tinynnclr", *path.relative_to(PACKAGE).parts[:-1]]


def imports(path):
    """Absolute dotted names of all that a file imports, wherever in the file; `from x import y`
    counts as x.y.
    """
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


def layer(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def upward(layers, room, others):
    """Those of the others that are not below room."""
    return {other for other in others - {room} if layers.index(other) >= layers.index(room)}


@each_module
def test_imports_run_downward(path):
    # the public API, and the command, may see every layer
    if layer(path) not in ("__init__", "__main__"):
        assert upward(LAYERS, layer(path), set(rooms(path)) - {"__version__"}) == set()


@pytest.mark.parametrize("path", sorted((PACKAGE / "lab").rglob("*.py")),
                         ids=lambda path: path.stem)
def test_imports_in_the_lab_run_downward(path):
    own = path.relative_to(PACKAGE / "lab").parts[0].removesuffix(".py")
    names = {name.split(".")[2] for name in imports(path) if name.startswith("tinynnclr.lab.")}
    assert own == "__init__" or upward(LAB, own, names) == set()


def test_every_name_has_one_layer():
    names = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert names - {"__init__", "__main__"} == set(LAYERS)
    assert len(set(LAYERS)) == len(LAYERS)
    assert {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"} == LOOSE


@each_module
def test_only_the_command_line_imports_the_lab(path):
    assert layer(path) in ("lab", "cli") or "lab" not in set(rooms(path))


@each_module
def test_the_engine_imports_no_kernel(path):
    if path.parent.name == "engine":
        assert {".".join(name.split(".")[:3]) for name in imports(path)
                if name.startswith("tinynnclr.")} <= {"tinynnclr.kernels.engine"}


@each_module
def test_nothing_is_imported_by_a_string(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & {"__import__", "importlib.import_module", "import_module"}
    assert not {name.split(".")[0] for name in imports(path)} & {"support", "lessons"}


@each_module
def test_commands_and_the_loop_name_no_method(path):
    """A new method needs no change there."""
    words = {node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert layer(path) not in ("cli", "train") or not words & set(METHODS)


def test_the_reading_path_is_short():
    """NNCLR from the loader to the loss, with its kernels."""
    lines = sum(len((PACKAGE / f"{name}.py").read_text(encoding="utf-8").splitlines()) for name
                in READING_PATH)
    assert lines <= 4000


@each_module
def test_functions_are_short(path):
    """At most 40 lines, but where machine code is generated or something is drawn."""
    if path.relative_to(PACKAGE).as_posix().startswith(LONG_FUNCTIONS):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [f.name for f in functions if f.end_lineno - f.lineno >= 40] == []


def test_an_upward_import_is_found():
    assert upward(LAYERS, "train", {"train", "methods", "evaluate"}) == {"evaluate"}
    assert upward(LAYERS, "kernels", {"kernels", "distributed"}) == {"distributed"}


def test_the_walk_sees_what_is_there():
    """The test of the tests above: known imports are found, relative and absolute, in functions,
    too.
    """
    engine = PACKAGE / "kernels" / "engine"
    assert "tinynnclr.kernels.engine.parallel" not in set(imports(engine / "parallel.py"))
    assert set(rooms(PACKAGE / "ops" / "conv.py")) == {"kernels", "tensor"}
    assert set(rooms(PACKAGE / "nn" / "layers.py")) >= {"ops", "tensor"}
    assert set(rooms(PACKAGE / "__init__.py")) >= {"kernels", "nn", "ops", "tensor", "gradcheck"}
    assert "threading" in set(imports(engine / "parallel.py"))
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
        styled = "own_style" in decorators(node) or node.name == "write_picture"
        assert not makes_one or styled, node.name


@each_module
def test_nothing_is_unpickled(path):
    allowed = {"torch"} if "bench" in path.parts else set()  # where PyTorch is a peer
    assert not {name.split(".")[0] for name in imports(path)} & (BANNED - allowed)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


OURS = ("atomic",)  # modules whose write_text always writes UTF-8


def without_encoding(tree):
    """Calls that read or write text in the encoding of the machine, which on Windows is not UTF-8.
    """
    for node in ast.walk(tree):
        if isinstance(node,
                      ast.Call) and not any(keyword.arg == "encoding" for keyword in node.keywords):
            name, given = ast.unparse(node.func), {keyword.arg: keyword.value for keyword
                                                   in node.keywords}
            mode = ast.unparse(given.get("mode",
                                         node.args[1] if len(node.args) > 1 else ast.Constant("r")))
            if (name in ("open", "os.fdopen", "io.open") and re.fullmatch("'[^b]*'", mode)
                or name.endswith((".read_text", ".write_text")) and name.split(".")[0] not in OURS
                or "text" in given and name.startswith("subprocess.") or "universal_newlines"
                in given):
                yield f"line {node.lineno}: {name}"


def test_text_names_its_encoding():
    folders = [ROOT / name for name in ("tinynnclr", "tests", "docs", "tools", "lessons/evidence",
                                        "lessons/support")]
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    found = {str(path): list(without_encoding(ast.parse(path.read_text(encoding="utf-8")))) for path
             in paths}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_text_without_an_encoding_is_found():
    wrong = ["open('x')", "open('x', 'w')", "open('x', mode='a')", "p.read_text()",
             "p.write_text('x')", "subprocess.run(['x'], text=True)",
             "subprocess.Popen('x', universal_newlines=True)"]
    right = ["open('x', 'rb')", "open('x', encoding='utf-8')", "open('x', mode)", "Image.open('x')",
             "p.read_bytes()", "p.read_text(encoding='utf-8')", "subprocess.run(['x'], "
             "encoding='utf-8')", "axes.text(0, 0, 'x')"]
    assert [line for line in wrong + right if list(without_encoding(ast.parse(line)))] == wrong


@each_module
def test_names_say_what_is_inside(path):
    assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "common", "core", "base",
                             "tools"}


@each_module
def test_docstrings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body, "the file"
    kinds = ast.ClassDef if path.parent == BLUEPRINTS else (ast.FunctionDef, ast.ClassDef)
    missing = [node.name for node in public(tree, kinds) if not ast.get_docstring(node)]
    assert not missing


@each_module
def test_public_functions_carry_type_hints(path):
    """But ops (arrays in, value and vjps out), twins, blueprints, and what Numba compiles: it knows
    the types best.
    """
    without = []
    if path.parent == BLUEPRINTS:
        return
    for node in public(ast.parse(path.read_text(encoding="utf-8")), ast.FunctionDef):
        if node.name.endswith("_naive") or {"op", "jit", "njit", "intrinsic",
                                            "vectorize"} & set(decorators(node)):
            continue
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        if node.returns is None or any(a.annotation is None for a in arguments):
            without.append(node.name)
    assert not without


@pytest.mark.parametrize("path", sorted((PACKAGE / "kernels").glob("[!_]*.py")),
                         ids=lambda path: path.stem)
def test_every_kernel_has_a_naive_twin(path):
    names = [node.name for node in public(ast.parse(path.read_text(encoding="utf-8")),
                                          ast.FunctionDef)]
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
    """By `jit`, in the user's cache folder, or each start would take half a minute; Numba's
    cache=True would store the code beside the source. What is inlined only is kept with who inlines
    it."""
    text = path.read_text(encoding="utf-8")
    assert path.name == "compile.py" or "cache=True" not in text
    if layer(path) == "kernels":
        assert not [line for line in text.splitlines() if line.startswith("@njit")
                    and 'inline="always"' not in line]


def test_import_compiles_nothing_and_is_light():
    done = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, timeout=60, capture_output=True,
                          encoding="utf-8")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["found"] > 10
    assert seen["compiled"] == []
    assert seen["heavy"] == []
