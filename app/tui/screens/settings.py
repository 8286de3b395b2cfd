"""The settings screen: every setting, where it comes from, and what it does."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Button, Footer, Input, Label, Select, Static

from docqa.app.config import Settings, user_file
from docqa.app.live_check import LiveCheck, check_live
from docqa.app.tui import settings_form
from docqa.app.tui.settings_form import SettingRow
from docqa.app.tui.themes import theme_names, use_theme
from docqa.engine.errors import ConfigError

PAUSE_SECONDS = 0.6
"""After the last key, before the settings are tried."""


class SettingsScreen(ModalScreen[Settings | None]):
    """Changes settings; gives the new ones back, or None when nothing was saved.

    What is chosen is tried at once, in a process of its own, and the theme is shown at once.
    """

    DEFAULT_CSS = """
    SettingsScreen {
        align: center middle;
        #settings-box {
            width: 100; max-width: 96%; height: 94%;
            background: $surface; border: round $border;
            border-title-color: $text-accent; border-subtitle-color: $text-muted;
        }
        #settings-form { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
        .setting-group { color: $text-accent; text-style: bold; margin-top: 1; }
        .setting-line { height: auto; }
        .setting-title { width: 13; padding: 0 1; }
        .setting-field { width: 1fr; max-width: 60; }
        Input.setting-field { background: $panel; padding: 0 1; }
        Input.setting-field:focus { background: $primary 30%; }
        Select.setting-field SelectCurrent { background: $panel; padding: 0 1; }
        Select.setting-field:focus SelectCurrent { background: $primary 30%; }
        .setting-field:disabled { opacity: 100%; color: $text-muted; background: $surface; }
        .setting-note { padding: 0 1 0 14; color: $text-muted; }
        .setting-note.-wrong { color: $text-error; }
        #settings-live {
            height: auto; max-height: 8; padding: 0 2; border-top: solid $border-blurred;
        }
        #settings-buttons { height: auto; padding: 0 2; align-horizontal: right; }
        #settings-buttons Button { margin-left: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="settings.save", priority=True),
        Binding("escape", "leave", "Leave as it was", id="settings.leave"),
    ]

    def __init__(self, settings: Settings) -> None:
        """Start from the settings the application runs with."""
        super().__init__()
        self.groups = settings_form.setting_rows(settings)
        self.rows = {row.key: row for _, rows in self.groups for row in rows}
        self._theme_before = ""
        self._theme_shown = self.rows["theme"].value

    def compose(self) -> ComposeResult:
        with Vertical(id="settings-box") as box:
            box.border_title = "Settings"
            box.border_subtitle = Content(str(user_file()))
            with VerticalScroll(id="settings-form", can_focus=False):
                for title, rows in self.groups:
                    yield Label(title, classes="setting-group")
                    for row in rows:
                        yield from self._compose_row(row)
            yield Static("", id="settings-live")
            with Horizontal(id="settings-buttons"):
                yield Button("Save", variant="primary", id="settings-save", compact=True)
                yield Button("Leave as it was", id="settings-leave", compact=True)
        yield Footer()

    def _compose_row(self, row: SettingRow) -> ComposeResult:
        with Horizontal(classes="setting-line"):
            yield Label(row.title, classes="setting-title")
            yield self._field(row)
        yield Static(_note(row), id=f"note-{row.key}", classes="setting-note")

    def _field(self, row: SettingRow) -> Widget:
        choices = tuple(theme_names(self.app)) if row.key == "theme" else row.choices
        if choices and not row.locked:
            known = choices if row.value in choices else (row.value, *choices)
            return Select(
                [(Text(name), name) for name in known],
                value=row.value,
                allow_blank=False,
                compact=True,
                id=f"field-{row.key}",
                classes="setting-field",
            )
        return Input(
            row.value,
            type="integer" if row.is_number else "text",
            compact=True,
            disabled=bool(row.locked),
            suggester=SuggestFromList(row.suggestions, case_sensitive=False),
            id=f"field-{row.key}",
            classes="setting-field",
        )

    def on_mount(self) -> None:
        """Try what holds now."""
        self._theme_before = self.app.theme
        self.try_settings()

    def values(self) -> dict[str, str]:
        """What the form says now."""
        found = {}
        for key in self.rows:
            field = self.query_one(f"#field-{key}")
            assert isinstance(field, Input | Select)
            found[key] = str(field.value)
        return found

    @on(Input.Changed)
    @on(Select.Changed)
    def changed(self, event: Input.Changed | Select.Changed) -> None:
        """Explain what is wrong beside it, show a theme, and try the rest."""
        theme = self.values()["theme"]
        if theme != self._theme_shown:
            self._theme_shown = theme
            use_theme(self.app, theme)
        elif not self._explain(settings_form.problems(self.values())):
            self.try_settings()

    @work(exclusive=True)
    async def try_settings(self) -> None:
        """Show what a question would use with what the form says."""
        live = self.query_one("#settings-live", Static)
        live.update(Content.styled("Looking what is really there …", "dim"))
        await asyncio.sleep(PAUSE_SECONDS)
        live.update(_live(await check_live(self.values())))

    @on(Button.Pressed, "#settings-save")
    def action_save(self) -> None:
        """Write what differs and go back with it; stay where something is wrong."""
        values = self.values()
        wrong = settings_form.problems(values)
        if self._explain(wrong):
            self.query_one(f"#field-{next(iter(wrong))}").focus()
            self.app.bell()
            return
        try:
            rows = list(self.rows.values())
            changed = settings_form.save(values, rows)
            fresh = settings_form.reload(rows)
        except (ConfigError, OSError) as error:
            self.notify(str(error), title="Not saved", severity="error", markup=False)
            return
        self.workers.cancel_node(self)
        self.dismiss(fresh if changed else None)

    @on(Button.Pressed, "#settings-leave")
    def action_leave(self) -> None:
        """Go back and change nothing."""
        self.app.theme = self._theme_before
        self.workers.cancel_node(self)
        self.dismiss(None)

    def _explain(self, wrong: dict[str, str]) -> bool:
        """Put what is wrong beside its field; whether anything is."""
        for key, row in self.rows.items():
            note = self.query_one(f"#note-{key}", Static)
            note.set_class(key in wrong, "-wrong")
            note.update(Content(f"✗ {wrong[key]}") if key in wrong else _note(row))
        if wrong:
            self.workers.cancel_node(self)
            text = "Nothing is tried while a setting is wrong."
            self.query_one("#settings-live", Static).update(Content.styled(text, "dim"))
        return bool(wrong)


def _note(row: SettingRow) -> Content:
    if row.locked:
        return Content.assemble(("locked: ", "$text-warning"), row.locked)
    return Content.assemble(row.about, ("" if row.source == "default" else f" · {row.source}", ""))


def _live(found: LiveCheck) -> Content:
    lines = [
        Content.assemble(("✓ ", "$text-success"), (f"{name:<8}", "dim"), fact)
        for name, fact in found.facts
    ]
    lines += [Content.assemble(("✗ ", "$text-error"), problem) for problem in found.problems]
    return Content("\n").join(lines)
