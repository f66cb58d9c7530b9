"""What a HELLO says about the dispenser behind it."""

from protocol import schema


def ills_of(hello: schema.Hello) -> str:
    """Return why a dispenser cannot do all its work, "" if it can."""
    if hello.version != schema.PROTOCOL_VERSION:
        return f"speaks protocol version {hello.version}"
    if hello.service != schema.Service.ok:
        return f"needs service: {name_of(hello.service)}"
    return "has no journal" if hello.epoch == 0 else ""


def can_be_read(hello: schema.Hello) -> bool:
    """Tell whether there is a journal that can be read.

    One without a key cannot grow, but what it holds is the patient's.
    """
    return hello.version == schema.PROTOCOL_VERSION and hello.epoch != 0


def life_of(hello: schema.Hello) -> tuple[bytes, int]:
    """Return what makes one life of a journal: device id and epoch."""
    return hello.device_id, hello.epoch


def name_of(code: int) -> str:
    """Return the name of a code, its number if this version does not know it."""
    return getattr(code, "name", None) or str(int(code))
