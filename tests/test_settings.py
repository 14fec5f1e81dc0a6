"""Settings: precedence of the layers, ARM IDs, problems and config.toml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kusto_magic.errors import InvalidInputError
from kusto_magic.hints import Hint, HintKind
from kusto_magic.models.endpoint import CLOUDS
from kusto_magic.models.target import Target
from kusto_magic.settings import MAX_FILE_SIZE, Settings, config_file, read_config, resolve, save

SUBSCRIPTION = "01234567-89ab-cdef-0123-456789abcdef"
OTHER = "11111111-89ab-cdef-0123-456789abcdef"
CLUSTER_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Kusto/clusters/cluster"
CLUSTER = {"subscription": SUBSCRIPTION, "resource_group": "group", "cluster": "cluster"}

Given = Mapping[str, str | None]


def resolved(options: Given | None = None, config: Given | None = None, file: str = "", **environ: str) -> Settings:
    return resolve(options or {}, config or {}, environ, file)


def problems(options: Given | None = None, config: Given | None = None, file: str = "", **environ: str) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        resolved(options, config, file, **environ)
    return [str(problem) for problem in caught.value.problems]


class TestLayers:
    def test_no_settings_give_defaults(self) -> None:
        assert resolved() == Settings()
        assert (Settings().wait, Settings().timeout_hours, dict(Settings().sources)) == ("auto", 4.0, {})

    @pytest.mark.parametrize(
        ("layers", "value", "source"),
        [
            (4, "o", "--resource-group"),
            (3, "c", "%config KustoImageMagics.resource_group"),
            (2, "e", "KUSTO_MAGIC_RESOURCE_GROUP"),
            (1, "f", "config.toml"),
        ],
    )
    def test_first_layer_with_a_value_wins(self, layers: int, value: str, source: str) -> None:
        found = resolved(
            {"resource_group": "o" if layers > 3 else None},
            {"resource_group": "c" if layers > 2 else ""},
            "resource_group = 'f'",
            KUSTO_MAGIC_RESOURCE_GROUP="e" if layers > 1 else " ",
        )
        assert found.resource_group == value
        assert found.sources == {"resource_group": source}

    def test_each_value_comes_from_its_own_layer(self) -> None:
        found = resolved(
            {"cluster": "c"}, {"wait": "no"}, "timeout_hours = 2\ncredential = 'cli'", KUSTO_MAGIC_CLOUD="china"
        )
        assert (found.cluster, found.wait, found.timeout_hours, found.credential) == ("c", "no", 2.0, "cli")
        assert found.sources == {
            "cluster": "--cluster",
            "wait": "%config KustoImageMagics.wait",
            "cloud": "KUSTO_MAGIC_CLOUD",
            "timeout_hours": "config.toml",
            "credential": "config.toml",
        }

    def test_unrelated_names_of_a_layer_are_ignored(self) -> None:
        assert resolved({"name": "x"}, {"dark": "x"}, KUSTO_MAGIC_HOME="/x", KUSTO_MAGIC_SOURCES="x") == Settings()

    def test_cloud_and_endpoint_are_one_choice(self) -> None:
        found = resolved({"endpoint": "http://127.0.0.1:1"}, file="cloud = 'china'")
        assert (found.endpoint, found.cloud) == ("http://127.0.0.1:1", "")
        assert "cloud" not in found.sources
        found = resolved({"cloud": "usgov"}, KUSTO_MAGIC_ENDPOINT="http://127.0.0.1:1")
        assert (found.endpoint, found.cloud) == ("", "usgov")

    @pytest.mark.parametrize("text", ["0.5", "168", "2e1"])
    def test_timeout_is_a_number_of_hours(self, text: str) -> None:
        assert resolved(KUSTO_MAGIC_TIMEOUT_HOURS=text).timeout_hours == float(text)
        assert resolved(file=f"timeout_hours = {text}").timeout_hours == float(text)


class TestTarget:
    def test_target_uses_cloud_or_endpoint(self) -> None:
        assert resolved(CLUSTER).target() == Target(*CLUSTER.values())
        assert resolved({**CLUSTER, "cloud": "china"}).target().scope == CLOUDS["china"].scope
        assert resolved({**CLUSTER, "endpoint": "http://127.0.0.1:1"}).target().endpoint == "http://127.0.0.1:1"

    def test_missing_values_have_the_setting_and_the_variable(self) -> None:
        with pytest.raises(InvalidInputError) as caught:
            resolved({"cluster": "cluster"}).target()
        assert [problem.field for problem in caught.value.problems] == ["subscription", "resource group"]
        setting = Hint(HintKind.SET_SETTING, "resource_group", ("KUSTO_MAGIC_RESOURCE_GROUP",))
        assert caught.value.problems[1].hint == setting
        assert caught.value.hint == Hint(HintKind.CHOOSE_CLUSTER)

    def test_invalid_values_are_named_with_their_source(self) -> None:
        with pytest.raises(InvalidInputError) as caught:
            resolved({**CLUSTER, "cluster": None}, KUSTO_MAGIC_CLUSTER="a.b", file="endpoint = 'ftp://x'").target()
        cluster, endpoint = caught.value.problems
        assert "'a.b'" in str(cluster)
        assert str(cluster).endswith("KUSTO_MAGIC_CLUSTER)")
        assert str(endpoint).endswith("(from config.toml)")


class TestClusterId:
    @pytest.mark.parametrize("text", [CLUSTER_ID, CLUSTER_ID[1:] + "/", f" {CLUSTER_ID}\n"])
    def test_arm_id_sets_all_three_parts(self, text: str) -> None:
        found = resolved({"cluster": text})
        assert found.target() == Target(*CLUSTER.values())
        assert found.sources == dict.fromkeys(CLUSTER, "--cluster")

    def test_arm_id_is_case_insensitive(self) -> None:
        assert resolved({"cluster": CLUSTER_ID.upper()}).cluster == "CLUSTER"

    def test_arm_id_overrides_lower_layers(self) -> None:
        found = resolved({"cluster": CLUSTER_ID}, {"subscription": OTHER}, "resource_group = 'else'")
        assert (found.subscription, found.resource_group) == (SUBSCRIPTION, "group")

    def test_arm_id_of_lower_layer_fills_missing_parts(self) -> None:
        found = resolved({"cluster": "mine"}, KUSTO_MAGIC_CLUSTER=CLUSTER_ID)
        assert (found.subscription, found.resource_group, found.cluster) == (SUBSCRIPTION, "group", "mine")

    @pytest.mark.parametrize("layer", ["same", "above"])
    def test_arm_id_that_contradicts_an_explicit_value_is_refused(self, layer: str) -> None:
        options = {"subscription": OTHER, "resource_group": "GROUP"}
        if layer == "same":
            messages = problems({**options, "cluster": CLUSTER_ID})
        else:
            messages = problems(options, KUSTO_MAGIC_CLUSTER=CLUSTER_ID)
        source = "--cluster" if layer == "same" else "KUSTO_MAGIC_CLUSTER"
        [message] = messages
        assert message.startswith("subscription: ")
        assert all(part in message for part in (source, f"'{OTHER}'", "--subscription"))

    @pytest.mark.parametrize(
        "text", ["a/b", CLUSTER_ID + "/databases/x", "/subscriptions//resourceGroups/g", "https://c.kusto.windows.net"]
    )
    def test_other_value_with_slashes_is_refused(self, text: str) -> None:
        assert "must be a name" in problems({"cluster": text})[0]

    def test_parts_of_the_arm_id_are_validated(self) -> None:
        with pytest.raises(InvalidInputError):
            resolved({"cluster": CLUSTER_ID.replace("/group/", "/%2e%2e/")}).target()


class TestProblems:
    @pytest.mark.parametrize(("name", "closest"), [("clii", "cli"), ("devise", "device"), ("AZ", "one of default,")])
    def test_unknown_sign_in_method_suggests_closest(self, name: str, closest: str) -> None:
        with pytest.raises(InvalidInputError, match=closest) as caught:
            resolved({"credential": name}, {}, "")
        assert "from --as" in str(caught.value)

    @pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "601", "inf"])
    def test_az_timeout_must_be_positive_and_at_most_ten_minutes(self, text: str) -> None:
        assert "number of seconds above 0, at most 600" in problems(KUSTO_MAGIC_AZ_TIMEOUT=text)[0]

    @pytest.mark.parametrize("text", ["no domain", "nodomain", "`id`", "-a.example", "a..example", "x." * 200 + "y1"])
    def test_tenant_must_be_an_id_or_a_domain(self, text: str) -> None:
        assert "is not a valid tenant" in problems(KUSTO_MAGIC_TENANT=text)[0]

    @pytest.mark.parametrize(
        "text", ["01234567-89ab-cdef-0123-456789abcdef", "contoso.onmicrosoft.com", "a.b-c.example"]
    )
    def test_sign_in_settings_are_resolved(self, text: str) -> None:
        found = resolved(KUSTO_MAGIC_TENANT=text, file="az_timeout = 60")
        assert found.sign_in == ("", text, 60.0)

    def test_all_problems_are_reported_at_once(self) -> None:
        messages = problems(
            {"wait": "maybe", "cloud": "mars", "endpoint": "http://127.0.0.1:1"},
            {"timeout_hours": "soon"},
            "clutser = 'x'",
        )
        assert [line.partition(":")[0] for line in messages] == [
            "config.toml",
            "endpoint",
            "wait",
            "cloud",
            "timeout hours",
        ]
        assert all(part in messages[2] for part in ("'maybe'", "--wait", "auto, yes, no"))

    @pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "169", "1e400", "x", "4h"])
    def test_invalid_timeout_is_refused(self, text: str) -> None:
        assert "above 0, at most 168" in problems(KUSTO_MAGIC_TIMEOUT_HOURS=text)[0]

    @pytest.mark.parametrize("key", ["password", "CLIENT_SECRET", "token", "api-key", "db_pwd"])
    def test_secret_in_the_file_is_refused_and_not_shown(self, key: str) -> None:
        messages = problems(file=f"{key} = 'HIDDEN'")
        assert "looks like a secret" in messages[0]
        assert "HIDDEN" not in messages[0]

    @pytest.mark.parametrize(
        ("file", "rule"),
        [
            ("clutser = 'HIDDEN'", "unknown setting 'clutser'; did you mean cluster?"),
            ("Resource-Group = 'HIDDEN'", "did you mean resource_group?"),
            ("zzz = 'HIDDEN'", "unknown setting 'zzz'"),
            ("sources = 'HIDDEN'", "unknown setting 'sources'"),
            ("[auth]\na = 'HIDDEN'", "unknown setting 'auth'"),
            ("cluster = 5", "'cluster' must be a string in quotes"),
            ("wait = true", "'wait' must be a string"),
            ("[cluster]\nname = 'HIDDEN'", "'cluster' must be a string"),
            ("timeout_hours = '4'", "'timeout_hours' must be a number"),
            ("az_timeout = '60'", "'az_timeout' must be a number of seconds"),
            ("timeout_hours = true", "'timeout_hours' must be a number"),
            (f"timeout_hours = 0x{'f' * 900}", "'timeout_hours' must be a number"),
            ("cluster = 'a'\ncluster = 'b'\n", "not valid TOML: Cannot overwrite a value (at line 2, column 14)"),
            ("\n\ncluster = HIDDEN", "line 3, column 11"),
            ("cluster = '" + "x" * 1000 + "'", "a line of more than 1,000 characters"),
            ("#" * 900 + "\n" + "# \n" * MAX_FILE_SIZE, "larger than 64 kB"),
            ("a = " + "[" * 900, "nested too deeply"),
        ],
    )
    def test_invalid_config_file_is_refused(self, file: str, rule: str) -> None:
        messages = problems(file=file)
        assert rule in messages[0]
        assert "HIDDEN" not in messages[0]

    def test_invalid_file_does_not_hide_other_problems(self) -> None:
        assert len(problems({"wait": "x"}, file="a = ")) == 2

    def test_secrets_and_control_characters_are_not_shown(self) -> None:
        messages = problems({"cluster": "https://u:HIDDEN@h/\x1b"})
        assert "HIDDEN" not in messages[0]
        assert "\x1b" not in messages[0]


@given(st.text(max_size=200))
def test_any_file_gives_settings_or_problems(text: str) -> None:
    with suppress(InvalidInputError):  # any other exception is a bug
        found = resolve({}, {}, {}, text)
        assert found == Settings() or found.sources


class TestFile:
    def test_config_file_path(self, tmp_path: Path) -> None:
        assert config_file({"KUSTO_MAGIC_HOME": str(tmp_path)}) == tmp_path / "config.toml"
        assert config_file({}).parts[-2:] == ("kusto-magic", "config.toml")

    def test_missing_file_is_empty(self, tmp_path: Path) -> None:
        assert read_config(tmp_path / "config.toml") == ""
        (tmp_path / "file").touch()
        assert read_config(tmp_path / "file" / "config.toml") == ""

    def test_file_text_is_returned(self, tmp_path: Path) -> None:
        path = tmp_path / "config.toml"
        path.write_bytes("\ufeffresource_group = 'grün'\r\n".encode())
        assert resolved(file=read_config(path)).resource_group == "grün"

    @pytest.mark.parametrize(
        ("content", "rule"), [(b"\xff\xfe", "not valid UTF-8"), (b" " * (MAX_FILE_SIZE + 1), "larger than 64 kB")]
    )
    def test_invalid_file_raises(self, tmp_path: Path, content: bytes, rule: str) -> None:
        path = tmp_path / "config.toml"
        path.write_bytes(content)
        with pytest.raises(InvalidInputError, match=rule):
            read_config(path)

    @pytest.mark.skipif(os.name == "nt", reason="Windows reports another error")
    def test_folder_raises(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match="Is a directory"):
            read_config(tmp_path)


class TestSaving:
    def test_saved_cluster_is_read_back_and_other_lines_stay(self, tmp_path: Path) -> None:
        path = tmp_path / "folder" / "config.toml"
        save(path, {**CLUSTER, "cloud": "", "endpoint": ""})
        assert resolved(file=read_config(path)).target() == Target(SUBSCRIPTION, "group", "cluster")
        path.write_text('# mine\ncluster = "old"\nwait = "yes"\ncloud = "china"\n', encoding="utf-8")
        save(path, {**CLUSTER, "cloud": "", "endpoint": ""})
        settings = resolved(file=read_config(path))
        assert (settings.cluster, settings.wait, settings.cloud) == ("cluster", "yes", "")
        assert "# mine" in read_config(path)
        assert [entry.name for entry in path.parent.iterdir()] == ["config.toml"]

    @pytest.mark.parametrize("group", ["Ärzte", "a(b)", "_x.y-z"])
    def test_names_of_every_kind_are_saved(self, tmp_path: Path, group: str) -> None:
        path = tmp_path / "config.toml"
        save(path, {**CLUSTER, "resource_group": group})
        assert resolved(file=read_config(path)).resource_group == group

    def test_invalid_file_is_left_unchanged(self, tmp_path: Path) -> None:
        path = tmp_path / "config.toml"
        path.write_text("password = 5\n", encoding="utf-8")
        with pytest.raises(InvalidInputError, match="looks like a secret"):
            save(path, CLUSTER)
        assert read_config(path) == "password = 5\n"

    def test_unwritable_folder_raises(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(InvalidInputError, match="cannot be written"):
            save(tmp_path / "file" / "config.toml", CLUSTER)
