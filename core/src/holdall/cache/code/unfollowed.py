"""Places in code that the walk cannot follow, for explanations."""

from __future__ import annotations

import ast
import builtins
from importlib import import_module
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.cache.naming import place
from holdall.cache.ownership import is_own
from holdall.cache.source import bytecode, texts
from holdall.cache.source.hints import classes_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Unfollowed(NamedTuple):
    """Place in reached code that the walk cannot follow."""

    where: str
    """Module and line; the module alone if there is no source."""
    expression: str
    reason: str


_AT_RUN_TIME: Final = {
    "__import__": "imports a module whose name is known only when it runs",
    "compile": "compiles code that is made when it runs",
    "eval": "evaluates code that is made when it runs",
    "exec": "runs code that is made when it runs",
    "getattr": "takes an attribute whose name is known only when it runs",
    "globals": "looks names up when it runs",
    "locals": "looks names up when it runs",
    "vars": "looks names up when it runs",
}
_UNKNOWN: Final = "calls something of a value whose type is known only when it runs"
_ANYTHING: Final[set[Any]] = {Any, object}
"""Hints that do not name a type."""
_LITERALS: Final = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.Compare, ast.BoolOp, ast.Lambda,
)  # fmt: skip


def unfollowed_in(functions: Iterable[tuple[FunctionType, type | None]], /) -> list[Unfollowed]:
    """Returns the places that cannot be followed in functions, each with the class that it is a method of."""
    found: dict[Unfollowed, None] = {}
    for fn, owner in functions:
        module = place(str(fn.__globals__.get("__name__")))
        node = texts.node(fn.__code__, fn.__globals__)
        if node is None:
            names = bytecode.names(fn.__code__)
            found.update(
                (Unfollowed(module, f"{name}(…) in {fn.__qualname__}", _AT_RUN_TIME[name]), None)
                for name in sorted(names.dynamic)
            )
        else:
            found.update((each, None) for each in _Function(fn, owner, node, module).found())
    return sorted(found, key=lambda each: (each.where.rpartition(":")[0], len(each.where), each.where))


class _Function:
    """Visitor of the syntax tree of one function, with the known types of its local names."""

    def __init__(self, fn: FunctionType, owner: type | None, node: Any, module: str) -> None:
        self.fn = fn
        self.node = node
        self.module = module
        self.assigned: dict[str, list[ast.expr | None]] = {}
        self.open: set[str] = set()
        hints = {name: set(classes_in([(name, hint)], fn.__globals__)) for name, hint in fn.__annotations__.items()}
        hinted = {name for name, found in hints.items() if found - _ANYTHING}
        self.vague = {name for name, found in hints.items() if found & _ANYTHING}
        """Names whose hints leave the type of their items open: `list[Any]`."""
        first = fn.__code__.co_varnames[:1] if owner is not None else ()
        self.known_names = {*hinted, *first}
        self.imported: set[str] = set()
        self._collect()

    def found(self) -> Iterator[Unfollowed]:
        for each in ast.walk(self.node):
            if isinstance(each, ast.Call) and each is not self.node and self._is_in_body(each):
                reason = self._reason(each)
                if reason is not None:
                    yield Unfollowed(f"{self.module}:{each.lineno}", ast.unparse(each.func), reason)

    def _is_in_body(self, call: ast.Call) -> bool:
        return not any(call in ast.walk(each) for each in getattr(self.node, "decorator_list", []))

    def _reason(self, call: ast.Call) -> str | None:
        target = self._resolved(call.func)
        if target is import_module or ast.unparse(call.func).endswith("import_module"):
            return None if call.args and isinstance(call.args[0], ast.Constant) else _AT_RUN_TIME["__import__"]
        name = getattr(target, "__name__", "")
        if name in _AT_RUN_TIME and target is getattr(builtins, name, None):
            by_name = len(call.args) > 1 and isinstance(call.args[1], ast.Constant)
            return None if name == "getattr" and by_name else _AT_RUN_TIME[name]
        root: ast.expr = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        return None if self._is_known(root) else _UNKNOWN

    def _is_known(self, node: ast.expr) -> bool:  # noqa: PLR0911 - one line a kind of expression
        """Returns whether names, hints and literals determine the type of an expression."""
        if isinstance(node, ast.Name):
            return self._is_known_name(node.id)
        if isinstance(node, ast.Attribute):
            return self._resolved(node) is not None or (
                self._is_known(node.value) and not isinstance(node.value, ast.Call) and self._root(node) is None
            )
        if isinstance(node, ast.Call):
            target = self._resolved(node.func)
            if isinstance(target, FunctionType) and is_own(target.__globals__):
                hint = ("", target.__annotations__.get("return"))
                return bool(set(classes_in([hint], target.__globals__)) - _ANYTHING)
            return target is not None or (isinstance(node.func, ast.Attribute) and self._is_known(node.func.value))
        if isinstance(node, (ast.Subscript, ast.Starred, ast.Await)):
            return not self._is_vague(node.value) and self._is_known(node.value)
        if isinstance(node, ast.IfExp):
            return self._is_known(node.body) and self._is_known(node.orelse)
        if isinstance(node, ast.BinOp):
            return self._is_known(node.left)
        return isinstance(node, _LITERALS)

    def _is_vague(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self.vague

    def _is_known_name(self, name: str) -> bool:
        if name not in self.assigned:
            return name in self.known_names or not self._is_local(name)
        if name in self.open:
            return True  # `x = x.next()`: the other assignments decide
        self.open.add(name)
        try:
            return all(each is not None and self._is_known(each) for each in self.assigned[name])
        finally:
            self.open.discard(name)

    def _is_local(self, name: str) -> bool:
        return name in self.fn.__code__.co_varnames or name in self.fn.__code__.co_cellvars

    def _root(self, node: ast.expr) -> str | None:
        """Returns the local name at the root of an attribute chain, if its type is not known."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if isinstance(node, ast.Name) and self._is_local(node.id) and node.id not in self.imported:
            return node.id
        return None

    def _resolved(self, node: ast.expr) -> Any:
        """Returns the value of a dotted name in the module of the function; None if it is local or not known."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or self._is_local(node.id):
            return None
        free = dict(zip(self.fn.__code__.co_freevars, self.fn.__closure__ or (), strict=True))
        try:
            value = free[node.id].cell_contents if node.id in free else self.fn.__globals__.get(node.id)
        except ValueError:
            return None
        value = getattr(builtins, node.id, None) if value is None else value
        for name in reversed(names):
            if not isinstance(value, (ModuleType, type)):
                return value  # its content counts, with its class
            value = vars(value).get(name)
        return value

    def _collect(self) -> None:
        methods: set[ast.AST] = set()
        for each in ast.walk(self.node):
            self._collect_parameters(each, methods)
            if isinstance(each, (ast.Import, ast.ImportFrom)):
                self.imported |= {alias.asname or alias.name.partition(".")[0] for alias in each.names}
                self.known_names |= self.imported
            elif isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and each is not self.node:
                self.known_names.add(each.name)
            elif isinstance(each, ast.Assign):
                for target in each.targets:
                    self._assign(target, each.value)
            elif isinstance(each, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign)):
                self._assign(each.target, each.value)
            elif isinstance(each, (ast.For, ast.AsyncFor, ast.comprehension)):
                self._assign(each.target, None if self._is_vague(each.iter) else each.iter)
            elif isinstance(each, ast.withitem) and each.optional_vars is not None:
                self._assign(each.optional_vars, each.context_expr)

    def _collect_parameters(self, node: ast.AST, methods: set[ast.AST]) -> None:
        if isinstance(node, ast.ClassDef):
            methods.update(node.body)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and node is not self.node:
            self._take(node.args, is_method=node in methods)

    def _take(self, arguments: ast.arguments, *, is_method: bool) -> None:
        """Records what hints and defaults say about the parameters of a nested function."""
        positional = [*arguments.posonlyargs, *arguments.args]
        missing = len(positional) - len(arguments.defaults)
        pairs = [*zip(positional, [*[None] * missing, *arguments.defaults], strict=True)]
        for number, (each, default) in enumerate(
            [*pairs, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
        ):
            hint = None if each.annotation is None else ast.unparse(each.annotation)
            if (is_method and number == 0) or set(classes_in([("", hint)], self.fn.__globals__)) - _ANYTHING:
                self.known_names.add(each.arg)
            else:
                self.assigned.setdefault(each.arg, []).append(default)

    def _assign(self, target: ast.expr, value: ast.expr | None) -> None:
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                self.assigned.setdefault(each.id, []).append(value)
