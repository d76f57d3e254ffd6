"""What an archive of torch.export may hold, before PyTorch opens it: nothing in it may name code to run.

`torch.export.load` unpickles where an archive says so, evaluates the expressions for sizes that stand in it, and looks
operators up by names that lead anywhere from `torch` on. So the archive is read here first, as data: every operator is
one of ATen's or plain arithmetic, every expression is built of known functions of sizes, and everything pickled opens
with `weights_only=True`. Whatever is not of that kind is refused, by its name.
"""

import ast
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch

_OPERATORS = (
    re.compile(r"torch\.ops\.aten\.(?!from_file\b|_print\b)\w+\.\w+"),
    re.compile(r"torch\.sym_(max|min|ite|not|float|int|sum)"),
    re.compile(r"_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_)"),
    re.compile(r"math\.(ceil|floor|trunc|sqrt)"),
)
_OF_SIZES = (
    "Symbol Integer Float Rational Add Mul Pow Max Min Mod PythonMod FloorDiv CeilDiv CleanDiv CeilToInt FloorToInt "
    "TruncToInt IntTrueDiv FloatTrueDiv ToFloat Where Eq Ne Lt Le Gt Ge And Or Not true false True False"
).split()
_SIZE = re.compile(r"[a-z]+\d*")
_CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")


def refusal(content: bytes) -> str:
    """Why an archive is not opened, as the rest of a sentence; empty if it holds a program of data alone."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            doubled = [name for name, count in Counter(names).items() if count > 1]
            if doubled:
                return f"holds {doubled[0]} twice"
            return next(_reasons(archive, names), "")
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError):
        return "is not an archive of torch.export"


def _reasons(archive: zipfile.ZipFile, names: list[str]) -> Iterator[str]:
    inside = {name.partition("/")[2]: name for name in names}
    programs = [name for name in inside if name.startswith("models/") and name.endswith(".json")]
    if any("aotinductor" in name or name.endswith((".so", ".dll", ".dylib", ".cpp")) for name in names):
        yield "holds compiled code, which has no layers to look at; save the program by torch.export.save"
    if not programs:
        old = "serialized_exported_program.json" in names
        yield "was saved by an older PyTorch; save it again" if old else "holds no program of torch.export"
    if programs != ["models/model.json"]:
        yield f"holds {len(programs)} programs ({', '.join(programs)}); save one by torch.export.save"
    for name in inside:
        if name.endswith("_config.json"):
            for key, entry in json.loads(archive.read(inside[name]))["config"].items():
                if not str(entry["path_name"]).startswith(("weight_", "tensor_")):
                    yield f"holds an object of a class of its own, '{key}', which would have to be unpickled"
                if entry["use_pickle"]:
                    where = f"{name.rpartition('/')[0]}/{entry['path_name']}"
                    yield from _not_plain(archive.read(inside[where]), where)
        elif name.endswith((".pt", ".pth", ".pkl")) and archive.read(inside[name]):
            yield from _not_plain(archive.read(inside[name]), name)
    yield from _not_data(json.loads(archive.read(inside["models/model.json"])), "")


def _not_plain(content: bytes, name: str) -> Iterator[str]:
    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # whatever a pickle of other things ends in
        yield f"holds pickled objects in {name}, which are never unpickled"


def _not_data(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from _not_data(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from _not_data(part, key)
    elif isinstance(value, str):
        if key in ("target", "as_operator") and not any(known.fullmatch(value) for known in _OPERATORS):
            yield f"calls '{value}', which is none of PyTorch's own operators on tensors"
        elif key == "expr_str" and not _of_sizes(value):
            yield f"computes a size by an expression that is not known, '{value[:60]}'"
        elif key in ("in_spec", "out_spec") and value:
            yield from _not_plain_container(json.loads(value))


def _of_sizes(text: str) -> bool:
    """Whether an expression is made of sizes, numbers and functions of them."""
    try:
        parts = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError):
        return False
    plain = (ast.Expression, ast.Call, ast.keyword, ast.Load, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop)
    for part in parts:
        if isinstance(part, ast.Call) and not isinstance(part.func, ast.Name):
            return False
        if isinstance(part, ast.Name):
            if part.id not in _OF_SIZES and not re.fullmatch(r"[suz]f?\d+", part.id):
                return False
        elif isinstance(part, ast.Constant):
            if isinstance(part.value, str) and not _SIZE.fullmatch(part.value):
                return False
        elif not isinstance(part, plain):
            return False
    return True


def _not_plain_container(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for part in value:
            yield from _not_plain_container(part)
    elif isinstance(value, dict):
        if value.get("type") not in _CONTAINERS:
            yield f"takes or gives a {value['type']}, whose class would have to be looked up"
        yield from _not_plain_container(value.get("children_spec", []))
