"""From evidence to fields: what every figure of an RTM programme is computed from.

A field that is missing in flash is lost for good; so each figure names its fields here, and the
names are checked against the schema. `Record.` fields stand in every record.
"""

import dataclasses

from construct_typed import DataclassMixin

from protocol import schema


class UnknownFieldError(ValueError):
    """The table names a field that the schema does not have."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure, the fields it is computed from, and how."""

    name: str
    fields: tuple[str, ...]
    how: str


_WHEN = ("Record.time", "Record.stamp", "Record.boot")

FIGURES: tuple[Figure, ...] = (
    Figure(
        "Monitored days (16 of 30, 2 to 15 of 30)",
        ("LidOpened.settings", "Dose.compartment", "Response.button", *_WHEN),
        "days with at least one verified access or response of mode patient; days with the lid "
        "alone are counted apart; never a heartbeat, never a correction",
    ),
    Figure(
        "Days with the device alive",
        ("Heartbeat.uptime", *_WHEN),
        "counted apart; proves coverage, not use",
    ),
    Figure(
        "Taking adherence",
        ("Dose.compartment", "DoseEnd.dwell", "DoseEnd.breaks", *_WHEN),
        "accesses by expected accesses, capped a day and uncapped; one access = one compartment "
        "within one opening",
    ),
    Figure(
        "Correct dosing",
        ("Dose.compartment", "Dose.window", "Dose.relation", "Dose.settings", *_WHEN),
        "days on which every due compartment was reached as often as due, and none in excess",
    ),
    Figure(
        "Timing adherence",
        (
            "Dose.window",
            "Dose.relation",
            "SettingsApplied.version",
            "TimeSet.uncertainty",
            *_WHEN,
        ),
        "accesses inside their window as the settings in force drew it; the dispenser's own word "
        "is checked against the record's time once that is placed",
    ),
    Figure(
        "Openings and their length",
        ("LidOpened.settings", "LidClosed.duration", "LidClosed.compartments", *_WHEN),
        "opened and closed are records of their own; unknown duration stays unknown",
    ),
    Figure(
        "Refill kept apart",
        ("Refill.action", "Refill.cause", "Refill.compartments", "Record.stamp"),
        "mode refill is never a dose; a possible refill waits for a person",
    ),
    Figure(
        "Technician and bench kept apart",
        ("Record.stamp", "Maintenance.uptime", "Tamper.kind"),
        "modes technician and bench never make a monitored day",
    ),
    Figure(
        "Prompted responses",
        ("PromptShown.prompt", "PromptShown.question", "Response.prompt", "Response.button"),
        "paired by prompt id only",
    ),
    Figure(
        "Unprompted responses",
        ("Response.prompt", "Response.question", "Response.button"),
        "prompt 0: belongs to no question, never assigned by guess",
    ),
    Figure(
        "Corrected responses",
        ("Response.corrects", "Response.button", *_WHEN),
        "the later of the two counts; both stay on record",
    ),
    Figure(
        "Response rate and unanswered prompts",
        ("PromptShown.prompt", "PromptExpired.prompt", "PromptExpired.reason", "Response.prompt"),
        "answered, expired and why",
    ),
    Figure(
        "Reminders and their effect",
        ("Reminder.window", "Reminder.step", "Dose.compartment"),
        "what was asked, how loudly, what followed",
    ),
    Figure(
        "Missed windows",
        ("WindowMissed.window", "WindowMissed.compartment", "WindowMissed.start"),
        "said by the dispenser, checked against its accesses",
    ),
    Figure(
        "Silence explained: no power",
        ("Boot.cause", "Boot.skipped", "Power.source", "Power.battery"),
        "the boot after it and the record before it bound the time without power",
    ),
    Figure(
        "Silence explained: no coverage",
        ("Heartbeat.uptime", "Record.time"),
        "records that arrive late show the dispenser alive; receipt times show the gateway away",
    ),
    Figure(
        "Silence explained: device fault",
        ("Fault.kind", "Fault.subject", "Fault.value", "Suppressed.type", "Suppressed.count"),
        "faults name the input; suppressed housekeeping is counted",
    ),
    Figure(
        "Silence explained: patient absent",
        ("Heartbeat.uptime", "State.active"),
        "alive, powered, inputs sound, nothing reached",
    ),
    Figure(
        "Records lost",
        ("Gap.first", "Gap.last", "Gap.cause", "Record.seq"),
        "lost only when a verified GAP covers it; otherwise missing, and asked for again",
    ),
    Figure(
        "Time quality and disputes",
        (
            "TimeSet.old",
            "TimeSet.old_ms",
            "TimeSet.old_quality",
            "TimeSet.new",
            "TimeSet.new_ms",
            "TimeSet.uptime",
            "TimeSet.uptime_ms",
            "TimeSet.uncertainty",
            "TimeSet.source",
            "Heartbeat.clock_age",
            "Record.stamp",
        ),
        "places records of an unsynced boot; steps over 5 min are disputed",
    ),
    Figure(
        "Settings in force",
        (
            "SettingsApplied.version",
            "SettingsApplied.previous",
            "SettingsApplied.counter",
            "SettingsRefused.version",
            "SettingsRefused.reason",
            "SettingsRefused.counter",
            "Dose.settings",
            "Response.settings",
        ),
        "every clinical record names its version",
    ),
    Figure(
        "Firmware in force",
        (
            "Boot.major",
            "Boot.minor",
            "Boot.patch",
            "Release.action",
            "Release.slot",
            "Release.major",
            "Release.minor",
            "Release.patch",
            "Release.reason",
        ),
        "each boot names it; each change is a record",
    ),
    Figure(
        "Seen by the clinic",
        ("Seen.next", "Seen.reason", "Seen.counter", *_WHEN),
        "when the patient could be shown that the clinic had seen a response: never before a "
        "watermark has passed it; what the clinic did with it is not in the data",
    ),
    Figure(
        "Whose record",
        ("Epoch.epoch", "Epoch.previous", "Epoch.reason", "Epoch.board_id", "Record.seq"),
        "dispenser and epoch are in the key of every tag; assignments are the backend's",
    ),
    Figure(
        "Unaltered",
        ("Record.tag", "Record.seq"),
        "each tag covers the record and the tag before it",
    ),
)


def check() -> None:
    """Compare every field named with the schema.

    Raises UnknownFieldError naming the figure and the field.
    """
    known: list[type[DataclassMixin]] = [schema.Record, *schema.RECORD_DATA.values()]
    classes = {cls.__name__: cls for cls in known}
    for figure in FIGURES:
        for path in figure.fields:
            name, _, field = path.partition(".")
            if name not in classes or field not in classes[name].__dataclass_fields__:
                raise UnknownFieldError(f"{figure.name}: the schema has no {path}")
