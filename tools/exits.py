"""What the field tools end with: one code for each thing that a tech would do about it."""

import enum


class Exit(enum.IntEnum):
    """Exit codes of the commands of a bench: `probe`, `flash`, `kit check` and so on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_DEVICE = 3
    SEVERAL_DEVICES = 4
    NO_PERMISSION = 5
    BUSY = 6
    NO_PROMPT = 7
    WRONG_BOARD = 10
    OLD_MICROPYTHON = 11
    DOWNGRADE = 12
    FOREIGN = 13
    TAMPERED = 14
    WRONG_SIGNATURE = 15
    OTHER_PROTOCOL = 16
    BOOTSEL = 17
    UNDELIVERED = 20
    PROVISIONED = 21
    DAMAGED = 22
    FAULTY = 23
    INTERRUPTED = 130


MEANING = {
    Exit.DONE: "done, or nothing had to be done",
    Exit.FAILED: "failed on the way: the line says what to check; run it again",
    Exit.USAGE: "wrong words, or a file (key, registry, sources) that cannot be used",
    Exit.NO_DEVICE: "no board there: plug it in, with a cable that carries data",
    Exit.SEVERAL_DEVICES: "several boards: name one with --port, or all with --all",
    Exit.NO_PERMISSION: "no permission on the port: join the group that the line names",
    Exit.BUSY: "another program holds the port: stop it, or take the gateway's cable",
    Exit.NO_PROMPT: "the board gives no prompt: hold the service button while plugging in",
    Exit.WRONG_BOARD: "the release is for another board",
    Exit.OLD_MICROPYTHON: "the board's MicroPython is too old: put a newer one on first",
    Exit.DOWNGRADE: "the board holds a newer release: --allow-downgrade if that is meant",
    Exit.FOREIGN: "the board holds somebody else's files: --foreign if that is meant",
    Exit.TAMPERED: "the release is damaged or tampered with: fetch it again",
    Exit.WRONG_SIGNATURE: "the release was signed by somebody else: ask for the right --key",
    Exit.OTHER_PROTOCOL: "the release speaks another protocol than these tools: take theirs",
    Exit.BOOTSEL: "the board waits for a UF2 image, or the image is not what it should be",
    Exit.UNDELIVERED: "records are not delivered yet: connect the gateway, or --lost REASON",
    Exit.PROVISIONED: "the dispenser is provisioned already: --again begins a new epoch",
    Exit.DAMAGED: "a journal does not verify",
    Exit.FAULTY: "a part of the dispenser, or of the way to the clinic, did not pass its test",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
}
"""For people: the table of `docs/field-guide.md` and of the help."""


class ToolError(RuntimeError):
    """Something a tech can do something about; one line that says what, and an exit code."""

    def __init__(self, text: str, exit: Exit = Exit.FAILED) -> None:  # noqa: A002
        super().__init__(text)
        self.exit = exit
