"""Configuration: compared by value, pickled without secrets, copied without clients."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import pytest
from pydantic import BaseModel, Field, PrivateAttr, Secret, SecretBytes, SecretStr
from typing_extensions import TypedDict

from holdall.abc.component import Component

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = "correct-horse"


class Login(BaseModel):
    """A nested model with a secret."""

    user: str
    password: SecretStr
    next: Login | None = None


@dataclass
class Token:
    """A dataclass with a secret, its annotations kept as text."""

    token: SecretStr


class Headers(TypedDict):
    """A typed dictionary with a secret."""

    authorization: SecretStr


class Plain(Component):
    """No secrets, no clients."""

    slug: ClassVar[str] = "plain"

    name: str = "x"
    tags: frozenset[str] = frozenset()
    options: dict[str, int] = Field(default_factory=dict)


class Vault(Component):
    """Secrets at every depth, and a client that neither copies nor pickles."""

    slug: ClassVar[str] = "vault"

    url: str = "https://example.org"
    password: SecretStr | None = None
    key: SecretBytes | None = None
    annotated: Annotated[SecretStr, Field(min_length=1)] | None = None
    born: Secret[date] | None = None
    many: dict[str, list[SecretStr]] = Field(default_factory=dict)
    login: Login | None = None
    token: Token | None = None
    headers: Headers | None = None
    when: date | None = None

    _client: Any = PrivateAttr(default=None)
    _opened: list[int] = PrivateAttr(default_factory=list)

    def open(self) -> Any:
        """A client, made on first use."""
        if self._client is None:
            self._client = threading.Lock()
            self._opened.append(1)
        return self._client


SECRETS = {"password", "key", "annotated", "born", "many", "login", "token", "headers"}


@pytest.fixture
def vault() -> Vault:
    return Vault.model_validate(
        {
            "password": HIDDEN,
            "key": HIDDEN.encode(),
            "annotated": HIDDEN,
            "born": "2013-01-01",
            "many": {"a": [HIDDEN, HIDDEN]},
            "login": {"user": "me", "password": HIDDEN, "next": {"user": "you", "password": HIDDEN}},
            "token": {"token": HIDDEN},
            "headers": {"authorization": HIDDEN},
            "when": "2013-01-02",
        }
    )


def test_secrets_are_found_at_any_depth() -> None:
    """Optional, annotated, generic, in containers, nested models, dataclasses and typed dictionaries."""
    assert Vault.secret_fields() == SECRETS
    assert Plain.secret_fields() == frozenset()


def test_plain_fields_hold_no_secret(vault: Vault) -> None:
    """What goes into references and saved blocks in the clear is what was set and hides nothing."""
    assert vault.plain_fields() == {"when": "2013-01-02"}
    assert Vault().plain_fields() == {}


def test_secret_values_rebuild_the_component(vault: Vault) -> None:
    """Plain fields and secrets, both through JSON, make an equal component."""
    secrets = json.loads(json.dumps(vault.secret_values()))

    assert secrets["login"]["next"] == {"user": "you", "password": HIDDEN, "next": None}
    assert secrets["many"] == {"a": [HIDDEN, HIDDEN]}
    assert vault == Vault.model_validate({**vault.plain_fields(), **secrets})
    assert Vault().secret_values() == {"many": {}}


def test_nothing_printed_shows_a_secret(vault: Vault) -> None:
    """Neither repr nor text nor a dump, nor the message about a wrong value."""
    with pytest.raises(ValueError, match="login") as caught:
        Vault.model_validate({"login": {"user": "me", "password": [HIDDEN]}})
    printed = [repr(vault), str(vault), vault.model_dump_json(), str(vault.model_dump()), str(caught.value)]

    assert [text for text in printed if HIDDEN in text] == []


def test_a_pickle_holds_no_secret_and_no_client(vault: Vault) -> None:
    """What is left works with fresh private attributes; the secrets come another way."""
    vault.open()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps(vault, protocol)

        assert HIDDEN.encode() not in pickled
        found = pickle.loads(pickled)

        assert found.plain_fields() == {"when": "2013-01-02"}
        assert [None] * len(SECRETS) == [getattr(found, name) for name in SECRETS]
        assert found._client is None
        assert found._opened == []
        assert found.open() is not vault.open()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, Vault.model_copy, lambda v: v.model_copy(deep=True)])
def test_a_copy_keeps_secrets_and_starts_without_clients(duplicate: Any, vault: Vault) -> None:
    """A client belongs to one component; a copy opens its own."""
    vault.open()
    found = duplicate(vault)

    assert vault == found
    assert hash(vault) == hash(found)
    assert found.secret_values() == vault.secret_values()
    assert found._client is None
    assert found._opened == []
    assert vault._client is vault.open()


def test_a_copy_with_changes_is_another_component(vault: Vault) -> None:
    """`model_copy(update=...)` never drags a client of the old configuration along."""
    vault.open()
    found = vault.model_copy(update={"url": "https://example.net"})

    assert found != vault
    assert found._client is None
    assert found.plain_fields() == {"url": "https://example.net", "when": "2013-01-02"}


def test_equality_is_of_configuration() -> None:
    """Clients, and whether a default was spelt out, do not count; secrets and the class do."""
    used = Vault(password=SecretStr("a"))
    used.open()

    class Other(Vault):
        """Another class with the same fields."""

    assert used == Vault(url="https://example.org", password=SecretStr("a"))
    assert used != Vault(password=SecretStr("b"))
    assert used != Other(password=SecretStr("a"))
    assert used != "vault"


def test_equal_components_have_equal_hashes() -> None:
    """Also where sets and dictionaries were filled in another order."""
    names = [f"tag{number}" for number in range(50)]
    one = Plain(tags=frozenset(names), options={"a": 1, "b": 2})
    other = Plain(tags=frozenset(reversed(names)), options={"b": 2, "a": 1})

    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other, Plain(name="y")}) == 2


def test_components_cannot_be_changed(vault: Vault) -> None:
    """A configuration that is somebody's key stays what it is."""
    with pytest.raises(ValueError, match="frozen"):
        vault.url = "https://example.net"


def test_a_post_init_of_its_own_runs_again() -> None:
    """A class that sets up private attributes in `model_post_init` has them after pickle and copy."""
    for made in (Ready(), pickle.loads(pickle.dumps(Ready())), copy.copy(Ready()), copy.deepcopy(Ready())):
        assert made._state == ["ready"]


class Ready(Component):
    """Sets itself up by hand."""

    slug: ClassVar[str] = "ready"

    _state: list[str] = PrivateAttr(default_factory=list)

    def model_post_init(self, _: Any, /) -> None:
        self._state.append("ready")


def test_a_cached_property_is_no_configuration() -> None:
    """What lies in the instance beside its fields is neither copied nor pickled."""
    made = Plain()
    made.__dict__["cached"] = threading.Lock()

    assert "cached" not in pickle.loads(pickle.dumps(made)).__dict__
    assert "cached" not in copy.deepcopy(made).__dict__
    assert made == Plain()


def test_a_component_works_in_a_fork(vault: Vault) -> None:
    """A forked child has the configuration, secrets included, without a pickle between."""
    vault.open()
    child = os.fork()
    if child == 0:
        os._exit(0 if copy.copy(vault) == vault and vault.secret_values()["password"] == HIDDEN else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_component_reaches_a_fresh_process(tmp_path: Path) -> None:
    """A pickled block is all that a worker needs."""
    from holdall.builtin.local.block import LocalFileSystem

    block = LocalFileSystem(basepath=tmp_path)
    block.put("object", [b"from here"])
    script = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).get('object'))"
    done = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(block), capture_output=True, check=True)

    assert done.stdout.strip() == b"b'from here'"
