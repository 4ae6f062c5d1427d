"""Check how settings are declared, shown, found, overridden and told apart."""

import copy
import dataclasses
import gc
import pickle
import threading
import traceback
import typing
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import openviper.conf
from openviper.conf import Settings
from openviper.conf.lazy import LazySettings
from openviper.exceptions import ImproperlyConfigured, OpenViperError

WriteModule = Callable[[str, str], None]


@dataclasses.dataclass(frozen=True)
class MySettings(Settings):
    MEDIA_ROOT: str = "media"
    MEDIA_URL: str = "/media/"
    DEFAULT_FILE_STORAGE: str = "myproject.storage.S3Storage"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecretSettings(Settings):
    SECRET_KEY: str = "s3cr3t"
    API_TOKEN: str | None = "s3cr3t"
    DB_PASSWORD: str = "s3cr3t"
    WEBHOOK_URL: str = "https://hooks.example/s3cr3t"
    BROKERS: tuple[str, ...] = ("redis://me:s3cr3t@example",)
    EXTRA: dict[str, str] = dataclasses.field(default_factory=lambda: {"a": "s3cr3t"})


class Undecorated(Settings):
    MEDIA_ROOT: str = "elsewhere"


@dataclasses.dataclass(frozen=True)
class BelowUndecorated(Undecorated):
    MEDIA_URL: str = "/m/"


@dataclasses.dataclass(frozen=True)
class Unannotated(Settings):
    MEDIA_ROOT = "elsewhere"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted(Settings):
    API_TOKEN: str = "s3cr3t"


@dataclasses.dataclass(frozen=True)
class OwnPostInit(Settings):
    DERIVED: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "DERIVED", f"{self.MEDIA_ROOT}/derived")


@dataclasses.dataclass(frozen=True)
class PolitePostInit(Settings):
    def __post_init__(self) -> None:
        super().__post_init__()


SETTINGS_MODULE = """
    import dataclasses
    from openviper.conf import Settings

    @dataclasses.dataclass(frozen=True)
    class Base(Settings):
        MEDIA_ROOT: str = "base"

    @dataclasses.dataclass(frozen=True)
    class Production(Base):
        MEDIA_ROOT: str = "production"
"""

TWO_LEAVES = (
    SETTINGS_MODULE
    + """
    @dataclasses.dataclass(frozen=True)
    class Staging(Base):
        MEDIA_ROOT: str = "staging"
"""
)


@pytest.fixture
def settings() -> LazySettings:
    return LazySettings()


# Declaring


def test_the_defaults_are_those_of_the_contract() -> None:
    assert dataclasses.asdict(Settings()) == {
        "MEDIA_ROOT": "media",
        "MEDIA_URL": "/media/",
        "DEFAULT_FILE_STORAGE": "filesystem",
        "STORAGE_OPTIONS": {},
        "STORAGES": {},
        "STORAGE_MAX_BUFFER": 64 << 20,
        "DATABASE_URL": "sqlite+aiosqlite:///db.sqlite3",
    }


def test_the_lazy_settings_declare_the_same_types() -> None:
    assert typing.get_type_hints(LazySettings) == typing.get_type_hints(Settings)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(Settings(), "MEDIA_ROOT", "x")  # noqa: B010 - a type checker refuses it


def test_settings_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(MySettings())) == MySettings()


def test_a_subclass_without_the_decorator_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="Undecorated is not a dataclass"):
        Undecorated()


def test_a_base_without_the_decorator_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^Undecorated is not a dataclass"):
        BelowUndecorated()


def test_a_value_without_annotation_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"Unannotated\.MEDIA_ROOT has no annotation"):
        Unannotated()


def test_a_slotted_subclass_works() -> None:
    assert Slotted(API_TOKEN="x").API_TOKEN == "x"


def test_a_subclass_with_its_own_post_init_works() -> None:
    assert OwnPostInit(MEDIA_ROOT="m").DERIVED == "m/derived"


def test_a_post_init_that_calls_super_works() -> None:
    assert PolitePostInit().MEDIA_ROOT == "media"


@pytest.mark.parametrize(
    "values",
    [
        {"MEDIA_ROOT": 1},
        {"MEDIA_URL": None},
        {"DEFAULT_FILE_STORAGE": Settings},
        {"STORAGE_OPTIONS": ["bucket"]},
        {"STORAGES": "s3cr3t"},
        {"STORAGE_MAX_BUFFER": "64"},
        {"STORAGE_MAX_BUFFER": True},
        {"STORAGE_MAX_BUFFER": 0},
        {"DATABASE_URL": None},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{next(iter(values))} must be "):
        Settings(**values)


def test_a_refusal_never_shows_the_value() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        Settings(STORAGE_OPTIONS="s3cr3t")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert "s3cr3t" not in str(caught.value)


def test_media_root_may_be_a_path(tmp_path: Path, settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT=tmp_path) as changed:
        assert Path(changed.MEDIA_ROOT) == tmp_path


def test_improperly_configured_is_an_openviper_error() -> None:
    assert issubclass(ImproperlyConfigured, OpenViperError)


# Showing


def test_repr_shows_plain_settings() -> None:
    assert repr(MySettings()).startswith("MySettings(MEDIA_ROOT='media', MEDIA_URL='/media/', ")


def test_repr_of_a_subclass_hides_every_secret() -> None:
    assert "s3cr3t" not in repr(SecretSettings())


def test_repr_hides_options_as_a_whole() -> None:
    assert "STORAGE_OPTIONS=***" in repr(Settings(STORAGE_OPTIONS={"access": "s3cr3t"}))


def test_repr_hides_storages_as_a_whole() -> None:
    assert "STORAGES=***" in repr(Settings(STORAGES={"default": "s3://s3cr3t"}))


@pytest.mark.parametrize(
    "url",
    [
        "s3://id:s3cr3t@bucket",
        "s3://id:s3/s3cr3t@bucket",
        "s3://bucket?region=eu&secret_key=s3cr3t",
    ],
)
def test_repr_hides_a_url_with_credentials(url: str) -> None:
    assert "s3cr3t" not in repr(Settings(DEFAULT_FILE_STORAGE=url))


def test_repr_hides_credentials_in_the_media_url() -> None:
    assert "s3cr3t" not in repr(Settings(MEDIA_URL="https://me:s3cr3t@cdn.example/"))


def test_repr_hides_the_database() -> None:
    assert "s3cr3t" not in repr(Settings(DATABASE_URL="postgresql+asyncpg://me:s3cr3t@db/app"))


def test_repr_shows_a_url_without_credentials() -> None:
    assert "s3://bucket/prefix?region=eu" in repr(
        Settings(DEFAULT_FILE_STORAGE="s3://bucket/prefix?region=eu")
    )


def test_repr_of_a_slotted_subclass_hides_its_secret() -> None:
    assert "s3cr3t" not in repr(Slotted())


def test_repr_written_by_the_user_is_kept() -> None:
    @dataclasses.dataclass(frozen=True)
    class Quiet(Settings):
        def __repr__(self) -> str:
            return "quiet"

    assert repr(Quiet()) == "quiet"


def test_repr_of_the_lazy_settings_hides_every_secret(settings: LazySettings) -> None:
    settings.configure(SecretSettings())
    assert "s3cr3t" not in repr(settings)


def test_repr_of_the_lazy_settings_loads_nothing(settings: LazySettings) -> None:
    assert repr(settings) == "<LazySettings: not loaded>"


# Finding


def test_the_singleton_is_no_module() -> None:
    assert isinstance(openviper.conf.settings, LazySettings)


def test_settings_are_plain_by_default(settings: LazySettings) -> None:
    assert settings.current().settings == Settings()


def test_the_environment_is_read_at_first_use(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_MEDIA_ROOT", "/srv/media")
    assert settings.MEDIA_ROOT == "/srv/media"


def test_a_private_name_loads_nothing(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "nowhere")
    assert not hasattr(settings, "__wrapped__")


def test_an_unknown_setting_is_an_attribute_error(settings: LazySettings) -> None:
    with pytest.raises(AttributeError, match="NOPE"):
        settings.NOPE  # noqa: B018 - reading is the test


def test_settings_can_not_be_assigned(settings: LazySettings) -> None:
    with pytest.raises(AttributeError, match=r"settings\.override"):
        settings.MEDIA_ROOT = "x"


def test_the_module_gives_its_most_derived_class(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", SETTINGS_MODULE)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    assert settings.MEDIA_ROOT == "production"


def test_the_module_may_be_followed_by_a_class(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", SETTINGS_MODULE)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings:Base")
    assert settings.MEDIA_ROOT == "base"


def test_an_alias_in_the_module_is_not_ambiguous(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", SETTINGS_MODULE + "\n    Current = Production\n")
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    assert settings.MEDIA_ROOT == "production"


def test_a_class_imported_by_the_module_counts(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.production", SETTINGS_MODULE)
    write_module("pkg.settings", "from pkg.production import Production")
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    assert settings.MEDIA_ROOT == "production"


def test_an_ambiguous_module_names_its_classes(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", TWO_LEAVES)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    with pytest.raises(ImproperlyConfigured, match="several settings classes: Production, Staging"):
        settings.current()


def test_a_module_without_settings_is_refused(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", "from openviper.conf import Settings")
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    with pytest.raises(ImproperlyConfigured, match="has no subclass of"):
        settings.current()


def test_a_class_that_is_no_settings_is_refused(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pathlib:Path")
    with pytest.raises(ImproperlyConfigured, match="pathlib:Path is not a subclass of"):
        settings.current()


def test_a_missing_settings_module_is_named(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "nowhere.settings")
    with pytest.raises(ImproperlyConfigured, match="there is no module 'nowhere'"):
        settings.current()


def test_a_loaded_class_without_the_decorator_is_refused(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from openviper.conf import Settings\nclass Mine(Settings):\n    MEDIA_ROOT = 'x'\n"
    write_module("pkg.settings", source)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    with pytest.raises(ImproperlyConfigured, match="Mine is not a dataclass"):
        settings.current()


def test_a_failed_loading_is_tried_again(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "nowhere")
    with pytest.raises(ImproperlyConfigured):
        settings.current()
    monkeypatch.delenv("OPENVIPER_SETTINGS_MODULE")
    assert settings.MEDIA_ROOT == "media"


def test_threads_that_load_at_once_see_one_state(settings: LazySettings) -> None:
    gate = threading.Barrier(8)

    def load() -> object:
        gate.wait()
        return settings.current()

    with ThreadPoolExecutor(8) as pool:
        states = {future.result() for future in [pool.submit(load) for _ in range(8)]}
    assert len(states) == 1


# The environment


def test_the_environment_wins_over_the_loaded_class(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", SETTINGS_MODULE)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    monkeypatch.setenv("OPENVIPER_MEDIA_ROOT", "/srv")
    assert settings.MEDIA_ROOT == "/srv"


def test_the_environment_does_not_touch_a_configured_object(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_MEDIA_ROOT", "/srv")
    settings.configure(MySettings())
    assert settings.MEDIA_ROOT == "media"


def test_a_mapping_in_the_environment_is_json(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_STORAGE_OPTIONS", '{"bucket": "b", "signed": true}')
    assert settings.STORAGE_OPTIONS == {"bucket": "b", "signed": True}


def test_an_int_in_the_environment_is_a_number(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENVIPER_STORAGE_MAX_BUFFER", "1024")
    assert settings.STORAGE_MAX_BUFFER == 1024


EXTRA_FIELDS = """
    from __future__ import annotations
    import dataclasses
    from openviper.conf import Settings

    @dataclasses.dataclass(frozen=True)
    class Mine(Settings):
        REQUIRED: int
        DEBUG: bool = True
        RATE: float = 1.0
        API_TOKEN: str | None = None
        HOSTS: tuple[str, ...] = ()
"""


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("REQUIRED", "3", 3), ("DEBUG", "0", False), ("RATE", "2.5", 2.5), ("API_TOKEN", "t", "t")],
)
def test_the_settings_of_a_subclass_come_by_their_annotation(
    settings: LazySettings,
    write_module: WriteModule,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    value: object,
) -> None:
    write_module("pkg.settings", EXTRA_FIELDS)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    monkeypatch.setenv("OPENVIPER_REQUIRED", "1")
    monkeypatch.setenv(f"OPENVIPER_{name}", text)
    assert getattr(settings, name) == value


def test_a_setting_without_value_is_named(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", EXTRA_FIELDS)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    with pytest.raises(ImproperlyConfigured, match=r"Mine\.REQUIRED has no value"):
        settings.current()


def test_a_type_that_no_text_gives_is_refused(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", EXTRA_FIELDS)
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    monkeypatch.setenv("OPENVIPER_HOSTS", "a,b")
    with pytest.raises(ImproperlyConfigured, match="OPENVIPER_HOSTS: only"):
        settings.current()


def test_an_annotation_for_type_checkers_only_does_not_break_the_others(
    settings: LazySettings, write_module: WriteModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module("pkg.settings", EXTRA_FIELDS.replace("REQUIRED: int", "EXTRA: Nowhere = None"))
    monkeypatch.setenv("OPENVIPER_SETTINGS_MODULE", "pkg.settings")
    monkeypatch.setenv("OPENVIPER_MEDIA_ROOT", "/srv")
    assert settings.MEDIA_ROOT == "/srv"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("STORAGE_OPTIONS", '{"key": s3cr3t'),
        ("STORAGE_OPTIONS", '["s3cr3t"]'),
        ("STORAGE_MAX_BUFFER", "s3cr3t"),
    ],
)
def test_a_bad_variable_is_named_and_its_value_is_nowhere(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"OPENVIPER_{name}", text)
    with pytest.raises(ImproperlyConfigured, match=f"^OPENVIPER_{name} must be") as caught:
        settings.current()
    assert caught.value.__context__ is None
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


# Configuring


def test_configure_puts_an_object_in_force(settings: LazySettings) -> None:
    mine = MySettings()
    settings.configure(mine)
    assert settings.current().settings is mine


def test_configure_with_none_unloads(settings: LazySettings) -> None:
    settings.configure(MySettings(MEDIA_ROOT="x"))
    settings.configure(None)
    assert settings.MEDIA_ROOT == "media"


def test_configure_with_a_class_is_refused(settings: LazySettings) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"configure\(MySettings\(\)\)"):
        settings.configure(MySettings)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_configure_checks_what_a_post_init_did_not(settings: LazySettings) -> None:
    with pytest.raises(ImproperlyConfigured, match="STORAGE_MAX_BUFFER must be"):
        settings.configure(OwnPostInit(STORAGE_MAX_BUFFER=-1))


def test_a_refused_configure_changes_nothing(settings: LazySettings) -> None:
    before = settings.current()
    with pytest.raises(ImproperlyConfigured):
        settings.configure(OwnPostInit(STORAGE_MAX_BUFFER=-1))
    assert settings.current() is before


def test_configure_leaves_active_overrides_on_top(settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT="tmp"):
        settings.configure(MySettings())
        assert (settings.MEDIA_ROOT, settings.DEFAULT_FILE_STORAGE) == (
            "tmp",
            "myproject.storage.S3Storage",
        )


def test_configure_inside_an_override_stays_after_it(settings: LazySettings) -> None:
    mine = MySettings()
    with settings.override(MEDIA_ROOT="tmp"):
        settings.configure(mine)
    assert settings.current().settings is mine


def test_unloading_inside_an_override_keeps_the_override(settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT="tmp"):
        settings.configure(None)
        assert settings.MEDIA_ROOT == "tmp"


# Overriding


def test_override_changes_what_it_names(settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT="tmp"):
        assert (settings.MEDIA_ROOT, settings.MEDIA_URL) == ("tmp", "/media/")


def test_override_gives_the_settings_in_force(settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT="tmp") as changed:
        assert changed is settings.current().settings


def test_override_keeps_the_class(settings: LazySettings) -> None:
    settings.configure(MySettings())
    with settings.override(MEDIA_ROOT="tmp") as changed:
        assert type(changed) is MySettings


def test_override_restores_at_the_end(settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT="tmp"):
        pass
    assert settings.MEDIA_ROOT == "media"


def test_override_restores_after_an_exception(settings: LazySettings) -> None:
    with pytest.raises(ZeroDivisionError), settings.override(MEDIA_ROOT="tmp"):
        raise ZeroDivisionError
    assert settings.MEDIA_ROOT == "media"


def test_overrides_nest(settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT="outer"), settings.override(MEDIA_URL="/inner/"):
        assert (settings.MEDIA_ROOT, settings.MEDIA_URL) == ("outer", "/inner/")


def test_overrides_that_end_in_another_order_leave_nothing(settings: LazySettings) -> None:
    before = settings.current()
    first, second = settings.override(MEDIA_ROOT="1"), settings.override(MEDIA_ROOT="2")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert settings.MEDIA_ROOT == "2"
    second.__exit__(None, None, None)
    assert settings.current() is before


def test_override_is_seen_by_other_threads(settings: LazySettings) -> None:
    with settings.override(MEDIA_ROOT="tmp"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: settings.MEDIA_ROOT).result() == "tmp"


def test_override_decorates_a_function(settings: LazySettings) -> None:
    @settings.override(MEDIA_ROOT="tmp")
    def read() -> str:
        return settings.MEDIA_ROOT

    assert (read(), read(), settings.MEDIA_ROOT) == ("tmp", "tmp", "media")


def test_override_of_an_unknown_name_lists_the_known_ones(settings: LazySettings) -> None:
    with (
        pytest.raises(ImproperlyConfigured, match="no setting MEDIA_ROT; it has MEDIA_ROOT, "),
        settings.override(MEDIA_ROT="tmp"),
    ):
        pass


def test_override_with_a_bad_value_changes_nothing(settings: LazySettings) -> None:
    before = settings.current()
    with pytest.raises(ImproperlyConfigured), settings.override(MEDIA_URL=3):
        pass
    assert settings.current() is before


# The state


def test_the_state_stays_while_nothing_changes(settings: LazySettings) -> None:
    assert settings.current() is settings.current()


def test_an_override_has_a_state_of_its_own(settings: LazySettings) -> None:
    before = settings.current()
    with settings.override():
        assert settings.current() is not before


def test_the_state_is_back_after_an_override(settings: LazySettings) -> None:
    before = settings.current()
    with settings.override(MEDIA_ROOT="tmp"):
        pass
    assert settings.current() is before


def test_configuring_the_same_object_is_a_new_state(settings: LazySettings) -> None:
    mine = MySettings()
    settings.configure(mine)
    before = settings.current()
    settings.configure(mine)
    assert settings.current() is not before


def test_the_state_keys_a_weak_cache_until_it_is_gone(settings: LazySettings) -> None:
    cache: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
    with settings.override(STORAGE_OPTIONS={"not": "hashable"}):
        cache[settings.current()] = "kept"
    gc.collect()
    assert not cache


def test_equal_states_are_different_keys(settings: LazySettings) -> None:
    assert len({settings.current(), copy.copy(settings.current())}) == 2
