"""Digests of normalised syntax trees of definitions: the same on every Python version that can parse them.

Differences without meaning are left out: positions, comments, contexts, absent members, how an
f-string is cut into pieces. Hints and docstrings of functions are left out of one of the two digests.
"""

from __future__ import annotations

import _ast
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall.cache.source.decorators import BLIND

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterable, Iterator

FORM: Final = 1
"""Version of these digests; increased with every change of what is left out."""

_FUNCTIONS: Final = (_ast.FunctionDef, _ast.AsyncFunctionDef)
_IGNORED: Final = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


class Syntax(NamedTuple):
    """Digests and names of one definition, from its text."""

    plain: str
    """Digest without hints and docstrings of functions: counts if no decorator reads them."""
    full: str
    """Digest with them."""
    decorators: tuple[str, ...]
    """Origins of the decorators, to be looked up: `:name.attribute` in the module, `module:name.attribute`, or `?`."""
    stored: tuple[str, ...]
    """Dotted names that it stores into: `X` for `X[k] = v` and `del X[k]`, `X.a` for `X.a = v`."""


def syntax(node: ast.AST, around: Iterable[ast.AST], /) -> Syntax:
    """Returns the digests of a definition; `around`: the module and the enclosing definitions, the outermost first."""
    scopes = list(around)
    writer = _Writer(scopes, plain=True)
    for index, outer in enumerate(scopes):
        writer.note_decorators(outer, scopes[:index])
    plain = writer.digest(node)
    full = plain
    if writer.decorators:
        full = _Writer(scopes, plain=False).digest(node)
    return Syntax(plain, full, tuple(writer.decorators), tuple(writer.stored))


def full_digest(node: ast.AST, around: Iterable[ast.AST], /) -> str:
    """Returns the digest of a definition with all its hints and docstrings."""
    return _Writer(list(around), plain=False).digest(node)


class _Writer:
    """Writer of a tree as text: types, names of members and constants, without those that have no meaning."""

    def __init__(self, scopes: list[ast.AST], *, plain: bool) -> None:
        self.text: list[str] = []
        self.out = self.text.append
        self.scopes = list(scopes)
        self.plain = plain
        self.in_class = False
        self.decorators: dict[str, None] = {}
        self.stored: dict[str, None] = {}

    def digest(self, node: ast.AST) -> str:
        self.write(node)
        return sha256("".join(self.text).encode()).hexdigest()

    def note_decorators(self, node: Any, scopes: list[ast.AST]) -> None:
        for each in getattr(node, "decorator_list", ()):
            self.decorators.update(dict.fromkeys(_origin(each, scopes)))

    def write(self, node: Any) -> None:
        special = _SPECIAL.get(type(node))
        if special is not None:
            special(self, node)
        else:
            self.members(node, node._fields)

    def members(self, node: Any, fields: Iterable[str]) -> None:
        out = self.out
        out(f"{type(node).__name__}(")
        for name in fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name not in _IGNORED:
                out(f"{name}=")
                self.member(value)
        out(")")

    def member(self, value: Any) -> None:
        if isinstance(value, list):
            self.out("[")
            for each in value:
                self.member(each)
            self.out("]")
        elif isinstance(value, _ast.AST):
            self.write(value)
        else:
            self.out(f"{value!a};")

    def constant(self, node: Any) -> None:
        value = node.value
        # In hexadecimal, as Python refuses to write very long integers in decimal.
        self.out(f"{value:x};" if type(value) is int else f"{type(value).__name__}:{value!a};")

    def function(self, node: Any) -> None:
        in_class, self.in_class = self.in_class, False
        self.note_decorators(node, self.scopes)
        # The options of a task are no part of the function.
        decorators = [each for each in node.decorator_list if not _is_ours(each, self.scopes)]
        body = node.body
        if self.plain and _is_docstring(body[0]):
            body = body[1:]
        self.scopes.append(node)
        self.out(f"{type(node).__name__}({node.name!a};")
        for part in (getattr(node, "type_params", []), decorators, None if self.plain else node.returns):
            if part:
                self.member(part)
            self.out("|")
        self.write(node.args)
        self.member(body)
        self.out(")")
        self.scopes.pop()
        self.in_class = in_class

    def class_(self, node: Any) -> None:
        in_class, self.in_class = self.in_class, True
        self.note_decorators(node, self.scopes)
        self.scopes.append(node)
        self.members(node, node._fields)
        self.scopes.pop()
        self.in_class = in_class

    def parameter(self, node: Any) -> None:
        self.members(node, ("arg",) if self.plain else ("arg", "annotation"))

    def annotated(self, node: Any) -> None:
        if not self.plain or self.in_class:
            self.members(node, node._fields)
        elif node.value is not None:
            self.out("Assign(targets=[")  # as without the hint
            self.write(node.target)
            self.out("]value=")
            self.write(node.value)
            self.out(")")

    def part(self, node: Any) -> None:
        """Writes an attribute or a subscript, which may be stored into."""
        if not isinstance(node.ctx, _ast.Load):
            names = dotted(node if isinstance(node, _ast.Attribute) else node.value)
            if names:
                self.stored[".".join(names)] = None
        self.members(node, node._fields)

    def joined(self, node: Any) -> None:
        self.out("JoinedStr[")
        text = ""
        for each in _flat(node):
            if isinstance(each, _ast.Constant):
                text += str(each.value)
                continue
            self.out(f"{text!a};" if text else "")
            text = ""
            self.out(f"{{{each.conversion};")
            self.write(each.value)
            if each.format_spec is not None and any(_flat(each.format_spec)):
                self.write(each.format_spec)
            self.out("}")
        self.out(f"{text!a};]" if text else "]")


_SPECIAL: Final[dict[type, Callable[[_Writer, Any], None]]] = {
    _ast.Constant: _Writer.constant,
    _ast.FunctionDef: _Writer.function,
    _ast.AsyncFunctionDef: _Writer.function,
    _ast.ClassDef: _Writer.class_,
    _ast.arg: _Writer.parameter,
    _ast.AnnAssign: _Writer.annotated,
    _ast.JoinedStr: _Writer.joined,
    _ast.Attribute: _Writer.part,
    _ast.Subscript: _Writer.part,
}


def _flat(node: Any) -> Iterator[Any]:
    for each in node.values:
        if isinstance(each, _ast.JoinedStr):
            yield from _flat(each)
        elif not (isinstance(each, _ast.Constant) and each.value == ""):
            yield each


def _is_docstring(node: Any) -> bool:
    return isinstance(node, _ast.Expr) and isinstance(node.value, _ast.Constant) and isinstance(node.value.value, str)


def dotted(node: Any) -> list[str]:
    """Returns `a.b.c` as a list of names; empty if the root is not a name."""
    found: list[str] = []
    while isinstance(node, _ast.Attribute):
        found.append(node.attr)
        node = node.value
    return [*found, node.id][::-1] if isinstance(node, _ast.Name) else []


# ------------------------------------------------------------------------------------------------------- decorators


def _is_ours(node: Any, scopes: list[ast.AST]) -> bool:
    return all(each == "holdall" for each in _origin(node, scopes, told=True))


def _origin(node: Any, scopes: list[ast.AST], *, told: bool = False) -> Iterator[str]:
    """Returns the origin of a decorator expression; nothing if it is known not to read hints.

    With `told`, the name of the known module instead of nothing.
    """
    while isinstance(node, _ast.Call):
        if dotted(node.func)[-1:] == ["partial"] and node.args:
            yield from _origin(node.args[0], scopes, told=told)  # a partial looks at what its function looks at
        node = node.func
    names = dotted(node)
    if not names:
        yield "?"
        return
    for end in range(len(scopes), 0, -1):
        bound = _bound(scopes[end - 1]).get(names[0])
        if bound is None:
            continue
        for each in bound:
            if isinstance(each, str):
                module, _, name = each.partition(":")
                top = module.partition(".")[0]
                if top in BLIND:
                    yield from [top] if told else []
                else:
                    yield f"{module}:{'.'.join([*([name] if name else []), *names[1:]])}"
            elif each is None:
                yield "?"
            else:
                yield from _origin(each, scopes[: end - 1] or scopes[:1], told=told)
        return
    yield f":{'.'.join(names)}"


def _bound(scope: Any) -> dict[str, list[Any]]:
    """Returns the names that a scope binds: to imports (as `module:name`), to expressions, or (None) to anything else."""
    found: dict[str, list[Any]] = {}
    arguments = getattr(scope, "args", None)
    if arguments is not None:
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        found = {each.arg: [None] for each in every if each is not None}
    body = scope.body if isinstance(getattr(scope, "body", None), list) else []
    for each in _statements(body):
        if isinstance(each, _ast.Import):
            for alias in each.names:
                name = alias.asname or alias.name.partition(".")[0]
                found.setdefault(name, []).append(f"{alias.name if alias.asname else name}:")
        elif isinstance(each, _ast.ImportFrom):
            module = "." * (each.level or 0) + (each.module or "")
            for alias in each.names:
                found.setdefault(alias.asname or alias.name, []).append(f"{module}:{alias.name}")
        elif isinstance(each, _ast.Assign) and len(each.targets) == 1 and isinstance(each.targets[0], _ast.Name):
            found.setdefault(each.targets[0].id, []).append(each.value)
        elif isinstance(each, (*_FUNCTIONS, _ast.ClassDef)):
            found.setdefault(each.name, []).append(None)
    return found


def _statements(body: list[Any]) -> Iterator[Any]:
    """Yields the statements of a scope, those in its `if`, `try`, `with` and loops included."""
    for each in body:
        yield each
        if not isinstance(each, (*_FUNCTIONS, _ast.ClassDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(each, name, []))
            for handler in getattr(each, "handlers", []):
                yield from _statements(handler.body)
