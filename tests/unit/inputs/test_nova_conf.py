# SPDX-License-Identifier: Apache-2.0
"""What is read of a nova.conf, and what is said of one that cannot be."""

import pathlib

import pytest

from pci_sched import exception
from pci_sched.inputs import nova_conf


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "nova.conf"


def test_an_empty_file_has_novas_defaults(path: pathlib.Path) -> None:
    path.write_text("")
    assert nova_conf.read([path]) == nova_conf.NovaPciConfig()


def test_no_file_has_them_too() -> None:
    assert nova_conf.read([]) == nova_conf.NovaPciConfig()


def test_other_options_do_not_disturb(path: pathlib.Path) -> None:
    path.write_text(
        "[DEFAULT]\ntransport_url = rabbit://u:p$$w@host/\nmy_ip = $unknown\n"
        "[pci]\nnew_option = {\nreport_in_placement = true\n"
        'device_spec = {"vendor_id": "8086"}\n'
        'device_spec = [{"address": "*:0a:00.*"}]\n'
        'alias = {"name": "qat"}\n'
        "[filter_scheduler]\nenabled_filters = A,B\npci_in_placement = True\n"
    )
    assert nova_conf.read([path]) == nova_conf.NovaPciConfig(
        device_spec=('{"vendor_id": "8086"}', '[{"address": "*:0a:00.*"}]'),
        alias=('{"name": "qat"}',),
        report_in_placement=True,
        pci_in_placement=True,
    )


def test_a_value_goes_on_in_indented_lines(path: pathlib.Path) -> None:
    path.write_text('[pci]\ndevice_spec = [{"a": "1"},\n  {"b": "2"}]\n')
    expected = ('[{"a": "1"},\n{"b": "2"}]',)
    assert nova_conf.read([path]).device_spec == expected


def test_old_names_add_up_with_the_new(path: pathlib.Path) -> None:
    path.write_text(
        "[DEFAULT]\npci_alias = 1\npci_passthrough_whitelist = 2\n"
        "[pci]\nalias = 3\npassthrough_whitelist = 4\ndevice_spec = 5\n"
    )
    found = nova_conf.read([path])
    assert sorted(found.alias) == ["1", "3"]
    assert sorted(found.device_spec) == ["2", "4", "5"]


def test_files_add_up_in_their_order_and_directories_come_last(
    tmp_path: pathlib.Path,
) -> None:
    directory = tmp_path / "conf.d"
    directory.mkdir()
    places = ["b.conf", "a.conf", "conf.d/2.conf", "conf.d/1.conf"]
    for place in [*places, "conf.d/3.txt", "conf.d/.4.conf"]:
        (tmp_path / place).write_text(f"[pci]\nalias = {place}\n")
    files = [tmp_path / "b.conf", tmp_path / "a.conf"]
    assert nova_conf.read(files, [directory]).alias == (
        "b.conf",
        "a.conf",
        "conf.d/1.conf",
        "conf.d/2.conf",
    )


def test_of_a_boolean_the_last_counts(tmp_path: pathlib.Path) -> None:
    files = [tmp_path / "1.conf", tmp_path / "2.conf"]
    for file, word in zip(files, ("true", "false"), strict=True):
        file.write_text(f"[pci]\nreport_in_placement = {word}\n")
    assert not nova_conf.read(files).report_in_placement


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('{"bus": "0a$"}', '{"bus": "0a$"}', id="at an end"),
        pytest.param("$$host", "$host", id="doubled"),
        pytest.param("\\$host", "$host", id="behind a backslash"),
        pytest.param("$host", "cpt1", id="before an option"),
        pytest.param("${host}s", "cpt1s", id="with braces"),
        pytest.param("$me", "cpt1!", id="before one with another in it"),
        pytest.param("$neutron.region", "r1", id="before group and option"),
    ],
)
def test_a_dollar_sign_stands(
    path: pathlib.Path, value: str, expected: str
) -> None:
    path.write_text(
        "[DEFAULT]\nhost = cpt1\nme = $host!\n[neutron]\nregion = r1\n"
        f"[pci]\nalias = {value}\n"
    )
    assert nova_conf.read([path]).alias == (expected,)


def test_the_environment_is_not_novas(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PCI__ALIAS", "theirs")
    path.write_text("[pci]\nalias = ours\n")
    assert nova_conf.read([path]).alias == ("ours",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            b"[pci]\nalias\n",
            r"at .*nova\.conf:2, No ':' or '=' found in assignment: 'alias'",
            id="a line that is no option",
        ),
        pytest.param(
            b"alias = 5\n",
            r"at .*nova\.conf:1, Section must be started",
            id="no section",
        ),
        pytest.param(b"[pci]\n# \xff\n", "can't decode byte", id="no text"),
        pytest.param(
            b"[pci]\nreport_in_placement = maybe\n",
            "Unexpected boolean value 'maybe'",
            id="no boolean",
        ),
        pytest.param(
            b"[pci]\nalias = $my_ip\n",
            r"\$my_ip is used in a value, but no file sets it",
            id="a reference to what is not in the file",
        ),
        pytest.param(
            b"[pci]\nalias = $device_spec\ndevice_spec = $alias\n",
            "recursion",
            id="a circle of references",
        ),
    ],
)
def test_a_file_that_is_wrong_is_named(
    path: pathlib.Path, text: bytes, problem: str
) -> None:
    path.write_bytes(text)
    with pytest.raises(exception.ConfigInvalid, match=problem) as caught:
        nova_conf.read([path])
    assert caught.value.path == str(path)


def test_a_file_that_is_not_there_is_named(path: pathlib.Path) -> None:
    with pytest.raises(exception.ConfigInvalid) as caught:
        nova_conf.read([path])
    assert str(caught.value) == f"{path}: No such file or directory"


def test_a_directory_is_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(exception.ConfigInvalid) as caught:
        nova_conf.read([tmp_path])
    assert str(caught.value) == f"{tmp_path}: Is a directory"


def test_a_directory_that_is_not_there_is_named(path: pathlib.Path) -> None:
    with pytest.raises(exception.ConfigInvalid) as caught:
        nova_conf.read([], [path])
    assert str(caught.value) == f"{path}: No such file or directory"
