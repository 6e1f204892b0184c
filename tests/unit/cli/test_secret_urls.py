# SPDX-License-Identifier: Apache-2.0
"""No parser and no log gets to see a password."""

import hypothesis
from hypothesis import strategies as st
import pytest

from pci_sched.cli import secret_urls

_SECRET = st.text(min_size=4).filter(lambda each: "*" not in each)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "mysql+pymysql://nova:pw@db/nova",
            "mysql+pymysql://nova:***@db/nova",
        ),
        ("a://u:p@ss/w:rd@h/d", "a://u:***@h/d"),
        ("a://:pw@h", "a://:***@h"),
        ("a://u@h:3306/d?password=pw", "a://u@h:3306/d?***"),
        ("--nova-db=a://u:pw@h", "--nova-db=a://u:***@h"),
        ("sqlite:////tmp/nova.db", "sqlite:////tmp/nova.db"),
        ("0000:41:00.0", "0000:41:00.0"),
        ("a?b@c", "a?b@c"),
    ],
)
def test_a_url_is_shown_without_what_is_secret(text: str, shown: str) -> None:
    assert secret_urls.hide(text) == shown


@hypothesis.given(_SECRET)
def test_no_part_of_a_password_is_left(password: str) -> None:
    assert secret_urls.hide(f"a://u:{password}@h/d") == "a://u:***@h/d"


@pytest.mark.parametrize("option", [["--nova-db"], []])
def test_the_vault_gives_the_whole_value_back(option: list[str]) -> None:
    url = "mysql://u:pw@h/d?password=pw"
    argument = [url] if option else [f"--nova-db={url}"]
    vault = secret_urls.Vault([*option, *argument])
    assert "pw" not in " ".join(vault.shown)
    shown = vault.shown[-1].removeprefix("--nova-db=")
    assert vault.whole(shown) == url


def test_urls_that_differ_in_the_password_only_are_kept_apart() -> None:
    urls = ["a://u:one@h", "a://u:two@h", "a://u:one@h"]
    vault = secret_urls.Vault(urls)
    assert [vault.whole(each) for each in vault.shown] == urls


@pytest.mark.parametrize("said", [["a://u:***@h"], ["--reason=a://u:***@h"]])
def test_what_was_shown_once_is_not_taken_for_what_was_hidden(
    said: list[str],
) -> None:
    """Or the password would get into a history, by way of a reason."""
    for argv in (["a://u:pw@h", *said], [*said, "a://u:pw@h"]):
        vault = secret_urls.Vault(argv)
        wholes = {
            vault.whole(each.removeprefix("--reason=")) for each in vault.shown
        }
        assert wholes == {"a://u:pw@h", "a://u:***@h"}


def test_other_arguments_are_left_alone() -> None:
    argv = ["explain", "a.json", "--from=b.json", "-"]
    vault = secret_urls.Vault(argv)
    assert vault.shown == argv
    assert vault.whole("a.json") == "a.json"
