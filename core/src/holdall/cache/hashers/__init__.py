"""Hashers: functions that return the content of a value, one a type, with one module a library.

A library is not imported before a value of it is met: the table is searched by the names of a type's base classes.
`docs/reference/cache.md` has the same table in words.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from holdall import _lazy
from holdall.errors import ConfigurationError, PluginBrokenError, PluginConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

# Function of a module here: the types that it is for, as module:QualName. Several where releases differ.
_FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "builtin.text": ("builtins:str",),
    "builtin.integer": ("builtins:int",),
    "builtin.real": ("builtins:float",),
    "builtin.complex_number": ("builtins:complex",),
    "builtin.octets": ("builtins:bytes",),
    "builtin.raw": ("builtins:bytearray",),
    "builtin.items": ("builtins:list",),
    "builtin.record": ("builtins:tuple",),
    "builtin.elements": ("builtins:set", "builtins:frozenset"),
    "builtin.mapping": ("builtins:dict",),
    "builtin.proxy": ("builtins:mappingproxy",),
    "builtin.keys": ("builtins:dict_keys",),
    "builtin.pairs": ("builtins:dict_items",),
    "builtin.values": ("builtins:dict_values",),
    "builtin.view": ("builtins:memoryview",),
    "builtin.buffer": ("pickle:PickleBuffer", "_pickle:PickleBuffer"),
    "builtin.interval": ("builtins:range",),
    "builtin.part": ("builtins:slice",),
    "builtin.singleton": ("builtins:ellipsis", "builtins:NotImplementedType"),
    "builtin.error": ("builtins:BaseException",),
    "builtin.generic": ("types:GenericAlias",),
    "builtin.union": ("types:UnionType", "typing:_UnionGenericAlias", "typing:Union"),
    "builtin.annotated": ("typing:_AnnotatedAlias",),
    "builtin.typing_generic": ("typing:_GenericAlias",),
    "stdlib.ordered": ("collections:OrderedDict",),
    "stdlib.defaulting": ("collections:defaultdict",),
    "stdlib.queue": ("collections:deque",),
    "stdlib.namespace": ("types:SimpleNamespace",),
    "stdlib.path": ("pathlib:PurePath", "pathlib._local:PurePath"),
    "stdlib.decimal": ("decimal:Decimal",),
    "stdlib.unique": ("uuid:UUID",),
    "stdlib.date": ("datetime:date",),
    "stdlib.moment": ("datetime:datetime",),
    "stdlib.time_of_day": ("datetime:time",),
    "stdlib.duration": ("datetime:timedelta",),
    "stdlib.fixed_zone": ("datetime:timezone",),
    "stdlib.zone": ("zoneinfo:ZoneInfo", "zoneinfo._zoneinfo:ZoneInfo"),
    "stdlib.pattern": ("re:Pattern",),
    "stdlib.numbers": ("array:array",),
    "stdlib.mapped": ("mmap:mmap",),
    "stdlib.bytes_file": ("_io:BytesIO",),
    "stdlib.text_file": ("_io:StringIO",),
    "stdlib.open_file": ("_io:_IOBase", "_io:TextIOWrapper"),
    "stdlib.generator": ("_random:Random",),
    "stdlib.row": ("sqlite3:Row",),
    "ours.reference": ("holdall.results.references:ResultReference",),
    "ours.state": ("holdall.engine.state:State",),
    "ours.future": ("holdall.engine.future:Future",),
    "numpy.array": ("numpy:ndarray", "numpy:memmap"),  # a map is a way to lie in memory, and no other content
    "numpy.masked": ("numpy.ma:MaskedArray", "numpy.ma.core:MaskedArray"),
    "numpy.scalar": ("numpy:generic",),
    "numpy.dtype": ("numpy:dtype",),
    "numpy.calendar": ("numpy:busdaycalendar",),
    "numpy.generator": ("numpy.random._generator:Generator",),
    "numpy.bit_generator": ("numpy.random.bit_generator:BitGenerator",),
    "numpy.seed_sequence": ("numpy.random.bit_generator:SeedSequence",),
    "numpy.random_state": ("numpy.random.mtrand:RandomState",),
    "pandas.frame": ("pandas:DataFrame", "pandas.core.frame:DataFrame"),
    "pandas.series": ("pandas:Series", "pandas.core.series:Series"),
    "pandas.index": ("pandas:Index", "pandas.core.indexes.base:Index"),
    "pandas.column": ("pandas.api.extensions:ExtensionArray", "pandas.core.arrays.base:ExtensionArray"),
    "pandas.dtype": (
        "pandas.core.dtypes.base:ExtensionDtype",
        "pandas.api.extensions:ExtensionDtype",
    ),
    "pandas.timestamp": ("pandas:Timestamp", "pandas._libs.tslibs.timestamps:Timestamp"),
    "pandas.timedelta": ("pandas:Timedelta", "pandas._libs.tslibs.timedeltas:Timedelta"),
    "pandas.period": ("pandas:Period", "pandas._libs.tslibs.period:Period"),
    "pandas.interval": ("pandas:Interval", "pandas._libs.interval:Interval"),
    "pandas.missing": (
        "pandas.api.typing:NaTType",
        "pandas._libs.tslibs.nattype:NaTType",
        "pandas.api.typing:NAType",
        "pandas._libs.missing:NAType",
    ),
    "pandas.offset": ("pandas._libs.tslibs.offsets:BaseOffset",),
    "pandas.flags": ("pandas:Flags", "pandas.core.flags:Flags"),
    "polars.frame": ("polars.dataframe.frame:DataFrame",),
    "polars.series": ("polars.series.series:Series",),
    "polars.query": ("polars.lazyframe.frame:LazyFrame",),
    "polars.dtype": ("polars.datatypes.classes:DataType",),
    "pyarrow.array": ("pyarrow.lib:Array",),
    "pyarrow.chunked": ("pyarrow.lib:ChunkedArray",),
    "pyarrow.table": ("pyarrow.lib:Table", "pyarrow.lib:RecordBatch"),
    "pyarrow.schema": ("pyarrow.lib:Schema",),
    "pyarrow.field": ("pyarrow.lib:Field",),
    "pyarrow.data_type": ("pyarrow.lib:DataType",),
    "pyarrow.scalar": ("pyarrow.lib:Scalar",),
    "pyarrow.buffer": ("pyarrow.lib:Buffer",),
    "scipy.matrix": ("scipy.sparse._base:_spbase", "scipy.sparse.base:spmatrix"),
    "torch.tensor": ("torch:Tensor", "torch._tensor:Tensor"),
    "torch.named": ("torch:dtype", "torch:device", "torch:layout", "torch:memory_format"),
    "torch.generator": ("torch._C:Generator",),
    "pillow.image": ("PIL.Image:Image",),
    "pydantic.url": (
        "pydantic.networks:_BaseUrl",
        "pydantic.networks:_BaseMultiHostUrl",
        "pydantic_core._pydantic_core:Url",
        "pydantic_core._pydantic_core:MultiHostUrl",
    ),
}
_TABLE: Final = {name: function for function, names in _FUNCTIONS.items() for name in names}

# Whose hashers say themselves which of the library's own subclasses a value is of.
_FAMILIES: Final = {
    "numpy.bit_generator": "numpy",
    "numpy.dtype": "numpy",
    "numpy.scalar": "numpy",
    "pandas.column": "pandas",
    "pandas.dtype": "pandas",
    "pandas.index": "pandas",
    "pandas.offset": "pandas",
    "pillow.image": "PIL",
    "polars.dtype": "polars",
    "pyarrow.array": "pyarrow",
    "pyarrow.data_type": "pyarrow",
    "pyarrow.scalar": "pyarrow",
    "scipy.matrix": "scipy",
    "stdlib.path": "pathlib",
}

# What the library holds in the `__dict__` of its instances, which the hasher has read: the rest is a subclass's own.
_HELD: Final = {
    "numpy.masked": frozenset(
        ["_mask", "_data", "_fill_value", "_basedict", "_optinfo", "_hardmask", "_sharedmask", "_isfield", "_baseclass"]
    ),
    "pandas.frame": frozenset(["_mgr", "_item_cache", "_attrs", "_flags", "_is_copy", "_cacher"]),
    "pandas.series": frozenset(["_mgr", "_item_cache", "_attrs", "_flags", "_is_copy", "_cacher", "_name", "_index"]),
    "pandas.index": frozenset(
        ["_data", "_name", "_names", "_cache", "_id", "_references", "_levels", "_codes", "_range", "_no_setting_name"]
    ),
    "pillow.image": frozenset(["im", "_im", "_mode", "_size", "palette", "info", "readonly", "_exif", "pyaccess"]),
    "polars.frame": frozenset({"_df", "_accessors"}),
    "polars.series": frozenset({"_s", "_accessors"}),
    "scipy.matrix": frozenset(
        [
            "_shape",
            "data",
            "indices",
            "indptr",
            "row",
            "col",
            "coords",
            "offsets",
            "rows",
            "_dict",
            "maxprint",
            "_has_canonical_format",
            "_has_sorted_indices",
            "has_canonical_format",
            "has_sorted_indices",
        ]
    ),
}

GROUP: Final = "holdall.hashers"
_NOUN: Final = "hasher"

_registered: dict[str, Callable[[Any], Any]] = {}


class Found(NamedTuple):
    """Hasher of a type. `base` is the class that it is for; `plain`: the type is that class or equivalent.

    `held` are the attributes of `base` that the hasher covers, which are not state of a subclass.
    """

    hasher: Callable[[Any], Any]
    base: type
    name: str
    plain: bool
    held: frozenset[str] = frozenset()


def register_hasher(kind: type | str, hasher: Callable[[Any], Any], /) -> None:
    """Registers a hasher in this process: values of the type count in cache keys by what `hasher(value)` returns.

    Packages declare theirs in the entry-point group `holdall.hashers`.

    Args:
        kind: A class or its name as `module:QualName`. Subclasses are included, with their own attributes. A later call for
            the same class replaces the earlier one.
        hasher: Returns anything that can be hashed itself: texts, numbers, bytes, arrays, tuples of such.

    Raises:
        ConfigurationError: the name is not of the form `module:QualName`.
    """
    name = kind if isinstance(kind, str) else full_name(kind)
    if ":" not in name:
        raise ConfigurationError(f"A type is named as module:QualName, not {kind!r}.")
    _registered[name] = hasher


def full_name(kind: type, /) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def find(kind: type, /) -> Found | None:
    """Returns the hasher of the nearest base class that has one: registered, in holdall's own table, or of a package.

    Raises:
        PluginError: a package declares one for it that cannot be used, or two packages do.
    """
    for base in kind.__mro__[:-1]:
        name = full_name(base)
        if (hasher := _registered.get(name)) is not None:
            return Found(hasher, base, name, base is kind)
        function = _TABLE.get(name)
        if function is not None and _genuine(base, name):
            # Named after the function and not the class, whose module is another in other releases of a library.
            plain = base is kind or kind.__module__.partition(".")[0] == _FAMILIES.get(function)
            return Found(_load(function), base, function, plain, _HELD.get(function, frozenset()))
        if (hasher := _installed(base)) is not None:
            return Found(hasher, base, name, base is kind)
    return None


def _load(function: str) -> Callable[[Any], Any]:
    module, _, name = function.partition(".")
    return _lazy.load(f"{__name__}.{module}", name)  # type: ignore[no-any-return]  # the table's names are of functions


_HEAP_TYPE: Final = 1 << 9


def _genuine(base: type, name: str) -> bool:
    """Returns whether it is the class of that name, and not another one with the same name."""
    if not base.__flags__ & _HEAP_TYPE:
        return True
    module, _, qualname = name.partition(":")
    return getattr(sys.modules.get(module), qualname, None) is base


def _installed(base: type) -> Callable[[Any], Any] | None:
    # A scan of what is installed, for types that the table has not.
    from holdall.plugins import registry
    from holdall.plugins.loading import target_of

    name = registry.full_name(base)
    entries = [each for each in registry.all_entries() if each.group == GROUP and each.name == name]
    entries = [each for each in entries if each.shadowed_by is None]
    if len(entries) > 1:
        said = " and ".join(map(str, entries))
        raise PluginConflictError(
            f"Values of type {name} have several hashers: {said}. Uninstall one of them, or say which with "
            f"holdall.cache.register_hasher({full_name(base)!r}, …)."
        )
    if not entries:
        return None
    found: Any = target_of(entries[0], noun=_NOUN)
    if not callable(found):
        raise PluginBrokenError(f"The {_NOUN} {name!r} of {entries[0]} cannot be used: it is no function.")
    return found  # type: ignore[no-any-return]
