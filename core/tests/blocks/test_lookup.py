"""Blocks: where a slug is looked up and what wins, what is saved, what is refused and how that reads."""

from __future__ import annotations

import base64
import os
import pickle
import subprocess
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from holdall import blocks
from holdall.abc import Storage, StorageBlock
from holdall.blocks import lookup
from holdall.blocks.fields import variable_prefix
from holdall.blocks.urls import file_path, form
from holdall.builtin.local.directory import Directory
from holdall.builtin.sqlite.catalog import SQLiteCatalog
from holdall.catalog.open import close_catalogs
from holdall.errors import ConfigurationError, PluginMissingError, UnknownBlockError
from holdall.plugins import registry
from holdall.settings.model import Settings
from holdall.testing.distributions import absent, registrations_undone
from holdall.types import BlockDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, OTHER_KEY = (base64.urlsafe_b64encode(os.urandom(32)).decode() for _ in range(2))


class Bucket(StorageBlock):
    """Fields of every kind that configuration meets."""

    slug: ClassVar[str] = "test-bucket"
    bucket_path: str
    secret: SecretStr | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    ports: list[int] = Field(default_factory=list)
    anonymous: bool = False
    Timeout: float = 1.0
    _client: object | None = PrivateAttr(default=None)

    @field_validator("bucket_path")
    @classmethod
    def _no_spaces(cls, value: str) -> str:
        if " " in value:
            raise ValueError("a bucket has no spaces")
        return value

    @model_validator(mode="after")
    def _talkative(self) -> Bucket:
        if self.secret is not None and self.secret.get_secret_value().startswith("bad"):
            raise ValueError(f"cannot use {self.secret.get_secret_value()}")
        return self

    def put(self, key: str, parts: Any, /, *, mode: Any = "overwrite") -> Any: ...
    def get(self, key: str, /, *, byte_range: Any = None) -> Any: ...
    def head(self, key: str, /) -> Any: ...
    def delete(self, key: str, /) -> None: ...
    def scan(self, prefix: str = "", /) -> Any: ...


class Masked(Bucket):
    """Has a field that its JSON leaves out."""

    slug: ClassVar[str] = "test-masked"

    pairs: dict[str, int] = Field(default_factory=dict, exclude=True)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    with registrations_undone():
        registry.register(Bucket)
        registry.register(Masked)
        yield
    lookup._defined.clear()
    lookup._cached.clear()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[SQLiteCatalog]:
    catalog = SQLiteCatalog(str(tmp_path / "catalog.db"))
    yield catalog
    catalog.close()


def settings(tables: dict[str, dict[str, Any]] | None = None, /, **environ: str) -> Settings:
    tables = tables or {}
    return Settings(
        home="/home-of-holdall",
        blocks=tables,
        sources={f"blocks.{slug}": "/p/holdall.toml" for slug in tables},
        environ={"HOLDALL_SECRET_KEY": KEY, **environ},
    )


PREFIX = "HOLDALL_BLOCK__TEST_BUCKET__PROD__"
SLUG = "test-bucket/prod"


@pytest.mark.secrets
def test_a_saved_block_comes_back(shelf: SQLiteCatalog) -> None:
    """Equal, secrets included, under its slug; the catalog holds no secret in the clear."""
    block = Bucket(bucket_path="b/p", secret=SecretStr("correct horse"), ports=[1])

    slug = blocks.save(block, "prod", catalog=shelf, settings=settings())
    back = blocks.find(slug, settings(), catalog=shelf)

    document = shelf.block(slug)
    assert document is not None
    assert slug == SLUG
    assert block == back
    assert back.block_slug == SLUG
    assert {"bucket_path": "b/p", "ports": [1]} == document.fields
    assert "correct horse" not in repr(document)
    assert document.created > 0


def test_a_block_without_secrets_is_saved_without_a_key(shelf: SQLiteCatalog) -> None:
    """No token, no key file."""
    blocks.save(Bucket(bucket_path="b"), "prod", catalog=shelf, settings=Settings(home="/proc/none"))

    document = shelf.block(SLUG)
    assert document is not None
    assert document.secrets is None


@pytest.mark.usefixtures("no_cryptography")
def test_a_secret_is_not_saved_where_nothing_encrypts_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error says what to install, and no file has been made by then; without a secret the same block is saved."""
    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))

    with pytest.raises(PluginMissingError) as caught:
        Bucket(bucket_path="b", secret=SecretStr("correct horse")).save("prod")
    assert [] == list(tmp_path.iterdir())
    try:
        Bucket(bucket_path="b").save("prod")
        loaded = Bucket.load("prod")
    finally:
        close_catalogs()

    assert Bucket(bucket_path="b") == loaded
    assert "correct horse" not in str(caught.value)
    assert str(caught.value) == (
        "The catalog keeps the secrets of the block 'test-bucket/prod' encrypted, for which the package cryptography is "
        'needed, and it is not installed. Install it: pip install "holdall[secrets]". A block that is configured by '
        "variables (HOLDALL_BLOCK__<TYPE>__<NAME>__<FIELD>) needs none."
    )


@pytest.mark.usefixtures("no_cryptography")
def test_a_saved_secret_is_not_loaded_where_nothing_decrypts_it(shelf: SQLiteCatalog) -> None:
    """No block without its secret comes back; one whose secret the environment has is found."""
    document = BlockDocument(
        slug=SLUG, type="test-bucket", fields={"bucket_path": "b"}, secrets="gAAAAABn", created=1.0
    )
    shelf.save_block(document)
    variables = {f"{PREFIX}BUCKET_PATH": "b", f"{PREFIX}SECRET": "correct horse"}

    with pytest.raises(PluginMissingError, match=r'block \'test-bucket/prod\' .* pip install "holdall\[secrets\]"'):
        blocks.find(SLUG, settings(), catalog=shelf)

    found = blocks.find(SLUG, settings(**variables), catalog=shelf)
    assert Bucket(bucket_path="b", secret=SecretStr("correct horse")) == found


def test_saving_twice_needs_overwrite(shelf: SQLiteCatalog) -> None:
    """The second save under a name is refused unless it says so; the new block is found at once."""
    blocks.save(Bucket(bucket_path="old"), "prod", catalog=shelf, settings=settings())
    blocks.find(SLUG, settings(), catalog=shelf)

    with pytest.raises(ConfigurationError, match="is saved as 'test-bucket/prod' already"):
        blocks.save(Bucket(bucket_path="new"), "prod", catalog=shelf, settings=settings())
    blocks.save(Bucket(bucket_path="new"), "prod", overwrite=True, catalog=shelf, settings=settings())

    assert Bucket(bucket_path="new") == blocks.find(SLUG, settings(), catalog=shelf)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "a-", "a__b", "a--b", "ä", "a\n", ".."])
def test_names_that_are_refused(shelf: SQLiteCatalog, name: str) -> None:
    """Names that could not be spelt as a variable, or would look like a path, are no names."""
    with pytest.raises(ConfigurationError, match="is no name for a block"):
        blocks.save(Bucket(bucket_path="b"), name, catalog=shelf, settings=settings())


def test_a_class_that_is_not_registered_cannot_be_saved(shelf: SQLiteCatalog) -> None:
    """Nobody could load it; that is said when it is saved."""

    class Stray(Bucket):
        slug: ClassVar[str] = "test-stray"

    class Double(Bucket):
        """Goes by the slug of another."""

    for block in (Stray(bucket_path="b"), Double(bucket_path="b")):
        with pytest.raises(ConfigurationError, match="cannot be saved"):
            blocks.save(block, "prod", catalog=shelf, settings=settings())


def test_a_block_whose_json_is_another_block_cannot_be_saved(shelf: SQLiteCatalog) -> None:
    """What would not come back as it is, is refused while its owner is there."""
    with pytest.raises(ConfigurationError, match="its JSON makes another block"):
        blocks.save(Masked(bucket_path="b", pairs={"a": 1}), "prod", catalog=shelf, settings=settings())

    assert [] == list(shelf.blocks())


def test_the_first_place_wins_whole(shelf: SQLiteCatalog) -> None:
    """This process, environment, file, catalog: in that order, and fields are never mixed."""
    blocks.save(Bucket(bucket_path="catalog", ports=[1]), "prod", catalog=shelf, settings=settings())
    table = {SLUG: {"bucket_path": "file", "anonymous": True}}
    variable = {f"{PREFIX}BUCKET_PATH": "environment"}
    found = [
        blocks.find(SLUG, settings(), catalog=shelf),
        blocks.find(SLUG, settings(table), catalog=shelf),
        blocks.find(SLUG, settings(table, **variable), catalog=shelf),
    ]
    blocks.define(SLUG, Bucket(bucket_path="process"))
    found.append(blocks.find(SLUG, settings(table, **variable), catalog=shelf))
    blocks.undefine(SLUG)
    found.append(blocks.find(SLUG, settings(table, **variable), catalog=shelf))

    expected = [
        Bucket(bucket_path="catalog", ports=[1]),
        Bucket(bucket_path="file", anonymous=True),
        Bucket(bucket_path="environment"),
        Bucket(bucket_path="process"),
        Bucket(bucket_path="environment"),
    ]
    assert expected == found
    assert [SLUG] * 5 == [block.block_slug for block in found]


def test_a_defined_block_may_be_of_another_type() -> None:
    """A test can put something else in the place of a slug; the instance that was given keeps its own name."""
    block = Bucket(bucket_path="b")

    blocks.define("s3/prod", block)

    assert block == blocks.find("s3/prod", settings())
    assert block.block_slug is None


def test_variables_become_fields() -> None:
    """Names in any case, text as it is where it fits, JSON where the field takes no text."""
    block = blocks.find(
        "test-bucket/my-store",
        settings(
            HOLDALL_BLOCK__TEST_BUCKET__MY_STORE__BUCKET_PATH="b",
            holdall_block__test_bucket__my_store__secret="correct horse",
            HOLDALL_BLOCK__TEST_BUCKET__MY_STORE__OPTIONS='{"a": [1]}',
            HOLDALL_BLOCK__TEST_BUCKET__MY_STORE__PORTS="[1, 2]",
            HOLDALL_BLOCK__TEST_BUCKET__MY_STORE__ANONYMOUS="yes",
            HOLDALL_BLOCK__TEST_BUCKET__MY_STORE__TIMEOUT="2.5",
            HOLDALL_BLOCK__TEST_BUCKET__MY__STORE="not of this block",
        ),
    )

    expected = Bucket(
        bucket_path="b",
        secret=SecretStr("correct horse"),
        options={"a": [1]},
        ports=[1, 2],
        anonymous=True,
        Timeout=2.5,
    )
    assert expected == block


def test_prefixes_of_variables() -> None:
    """Dashes and dots become underscores."""
    assert variable_prefix("local-file-system/my.store") == "HOLDALL_BLOCK__LOCAL_FILE_SYSTEM__MY_STORE__"


def test_variables_in_a_file_are_replaced() -> None:
    """Inside text, lists and tables; `$${` stands for itself."""
    table = {"bucket_path": "${NAME}-${STAGE}", "options": {"a": ["${NAME}"], "b": "$${NAME}"}, "ports": "${PORTS}"}

    block = blocks.find(SLUG, settings({SLUG: table}, NAME="n", STAGE="s", PORTS="[80]"))

    assert Bucket(bucket_path="n-s", options={"a": ["n"], "b": "${NAME}"}, ports=[80]) == block


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${MISSING}", "the environment variable MISSING is not set."),
        ("${MISSING:-x}", "a '${' must begin the name of a variable, as ${NAME}; $${ is a plain ${."),
    ],
)
def test_a_variable_that_a_file_names_is_not_set(text: str, problem: str) -> None:
    """The error names file, block, field and variable."""
    with pytest.raises(ConfigurationError) as caught:
        blocks.find(SLUG, settings({SLUG: {"bucket_path": text}}))

    assert f"/p/holdall.toml, block '{SLUG}', field 'bucket_path': {problem}" == str(caught.value)


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"BUCKET_PATH": "a b"}, [f"{PREFIX}BUCKET_PATH: a bucket has no spaces"]),
        ({"BUCKET_PTH": "b"}, [f"{PREFIX}BUCKET_PTH: there is no such field, did you mean 'bucket_path'?"]),
        ({"ANONYMOUS": "1"}, ["the field 'bucket_path' is missing", f"{PREFIX}BUCKET_PATH is not set"]),
        ({"BUCKET_PATH": "b", "PORTS": "[1, null]"}, [f"{PREFIX}PORTS: Input should be a valid integer"]),
        ({"BUCKET_PATH": "b", "OPTIONS": "{"}, [f"{PREFIX}OPTIONS: Input should be a valid dictionary"]),
        ({"BUCKET_PATH": "b", "SECRET": "bad-secret"}, ["as a whole: cannot use **********"]),
    ],
)
def test_fields_that_are_not_right(variables: dict[str, str], parts: list[str]) -> None:
    """The error names the variable and the fields there are, and never a secret."""
    with pytest.raises(ConfigurationError) as caught:
        blocks.find(SLUG, settings(**{PREFIX + name: value for name, value in variables.items()}))

    expected = [f"The block '{SLUG}' (environment variables {PREFIX}*) is not right", "Fields of Bucket: ", *parts]
    assert [] == [part for part in expected if part not in str(caught.value)]
    assert "bad-secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_secret_of_the_wrong_kind_is_not_shown() -> None:
    """A secret that its field refuses is named by its field alone."""
    with pytest.raises(ConfigurationError) as caught:
        blocks.find(SLUG, settings({SLUG: {"bucket_path": "b", "secret": [12345]}}))

    assert "secret: not valid (its value is a secret and not shown)" in str(caught.value)
    assert "12345" not in str(caught.value)


def test_an_unknown_slug(shelf: SQLiteCatalog) -> None:
    """The error has the nearest spelling, what is known, and how to make it known."""
    blocks.save(Bucket(bucket_path="b"), "dev", catalog=shelf, settings=settings())
    known = settings({"test-bucket/prod": {}}, HOLDALL_BLOCK__TEST_BUCKET__ENV__BUCKET_PATH="b")

    with pytest.raises(UnknownBlockError) as caught:
        blocks.find("test-bucket/prdo", known, catalog=shelf)

    expected = (
        "No storage block is saved or configured as 'test-bucket/prdo'. Did you mean 'test-bucket/prod'? "
        "Known: test-bucket/dev, test-bucket/env, test-bucket/prod. "
        "Save one with .save('prdo'), or set HOLDALL_BLOCK__TEST_BUCKET__PRDO__<FIELD>."
    )
    assert expected == str(caught.value)


def test_an_unknown_slug_of_a_plugin_that_is_not_installed(shelf: SQLiteCatalog) -> None:
    """The install line is there."""
    with absent("holdall-gcs"), pytest.raises(UnknownBlockError, match="pip install holdall-gcs"):
        blocks.find("gcs/lake", settings(), catalog=shelf)


def test_a_configured_block_of_a_plugin_that_is_not_installed() -> None:
    """It is known, so the plugin is what is missing; the error says for what."""
    with absent("holdall-gcs"), pytest.raises(PluginMissingError) as caught:
        blocks.find("gcs/lake", settings({"gcs/lake": {"bucket_path": "b"}}))

    assert str(caught.value).startswith("The block 'gcs/lake' (/p/holdall.toml) cannot be used. ")
    assert "pip install holdall-gcs" in str(caught.value)


@pytest.mark.parametrize("slug", ["prod", "a/b/c", "/x", "x/"])
def test_what_is_no_slug(shelf: SQLiteCatalog, slug: str) -> None:
    """A slug has a type and a name."""
    with pytest.raises(UnknownBlockError, match="is no slug of a block: that has a type and a name, as s3/prod"):
        blocks.find(slug, settings(), catalog=shelf)


@pytest.mark.secrets
def test_the_wrong_key_names_the_block(shelf: SQLiteCatalog) -> None:
    """Also where the block was read with the right key before."""
    blocks.save(Bucket(bucket_path="b", secret=SecretStr("x")), "prod", catalog=shelf, settings=settings())
    blocks.find(SLUG, settings(), catalog=shelf)

    with pytest.raises(ConfigurationError, match=f"block '{SLUG}' do not open with the key from HOLDALL_SECRET_KEY"):
        blocks.find(SLUG, settings(HOLDALL_SECRET_KEY=OTHER_KEY), catalog=shelf)


@pytest.mark.secrets
def test_one_source_is_one_object(shelf: SQLiteCatalog) -> None:
    """A block found twice shares its client; a source that changed makes a new one."""
    blocks.save(Bucket(bucket_path="b", secret=SecretStr("x")), "prod", catalog=shelf, settings=settings())
    saved = blocks.find(SLUG, settings(), catalog=shelf)
    again = blocks.find(SLUG, settings(), catalog=shelf)
    table = blocks.find(SLUG, settings({SLUG: {"bucket_path": "${B}"}}, B="1"))
    changed = blocks.find(SLUG, settings({SLUG: {"bucket_path": "${B}"}}, B="2"))

    assert saved is again
    assert changed is blocks.find(SLUG, settings({SLUG: {"bucket_path": "${B}"}}, B="2"))
    assert ["1", "2"] == [cast("Bucket", block).bucket_path for block in (table, changed)]


def test_the_listing(shelf: SQLiteCatalog) -> None:
    """Every place of every block, in the order in which they are asked, with what shadows it."""
    blocks.save(Bucket(bucket_path="b"), "my_store", catalog=shelf, settings=settings())
    blocks.define("test-bucket/a", Bucket(bucket_path="b"))
    given = settings(
        {"test-bucket/a": {}},
        HOLDALL_BLOCK__TEST_BUCKET__MY_STORE__BUCKET_PATH="b",
        HOLDALL_BLOCK__TEST_BUCKET__NEW_ONE__BUCKET_PATH="b",
    )

    listed = [(entry.slug, entry.source, entry.shadowed_by) for entry in blocks.listing(given, catalog=shelf)]

    variables = "environment variables HOLDALL_BLOCK__TEST_BUCKET__MY_STORE__*"
    expected = [
        ("test-bucket/a", "this process", None),
        ("test-bucket/a", "/p/holdall.toml", "this process"),
        ("test-bucket/my_store", variables, None),
        ("test-bucket/my_store", "the catalog in /home-of-holdall", variables),
        ("test-bucket/new-one", "environment variables HOLDALL_BLOCK__TEST_BUCKET__NEW_ONE__*", None),
    ]
    assert expected == listed
    assert {"test-bucket"} == {entry.type for entry in blocks.listing(given, catalog=shelf)}


def test_anonymous_documents_are_not_listed(shelf: SQLiteCatalog) -> None:
    """Secrets of blocks without a slug lie beside the saved blocks, and are nobody's to name."""
    slug = f"test-bucket/{blocks.ANONYMOUS}0123"
    shelf.save_block(BlockDocument(slug=slug, type="test-bucket", fields={"bucket_path": "b"}))

    assert [] == blocks.listing(settings(), catalog=shelf)
    with pytest.raises(ConfigurationError, match="is no name for a block"):
        blocks.save(Bucket(bucket_path="b"), f"{blocks.ANONYMOUS}0123", catalog=shelf, settings=settings())


def test_delete(shelf: SQLiteCatalog) -> None:
    """What is in the catalog goes; what is configured elsewhere is not ours to delete, and says where it is."""
    blocks.save(Bucket(bucket_path="b"), "prod", catalog=shelf, settings=settings())

    blocks.delete(SLUG, catalog=shelf, settings=settings())

    with pytest.raises(UnknownBlockError, match="Known: none"):
        blocks.delete(SLUG, catalog=shelf, settings=settings())
    with pytest.raises(ConfigurationError, match=r"comes from /p/holdall\.toml\. Remove it there"):
        blocks.delete(SLUG, catalog=shelf, settings=settings({SLUG: {}}))


def test_load_by_class_and_by_slug(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`Bucket.load("prod")`, `StorageBlock.load("test-bucket/prod")`, and another class is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"{PREFIX}BUCKET_PATH", "b")

    by_name, by_slug = Bucket.load("prod"), StorageBlock.load(SLUG)

    assert by_name is by_slug
    with pytest.raises(ConfigurationError, match="is a Bucket, and a Masked was asked for"):
        Masked.load(SLUG)


@pytest.mark.secrets
def test_save_and_load_through_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.save` and `.load` use the catalog and the key file below HOLDALL_HOME, and another process reads them."""
    home = tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDALL_HOME", str(home))
    monkeypatch.delenv("HOLDALL_SECRET_KEY", raising=False)
    block = Bucket(bucket_path="b", secret=SecretStr("correct horse"))
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]; from test_lookup import Bucket\n"
        "from holdall.plugins import registry as _registry\n"
        "_registry.register(Bucket); print(Bucket.load('prod').secret.get_secret_value())"
    )

    try:
        slug = block.save("prod")
        loaded = Bucket.load("prod")
        shown = subprocess.run(
            [sys.executable, "-c", code, os.path.dirname(__file__)], capture_output=True, text=True, check=True
        )
    finally:
        close_catalogs()

    assert slug == SLUG
    assert block == loaded
    assert shown.stdout == "correct horse\n"
    assert not [file for file in home.iterdir() if b"correct horse" in file.read_bytes()]


def test_a_name_is_no_part_of_a_block() -> None:
    """Equality and hash ignore slug and clients; pickling keeps the slug and drops clients and secrets."""
    block = Bucket(bucket_path="b", secret=SecretStr("correct horse"))
    named = block.with_slug(SLUG)
    named._client = object()

    back = pickle.loads(pickle.dumps(named))

    assert block == named
    assert hash(block) == hash(named)
    assert block != Bucket(bucket_path="b")
    assert named.with_slug(SLUG) is named
    assert back.block_slug == SLUG
    assert back._client is None
    assert back.secret is None
    assert SLUG not in repr(named)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3/prod", "slug"),
        ("prod", "slug"),
        ("results/here.d", "slug"),
        ("s3://bucket/prefix", "url"),
        ("gs://bucket", "url"),
        ("/tmp/x", "path"),
        ("./x", "path"),
        ("../x", "path"),
        (".", "path"),
        ("..", "path"),
        ("~/x", "path"),
        ("~", "path"),
        ("C:\\x", "path"),
        ("c:/x", "path"),
        (".\\x", "path"),
        ("\\\\server\\share", "path"),
        ("./a://b", "path"),
        (".hidden/x", "slug"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    """A string is what its form says, whatever is on the disk."""
    assert expected == form(text)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("file:///a/b%20c", "/a/b c"),
        ("file://localhost/a", "/a"),
        ("file:///C:/a", "C:/a"),
        ("s3://b", None),
    ],
)
def test_file_urls(url: str, expected: str | None) -> None:
    """Absolute paths, percent signs decoded."""
    assert expected == file_path(url)


def test_values_that_are_storages() -> None:
    """An instance is itself, a URL the block of its scheme, a slug what it stands for."""
    block = Bucket(bucket_path="b")
    blocks.define(SLUG, block)

    def value(given: Any) -> Storage:
        return blocks.from_value(given, settings=settings(), directory="/run")

    assert value(block) is block
    assert Bucket(bucket_path="b/p") == value("test-bucket://b/p")
    assert block == value(SLUG)
    assert value(SLUG).block_slug == SLUG
    assert value("test-bucket://b/p").block_slug is None


def test_a_relative_block_keeps_its_slug_when_its_path_is_resolved() -> None:
    """`resolved` makes another block; references still record the slug."""

    class Relative(Bucket):
        def resolved(self, directory: str, /) -> Relative:
            return Relative(bucket_path=f"{directory}/{self.bucket_path}")

    blocks.define(SLUG, Relative(bucket_path="x"))

    found = blocks.from_value(SLUG, settings=settings(), directory="/run")

    assert Relative(bucket_path="/run/x") == found
    assert found.block_slug == SLUG


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("./x", "run/x"),
        ("../x", "x"),
        (PurePath("x"), "run/x"),
        (PurePath("s3/prod"), "run/s3/prod"),
        ("/{base}/x", "x"),
        ("file:///{base}/a%20b", "a b"),
    ],
)
def test_folders(tmp_path: Path, given: str | PurePath, expected: str) -> None:
    """Relative ones start from the run's directory; a `pathlib` path is never a slug."""
    if isinstance(given, str):
        given = given.replace("/{base}", tmp_path.as_posix())

    found = blocks.from_value(given, settings=settings(), directory=str(tmp_path / "run"))

    assert isinstance(found, Directory)
    assert Path(tmp_path / expected) == Path(found.base)


@pytest.mark.parametrize("value", [None, 3, "", "  ", b"/x", Bucket, ["s3/prod"]])
def test_values_that_are_no_storages(value: Any) -> None:
    """The error says what is accepted."""
    with pytest.raises(ConfigurationError, match=r"cannot be a storage.*a slug \(s3/prod\), a path \(\./results\)"):
        blocks.from_value(value, settings=settings(), directory="/run")


def test_a_class_in_the_place_of_an_instance() -> None:
    """The commonest slip has a hint of its own."""
    with pytest.raises(ConfigurationError, match=r"Make an instance: Bucket\(…\)"):
        blocks.from_value(Bucket, settings=settings(), directory="/run")


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("test-bucket://a b", ["'test-bucket://a b' cannot be a storage", "a bucket has no spaces"]),
        ("gs://b", ["'gs://b' cannot be a storage", "pip install holdall-gcs"]),
        ("gs://key:secret@b", ["'gs://…@b' cannot be a storage", "holds a password"]),
        ("file://x/y", ["three slashes"]),
        ("://x", ["begins with no scheme"]),
    ],
)
def test_urls_that_are_no_storages(url: str, parts: list[str]) -> None:
    """The error says what is wrong with it, and repeats no credentials."""
    with absent("holdall-gcs"), pytest.raises((ConfigurationError, PluginMissingError)) as caught:
        blocks.from_value(url, settings=settings(), directory="/run")

    assert [] == [part for part in parts if part not in str(caught.value)]
    assert "secret@" not in str(caught.value)
